"""Running source and result on the same inputs, and comparing what came out, run by run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, MismatchError, MissingExtraError, UnsupportedError, UsageError
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.sequences import lengths_name
from mmdnn.progress import Silent
from mmdnn.verify import padding
from mmdnn.verify.arbiter import Judgement, Verdict, judge
from mmdnn.verify.compare import Difference, Tolerance, apart, difference
from mmdnn.verify.coverage import Coverage, varying
from mmdnn.verify.exact import Exact
from mmdnn.verify.feeds import Feed, Sizes, candidates, extras, feeds, inputs
from mmdnn.verify.proof import Runs
from mmdnn.verify.report import Layer, Report
from mmdnn.verify.runners import NothingRunsError, Runner, sentence
from mmdnn.verify.spill import spilled

Arrays = Mapping[str, np.ndarray]
Shapes = Mapping[str, tuple[int, ...]]

PATIENCE = 1.0
"""Seconds that searching for further inputs may take at least; else as long as the usual ones took."""


@dataclass(frozen=True)
class Found:
    """A source that runs, and what came out of it for the first feed.

    Attributes:
        runner: What runs it.
        sizes: What its free dimensions are made.
        feed: The first feed.
        values: What came out.
        shapes: Input name to shape, where the user has said it.
        notes: What the user should know.
    """

    runner: Runner
    sizes: Sizes
    feed: Feed
    values: Arrays
    shapes: Shapes | None = None
    notes: tuple[str, ...] = ()


def run_source(
    runners: Iterator[tuple[Runner | None, str]],
    model: ir.Model,
    shapes: Shapes | None = None,
    given: Feed | None = None,
) -> Found:
    """Run the source, in the first engine that can.

    Args:
        runners: What may run it; see `runners.of_source`.
        model: Its IR, which says what the inputs are.
        shapes: Input name to shape, where the user has said it.
        given: The first inputs, where the user gives them.

    Raises:
        NothingRunsError: Nothing can run it.
        MismatchError: An engine is there, and refuses it at every size tried.
    """
    notes: list[str] = []
    for runner, note in runners:
        if note:
            notes.append(note)
        if runner is None:
            continue
        try:
            sizes, feed, values = _fitting(runner, model, shapes, given)
        except (MissingExtraError, UnsupportedError) as error:
            notes.append(f"{runner.title}: {sentence(error)}")
        except Error as error:
            if runner.kind is Runs.ENGINE:
                raise MismatchError(
                    f"{runner.title} refuses the source: {sentence(error)}",
                    hint="Sizes that the files leave open can be said with --inputShape.",
                ) from error
            notes.append(f"{runner.title}: {sentence(error)}")
        else:
            return Found(runner, sizes, feed, values, shapes, tuple(notes))
    raise NothingRunsError(notes)


def _fitting(
    runner: Runner, model: ir.Model, shapes: Shapes | None, given: Feed | None
) -> tuple[Sizes, Feed, Arrays]:
    """The first sizes of the free dimensions that the model takes, and its outputs there."""
    failure: Error | None = None
    for sizes in candidates(model):
        feed = next(feeds(model, sizes, shapes))
        feed = feed if given is None else _given(feed, given, model)
        try:
            return sizes, feed, runner(feed.values)
        except (MissingExtraError, UnsupportedError):
            raise
        except Error as error:
            failure = failure or error
            if given is not None:
                break
    assert failure is not None
    raise failure


def _given(feed: Feed, given: Feed, model: ir.Model) -> Feed:
    """The user's inputs, by name or place; what they do not give is as usual."""
    names = [str(value.name) for value in inputs(model)]
    values = dict(feed.values)
    for key, array in given.values.items():
        place = 0 if key == "" else int(key) if key.isdigit() and key not in names else None
        name = key if place is None else names[place] if place < len(names) else key
        if name not in values:
            raise UsageError(
                f"the model has no input '{name}'", hint=f"Its inputs: {', '.join(names)}."
            )
        values[name] = array.astype(values[name].dtype, copy=False)
    return Feed(given.kind, values)


def verify(
    found: Found,
    target: Runner,
    model: ir.Model,
    *,
    tolerance: Tolerance | None = None,
    progress: Silent | None = None,
    more: int = 0,
) -> Report:
    """Run the target on what the source is run on, and compare every layer both know.

    Args:
        found: The source, which runs.
        target: What runs the other model.
        model: The source's IR: the order of the layers, their names, its outputs.
        tolerance: For floats.
        progress: Told of each run.
        more: How many further random feeds are wanted.

    Raises:
        MismatchError: The target cannot be run on what the source takes.
    """
    comparison = _Comparison(found, target, model, tolerance)
    begun = time.monotonic()
    comparison.add(found.feed, found.values)
    todo = comparison.usual(more)
    for feed in (progress or Silent()).each(todo, f"running {target.title}"):
        if not comparison.run(feed) and feed.is_batch:
            for alone in comparison.one_by_one():
                comparison.run(alone)
    comparison.search(max(PATIENCE, time.monotonic() - begun))
    return comparison.report()


