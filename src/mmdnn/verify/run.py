"""Running source and result on the same inputs, and comparing what came out, run by run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, MismatchError, MissingExtraError, UnsupportedError, UsageError
from mmdnn.ir import layout
from mmdnn.ir.sequences import lengths_name
from mmdnn.progress import Silent
from mmdnn.verify.arbiter import WITHIN
from mmdnn.verify.check import Check
from mmdnn.verify.feeds import Feed, Filler, Sizes, candidates, extras, feeds, how_to_size
from mmdnn.verify.proof import Runs
from mmdnn.verify.report import Layer, Report
from mmdnn.verify.runners import NothingRunsError, Runner, sentence
from mmdnn.verify.spill import Chain, only
from mmdnn.verify.tables import inputs
from mmdnn.verify.tally import Tally
from mmdnn.verify.thumbnail import thumbnail
from mmdnn.verify.verdicts import Verdict

Arrays = Mapping[str, np.ndarray]
Shapes = Mapping[str, tuple[int, ...]]

TOGETHER = 256 << 20
"""Bytes of a run's values up to which several inputs are fed as one batch."""
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
                    hint=how_to_size(model),
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
        values[name] = layout.fitting(model, name, array.astype(values[name].dtype, copy=False))
    return Feed(given.kind, values)


def verify(
    found: Found,
    target: Runner,
    model: ir.Model,
    check: Check = Check(),  # noqa: B008 - it never changes
    *,
    progress: Silent | None = None,
    now: Arrays | None = None,
) -> Report:
    """Run the target on what the source is run on, and compare every layer both know.

    Args:
        found: The source, which runs.
        target: What runs the other model.
        model: The source's IR: the order of the layers, their names, its outputs.
        check: How they are compared.
        progress: Told of each run.
        now: What the target gave for the source's first feed, where it has run on it.

    Raises:
        MismatchError: The target cannot be run on what the source takes.
    """
    comparison = _Comparison(found, target, model, check)
    begun = time.monotonic()
    comparison.coverage.add(found.values)
    first = next(target.each([found.feed.values])) if now is None else now
    comparison.add(found.feed, found.values, first)
    todo = comparison.usual(check.feeds)
    refused = comparison.run(todo, progress or Silent())
    if any(feed.is_batch for feed in refused):
        comparison.run(comparison.one_by_one(), progress or Silent())
    comparison.search(max(PATIENCE, time.monotonic() - begun))
    return comparison.report()


class _Comparison:
    """Two models that run, fed with the same."""

    def __init__(self, found: Found, target: Runner, model: ir.Model, check: Check) -> None:
        self.found = found
        self.target = target
        self.model = model
        overwrites = found.runner.overwrites or target.overwrites
        self.closely = check.closely
        self.tally = Tally(model, check.tolerance, overwrites=overwrites, closely=self.closely)
        self.coverage = self.tally.coverage
        self.varying = self.coverage.varying
        self.only: tuple[set[str], set[str]] = (set(), set())
        self.feeds: list[str] = []
        self.notes = list(found.notes)

    def usual(self, more: int) -> list[Feed]:
        """What is always fed, the first apart."""
        sizes, shapes = self.found.sizes, self.found.shapes
        kinds = [f"random {place}" for place in range(1, more + 1)]
        filler = Filler(self.model, shapes)
        batches = sum(array.nbytes for array in self.found.values.values()) < TOGETHER
        return [
            *list(feeds(self.model, sizes, shapes, batches=batches))[1:],
            *(filler.feed(kind, sizes) for kind in kinds),
        ]

    def one_by_one(self) -> list[Feed]:
        """What is fed where the source takes no batch."""
        return list(feeds(self.model, self.found.sizes, self.found.shapes, batches=False))[1:-1]

    def run(self, todo: Sequence[Feed], progress: Silent) -> list[Feed]:
        """Run both on further inputs, and compare; those that the source does not take."""
        refused, taken = [], []
        results: list[Arrays] = []
        for feed, found in zip(todo, self.found.runner.each([f.values for f in todo]), strict=True):
            if isinstance(found, Error):
                why = f"The source does not take the input '{feed.kind}': {sentence(found)}"
                self.notes.append(why)
                refused.append(feed)
                continue
            self.coverage.add(found)
            taken.append(feed)
            results.append(self._kept(found))
        pairs = progress.each(
            list(zip(taken, results, strict=True)), f"running {self.target.title}"
        )
        targets = self.target.each([feed.values for feed in taken])
        for (feed, was), now in zip(pairs, targets, strict=False):
            self.add(feed, was, now)
        return refused

    def _kept(self, values: Arrays) -> Arrays:
        """What depends on the inputs; what an engine says of its lengths with it."""
        said = {lengths_name(name) for name in self.varying}
        return only(values, values.keys() & (self.varying | said))

    def search(self, seconds: float) -> None:
        """Try further kinds of inputs, while something is left unexercised."""
        begun, coverage = time.monotonic(), self.coverage
        for feed in extras(self.model, self.found.sizes, self.found.shapes, self.feeds):
            before = coverage.missing()
            if not before or time.monotonic() - begun > seconds:
                return
            try:
                was = self.found.runner(feed.values)
            except Error:
                continue
            coverage.add(was)
            if coverage.missing().keys() != before.keys():
                now = next(self.target.each([feed.values]))
                self.add(feed, self._kept(was), now)

    def add(self, feed: Feed, was: Arrays, now: Arrays | Error) -> None:
        """Compare what came out of both."""
        if isinstance(now, MissingExtraError):
            raise now
        if isinstance(now, Error):
            raise MismatchError(
                f"the source runs with the input '{feed.kind}', the result does not: {now}"
            ) from now
        now = _as_whole(now, was) if self.target.floats else now
        self.only[0].update(was.keys() - now.keys())
        if not self.feeds:
            self.only[1].update(now.keys() - was.keys())
        self.feeds.append(feed.kind)
        self.tally.add(feed, was, now)

    def report(self) -> Report:
        """What was found."""
        layers = self.tally.layers()
        known = {layer.value for layer in layers}
        picture = thumbnail(self.found.feed.values) if self.closely else b""
        lost = [name for name in self.tally.outputs if name in self.only[0] - known]
        return Report(
            source=self.found.runner.title,
            target=self.target.title,
            layers=tuple(layers),
            feeds=tuple(self.feeds),
            only_source=tuple(sorted(self.only[0])),
            only_target=tuple(sorted(self.only[1])),
            notes=tuple(dict.fromkeys((*self.notes, *map(_inner, filter(_is_inner, layers))))),
            faults=tuple(f"the result does not have the output '{name}'" for name in lost),
            picture=picture,
        )


def _is_inner(layer: Layer) -> bool:
    return layer.verdict is Verdict.CARRIED and layer.why.endswith(WITHIN)


def _inner(layer: Layer) -> str:
    return f"{layer}: {layer.why} (input: {layer.feed})"


def _as_whole(now: Arrays, was: Arrays) -> Arrays:
    """Floats that are whole, in the type of the source's integers and truth values."""
    found = {}
    for name in now.keys() & was.keys():
        kind, array = was[name].dtype, now[name]
        if kind.kind in "iub" and array.dtype.kind == "f" and np.isfinite(array).all():
            with np.errstate(invalid="ignore"):
                whole = array.astype(kind)
            if np.array_equal(whole, array):
                found[name] = whole
    return Chain(found, now)
