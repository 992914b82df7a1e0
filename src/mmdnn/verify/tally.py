"""Every layer's worst difference over all runs, and the verdict about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.sequences import lengths_name
from mmdnn.verify import padding
from mmdnn.verify.arbiter import Judgement, judge, origin
from mmdnn.verify.closeup import closeup
from mmdnn.verify.compare import Difference, Tolerance, difference
from mmdnn.verify.coverage import Coverage
from mmdnn.verify.exact import Exact
from mmdnn.verify.feeds import Feed
from mmdnn.verify.report import Layer
from mmdnn.verify.spill import Chain
from mmdnn.verify.tables import inputs
from mmdnn.verify.verdicts import Verdict

Arrays = Mapping[str, np.ndarray]


class Tally:
    """The layers of two models, compared run by run.

    Args:
        model: The IR: the order of the layers, their names, its outputs.
        tolerance: For floats.
        overwrites: Whether an engine may give values as they were when it had written over them.
        closely: Whether the elements of each layer are looked at, where it is worst.

    Attributes:
        coverage: What the inputs exercised.
        worst: The worst of each value so far.
    """

    def __init__(
        self, model: ir.Model, tolerance: Tolerance | None, *, overwrites: bool, closely: bool
    ) -> None:
        self.model = model
        self.closely = closely
        self.tolerance = tolerance
        self.overwrites = overwrites
        self.strict = tolerance in (None, Tolerance())
        self.coverage = Coverage(model)
        made = [str(out.name) for node in model.graph for out in node.outputs]
        names = [*(str(value.name) for value in inputs(model)), *made]
        self.order = {name: place for place, name in enumerate(names)}
        self.makers = {str(out.name): node for node in model.graph for out in node.outputs}
        self.outputs = [str(value.name) for value in model.graph.outputs]
        self.worst: dict[str, Layer] = {}
        self.agreed: set[str] = set()
        self._offs: dict[str, float | None] = {}
        self._exact: Exact | None = None

    @property
    def exact(self) -> Exact:
        """The model in float64, made when it is first needed."""
        if self._exact is None:
            self._exact = Exact(self.model)
        return self._exact

    def add(self, feed: Feed, was: Arrays, now: Arrays) -> None:
        """Compare what came out on both sides for one feed."""
        self._offs.clear()
        counts = padding.lengths(self.model, feed.values, was, now)
        names = [name for name in was.keys() & now.keys() if not _is_lengths(name, was)]
        for name in sorted(names, key=self._place):
            self._value(name, _Trimmed(was, counts), _Trimmed(now, counts), feed)
        if self.overwrites:
            self._forgive_overwritten(was.keys() & now.keys())

    def layers(self) -> list[Layer]:
        """What was found, in topological order; layers that nothing exercised are untested."""
        lacking = self.coverage.missing()
        found = [self._final(layer, lacking) for layer in self.worst.values()]
        return sorted(found, key=lambda layer: self._place(layer.value))

    def _place(self, name: str) -> int:
        return self.order.get(name, len(self.order))

    def _value(self, name: str, was: Arrays, now: Arrays, feed: Feed) -> None:
        value = was[name]
        gap = difference(value, now[name], self.tolerance)
        found = Judgement(Verdict.YES)
        if gap.ok and not (self.strict and gap.doubtful and gap.rms > 0):
            self.agreed.add(name)
        elif name in self.makers:
            sides = Chain(feed.values, was), Chain(feed.values, now)
            found = judge(self.exact, name, *sides, gap)
            if found.verdict is not Verdict.NO:
                self._blame(name, sides, feed, deep=found.verdict is Verdict.UNDECIDED)
        else:
            found = Judgement(Verdict.NO, gap.reason or f"cosine {gap.cosine:.4f}")
        layer = self._layer(name, value, gap, feed, found)
        if name not in self.worst or _rank(layer) > _rank(self.worst[name]):
            self._keep(layer, was[name], now[name])

    def _blame(self, name: str, sides: tuple[Arrays, Arrays], feed: Feed, *, deep: bool) -> None:
        """Find the layer that began what this one amplified."""
        begun = origin(self.exact, name, *sides, self._offs, deep=deep)
        if begun is None or begun[0] not in self.makers:
            return
        value, why = begun
        was, now = (side[value] for side in sides)
        gap = difference(was, now, self.tolerance)
        self._keep(self._layer(value, was, gap, feed, Judgement(Verdict.NO, why)), was, now)

    def _keep(self, layer: Layer, was: np.ndarray, now: np.ndarray) -> None:
        seen = closeup(np.asarray(was), np.asarray(now)) if self.closely else None
        self.worst[layer.value] = replace(layer, closeup=seen)

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

    def _final(self, layer: Layer, lacking: Mapping[str, str]) -> Layer:
        if layer.verdict is Verdict.UNDECIDED and layer.value in self.agreed:
            layer = replace(layer, verdict=Verdict.CARRIED)
        if layer.verdict is Verdict.YES and layer.value in lacking:
            return replace(layer, verdict=Verdict.UNTESTED, why=lacking[layer.value])
        return layer

    def _forgive_overwritten(self, known: set[str]) -> None:
        """What an engine gave as it was later: what reads it tells."""
        for name, layer in self.worst.items():
            if layer.verdict is not Verdict.NO or layer.is_output:
                continue
            readers = [str(value.name) for value in self._readers(name, known)]
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


class _Trimmed(Mapping[str, np.ndarray]):
    """Values up to each sequence's end, cut when they are asked for."""

    def __init__(self, values: Arrays, counts: Mapping[str, np.ndarray]) -> None:
        self._values = values
        self._counts = counts

    def __getitem__(self, name: str) -> np.ndarray:
        return padding.trimmed(self._values[name], self._counts.get(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _is_lengths(name: str, values: Arrays) -> bool:
    """Whether an engine says by it how long the sequences of another value are."""
    owner = name.removesuffix(lengths_name(""))
    return owner != name and owner in values


_WORSE = list(Verdict)


def _rank(layer: Layer) -> tuple[int, float]:
    return _WORSE.index(layer.verdict), layer.difference.excess