class _Comparison:
    """Every value's worst difference so far."""

    def __init__(
        self, found: Found, target: Runner, model: ir.Model, tolerance: Tolerance | None
    ) -> None:
        self.found = found
        self.target = target
        self.model = model
        self.tolerance = tolerance
        self.strict = tolerance in (None, Tolerance())
        self.coverage = Coverage(model)
        self.varying = varying(model)
        self.order = {name: place for place, name in enumerate(_values(model))}
        self.makers = {str(out.name): node for node in model.graph for out in node.outputs}
        self.outputs = [str(value.name) for value in model.graph.outputs]
        self.worst: dict[str, Layer] = {}
        self.agreed: set[str] = set()
        self.only: tuple[set[str], set[str]] = (set(), set())
        self.feeds: list[str] = []
        self.notes = list(found.notes)
        self._exact: Exact | None = None

    @property
    def exact(self) -> Exact:
        """The model in float64, made when it is first needed."""
        if self._exact is None:
            self._exact = Exact(self.model)
        return self._exact

    def usual(self, more: int) -> list[Feed]:
        """What is always fed, the first apart."""
        model, sizes, shapes = self.model, self.found.sizes, self.found.shapes
        return [
            *list(feeds(model, sizes, shapes))[1:],
            *(
                replace(
                    next(feeds(model, replace(sizes, batch=sizes.batch + i), shapes)),
                    kind=f"random {i}",
                )
                for i in range(1, more + 1)
            ),
        ]

    def one_by_one(self) -> list[Feed]:
        """What is fed where the source takes no batch."""
        return list(feeds(self.model, self.found.sizes, self.found.shapes, batches=False))[1:-1]

    def run(self, feed: Feed) -> bool:
        """Run the source on further inputs, and compare; whether it takes them."""
        try:
            was = self.found.runner(feed.values)
        except Error as error:
            self.notes.append(
                f"The source does not take the input '{feed.kind}': {sentence(error)}"
            )
            return False
        self.add(feed, was)
        return True

    def search(self, seconds: float) -> None:
        """Try further kinds of inputs, while something is left unexercised."""
        begun = time.monotonic()
        shapes, sizes = self.found.shapes, self.found.sizes
        for feed in extras(self.model, sizes, shapes, self.feeds):
            before = self.coverage.missing()
            if not before or time.monotonic() - begun > seconds:
                return
            try:
                was = self.found.runner(feed.values)
            except Error:
                continue
            self.coverage.add(was)
            if self.coverage.missing().keys() != before.keys():
                self.add(feed, was)

    def add(self, feed: Feed, was: Arrays) -> None:
        """Run the target on the same, and compare."""
        self.coverage.add(was)
        was = spilled(self._only_varying(was))
        made = _run_target(self.target, feed)
        now = spilled(_as_whole(made, was) if self.target.floats else made)
        del made
        first = not self.feeds
        self.feeds.append(feed.kind)
        self.only[0].update(was.keys() - now.keys())
        if first:
            self.only[1].update(now.keys() - was.keys())
        counts = padding.lengths(self.model, feed.values, was, now)
        for name in self._common(was, now):
            self._value(name, _Trimmed(was, counts), _Trimmed(now, counts), feed)
        self._forgive_overwritten(was, now)

    def _only_varying(self, values: Arrays) -> Arrays:
        if not self.feeds:
            return values
        return {name: array for name, array in values.items() if name in self.varying}

    def _common(self, was: Arrays, now: Arrays) -> list[str]:
        names = [name for name in was.keys() & now.keys() if not _is_lengths(name, was)]
        return sorted(names, key=lambda name: self.order.get(name, len(self.order)))

    def _value(self, name: str, was: Arrays, now: Arrays, feed: Feed) -> None:
        gap = difference(was[name], now[name], self.tolerance)
        found = Judgement(Verdict.YES)
        if not gap.ok or (self.strict and gap.doubtful and gap.rms > 0):
            known = name in self.makers
            found = (
                judge(self.exact, name, _Fed(feed.values, was), _Fed(feed.values, now), gap)
                if known
                else Judgement(Verdict.NO, gap.reason or f"cosine {gap.cosine:.4f}")
            )
        else:
            self.agreed.add(name)
        layer = self._layer(name, was[name], gap, feed, found)
        if name not in self.worst or _rank(layer) > _rank(self.worst[name]):
            self.worst[name] = layer

    def _layer(
        self, name: str, value: np.ndarray, gap: Difference, feed: Feed, found: Judgement
    ) -> Layer:
        node = self.makers.get(name)
        metadata = node.metadata_props if node is not None else {}
        type_ = metadata.get(TYPE) or (node.op_type if node is not None else "Input")
        own = metadata.get(LAYER) or (node.name if node is not None else "") or name
        return Layer(
            name,
            str(own),
            type_,
            value.shape,
            str(value.dtype),
            gap,
            feed.kind,
            found.verdict,
            found.why,
            name in self.outputs,
        )

    def _forgive_overwritten(self, was: Arrays, now: Arrays) -> None:
        """An engine that writes over values gives some as they were later: what read them tells."""
        if not (self.found.runner.overwrites or self.target.overwrites):
            return
        for name, layer in self.worst.items():
            if layer.verdict is not Verdict.NO or layer.is_output:
                continue
            readers = [str(v.name) for v in self._readers(name, was.keys() & now.keys())]
            if readers and all(self.worst[r].verdict is Verdict.YES for r in readers):
                why = "an engine had written over it; everything that reads it agrees"
                self.worst[name] = replace(layer, verdict=Verdict.UNTESTED, why=why)

    def _readers(self, name: str, known: set[str]) -> Iterator[ir.Value]:
        """The nearest known values that are made of this one."""
        node = self.makers.get(name)
        todo = [v for v in node.outputs if str(v.name) == name] if node is not None else []
        seen = set(todo)
        while todo:
            for reader, _ in todo.pop().uses():
                for output in reader.outputs:
                    if output in seen:
                        continue
                    seen.add(output)
                    if str(output.name) in known and str(output.name) in self.worst:
                        yield output
                    else:
                        todo.append(output)

    def report(self) -> Report:
        """What was found."""
        lacking = self.coverage.missing()
        layers = [self._final(layer, lacking) for layer in self.worst.values()]
        layers.sort(key=lambda layer: self.order.get(layer.value, len(self.order)))
        lost = [name for name in self.outputs if name in self.only[0] and name not in self.worst]
        return Report(
            source=self.found.runner.title,
            target=self.target.title,
            layers=tuple(layers),
            feeds=tuple(self.feeds),
            only_source=tuple(sorted(self.only[0])),
            only_target=tuple(sorted(self.only[1])),
            notes=tuple(dict.fromkeys(self.notes)),
            faults=tuple(f"the result does not have the output '{name}'" for name in lost),
        )

    def _final(self, layer: Layer, lacking: Mapping[str, str]) -> Layer:
        if layer.verdict is Verdict.UNDECIDED and layer.value in self.agreed:
            layer = replace(layer, verdict=Verdict.CARRIED)
        if layer.verdict is Verdict.YES and layer.value in lacking:
            return replace(layer, verdict=Verdict.UNTESTED, why=lacking[layer.value])
        return layer


class _Fed(Mapping[str, np.ndarray]):
    """What was fed, then what came out."""

    def __init__(self, feeds: Arrays, values: Arrays) -> None:
        self._parts = (feeds, values)

    def __getitem__(self, name: str) -> np.ndarray:
        feeds, values = self._parts
        return feeds[name] if name in feeds else values[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._parts[0]), **dict.fromkeys(self._parts[1])})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Trimmed(Mapping[str, np.ndarray]):
    """Values up to each sequence's end, cut when they are asked for."""

    def __init__(self, values: Arrays, counts: Mapping[str, np.ndarray]) -> None:
        self.values_ = values
        self.counts = counts

    def __getitem__(self, name: str) -> np.ndarray:
        return padding.trimmed(self.values_[name], self.counts.get(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def _run_target(target: Runner, feed: Feed) -> dict[str, np.ndarray]:
    try:
        return target(feed.values)
    except MissingExtraError:
        raise
    except Error as error:
        raise MismatchError(
            f"the source runs with the input '{feed.kind}', the result does not: {error}"
        ) from error


def _as_whole(now: Arrays, was: Arrays) -> dict[str, np.ndarray]:
    """Floats that are whole, in the type of the source's integers and truth values."""
    found = dict(now)
    for name in now.keys() & was.keys():
        kind, array = was[name].dtype, now[name]
        if kind.kind in "iub" and array.dtype.kind == "f" and np.isfinite(array).all():
            with np.errstate(invalid="ignore"):
                whole = array.astype(kind)
            found[name] = whole if np.array_equal(whole, array) else array
    return found


def _is_lengths(name: str, values: Arrays) -> bool:
    """Whether an engine says by it how long the sequences of another value are."""
    owner = name.removesuffix(lengths_name(""))
    return owner != name and owner in values


_WORSE = list(Verdict)


def _rank(layer: Layer) -> tuple[int, float]:
    return _WORSE.index(layer.verdict), layer.difference.excess


def _values(model: ir.Model) -> list[str]:
    made = [str(out.name) for node in model.graph for out in node.outputs]
    return [*(str(value.name) for value in inputs(model)), *made]


__all__ = ["Found", "apart", "run_source", "verify"]
