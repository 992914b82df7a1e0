"""What the inputs exercised: an agreement says nothing of a layer that only ever gave one number.

For each layer, over all inputs: was its output not constant, not NaN, not saturated; was each of its
thresholds seen from both sides, each branch taken?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mmdnn.ir.passes.defaults import defaults
from mmdnn.verify.exact import captured

Arrays = Mapping[str, np.ndarray]

INNER = 1e-4
"""How far from its bounds a squashing function's output must be, somewhere, not to be saturated."""


@dataclass
class _Seen:
    """What a value was, over all inputs."""

    low: float = np.inf
    high: float = -np.inf
    nan: bool = False
    empty: bool = True
    hit: set[str] = field(default_factory=set)

    def add(self, array: np.ndarray) -> None:
        if not array.size:
            return
        self.empty = False
        low, high = array.min(), array.max()
        if array.dtype.kind in "fc" and not (np.isfinite(low) and np.isfinite(high)):
            self.nan = self.nan or bool(np.isnan(low))
            finite = array[np.isfinite(array)]
            if not finite.size:
                return
            low, high = finite.min(), finite.max()
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))

    @property
    def lacks(self) -> str:
        if self.empty:
            return "it was always empty"
        if self.low > self.high:
            return "it was always NaN" if self.nan else "it was never finite"
        return "it was always the same number" if self.low == self.high else ""


class Coverage:
    """Collects what a model's values were.

    Args:
        model: The IR; values that do not depend on its inputs need no exercise.
    """

    def __init__(self, model: ir.Model) -> None:
        self.varying = varying(model)
        self.nodes = [
            node
            for node in model.graph
            if any(str(output.name) in self.varying for output in node.outputs)
        ]
        self.seen: dict[str, _Seen] = {}

    def add(self, values: Arrays) -> None:
        """Take in one run."""
        for name in values.keys() & self.varying:
            array = np.asarray(values[name])
            if array.dtype.kind in "biuf":
                self.seen.setdefault(name, _Seen()).add(array)
        for node in self.nodes:
            watch = _WATCHED.get(node.op_type)
            if watch is not None and not node.domain:
                name = str(node.outputs[0].name)
                seen = self.seen.setdefault(name, _Seen())
                if not set(_ALL[node.op_type]) <= seen.hit:
                    seen.hit |= watch(node, values)

    def missing(self) -> dict[str, str]:
        """What was not exercised: value name to what it lacked, in plain words."""
        found = {}
        for node in self.nodes:
            for index, output in enumerate(node.outputs):
                name = str(output.name)
                seen = self.seen.get(name)
                if seen is None or name not in self.varying or (seen.empty and not seen.hit):
                    continue
                lacks = seen.lacks
                if not index and not lacks and node.op_type in _WATCHED and not node.domain:
                    never = [what for what in _ALL[node.op_type] if what not in seen.hit]
                    lacks = f"never {' and never '.join(never)}" if never and seen.hit else ""
                if lacks:
                    found[name] = lacks
        return found


def varying(model: ir.Model) -> set[str]:
    """The values that depend on the inputs; the others are the same in every run."""
    found: set[ir.Value | None] = {
        value for value in model.graph.inputs if value.name not in model.graph.initializers
    }
    for node in model.graph:
        if found.intersection((*node.inputs, *captured(node))) or node.op_type.startswith(_RANDOM):
            found.update(node.outputs)
    return {str(value.name) for value in found if value is not None}


_RANDOM = ("Random", "Bernoulli", "Multinomial")

_NEGATIVE, _POSITIVE = "below its threshold", "above its threshold"


def _sides(node: ir.Node, values: Arrays) -> set[str]:
    """Whether the input of a rectifier was on either side of its threshold."""
    x = values.get(str(node.inputs[0].name)) if node.inputs[0] is not None else None
    if x is None or not np.size(x):
        return set()
    threshold = _alpha(node) if node.op_type == "ThresholdedRelu" else 0
    found = set()
    if (np.asarray(x) < threshold).any():
        found.add(_NEGATIVE)
    if (np.asarray(x) > threshold).any():
        found.add(_POSITIVE)
    return found


def _alpha(node: ir.Node) -> float:
    return (node.attributes.get("alpha") or defaults(node)["alpha"]).as_float()


_LOW, _HIGH, _INSIDE = "at its lower bound", "at its upper bound", "between its bounds"


def _bounds(node: ir.Node, values: Arrays) -> set[str]:
    y = values.get(str(node.outputs[0].name))
    if y is None or not np.size(y):
        return set()
    low, high = _limits(node, values)
    found = set() if low is not None else {_LOW}
    found |= set() if high is not None else {_HIGH}
    below = np.asarray(y <= low) if low is not None else np.zeros(np.shape(y), bool)
    above = np.asarray(y >= high) if high is not None else np.zeros(np.shape(y), bool)
    if below.any():
        found.add(_LOW)
    if above.any():
        found.add(_HIGH)
    if not (below | above).all():
        found.add(_INSIDE)
    return found


def _limits(node: ir.Node, values: Arrays) -> tuple[float | None, float | None]:
    if node.op_type in ("HardSigmoid",):
        return 0.0, 1.0
    found: list[float | None] = []
    for value in (*node.inputs[1:3], None, None)[:2]:
        array = None
        if value is not None:
            array = value.const_value.numpy() if value.const_value else values.get(str(value.name))
        found.append(None if array is None or np.size(array) != 1 else float(np.reshape(array, ())))
    low, high = found
    return (
        low if low is not None and low > -3e38 else None,
        high if high is not None and high < 3e38 else None,
    )


_SATURATION = "away from its bounds"


def _squashed(node: ir.Node, values: Arrays) -> set[str]:
    y = values.get(str(node.outputs[0].name))
    if y is None or not np.size(y):
        return set()
    size = np.abs(np.asarray(y, float))
    inner = (size > INNER) & (size < 1 - INNER)
    return {_SATURATION} if inner.any() else {""}


_TRUE, _FALSE = "true", "false"


def _truths(node: ir.Node, values: Arrays) -> set[str]:
    name = node.outputs[0].name if node.op_type not in ("Where", "If") else None
    if name is None and node.inputs[0] is not None:
        name = node.inputs[0].name
    y = values.get(str(name))
    if y is None or not np.size(y):
        return set()
    truth = np.asarray(y, bool)
    return ({_TRUE} if truth.any() else set()) | ({_FALSE} if not truth.all() else set())


_FIRST, _SECOND = "its first input", "its second input"


def _chosen(node: ir.Node, values: Arrays) -> set[str]:
    """Which of two inputs was the larger or the smaller one."""
    if len(node.inputs) != 2:
        return {_FIRST, _SECOND}
    a, b = (
        None
        if value is None
        else value.const_value.numpy()
        if value.const_value is not None
        else values.get(str(value.name))
        for value in node.inputs
    )
    if a is None or b is None or not np.size(a) or not np.size(b):
        return set()
    one, other = (a, b) if node.op_type == "Max" else (b, a)
    found = {_FIRST} if (one > other).any() else set()
    return found | ({_SECOND} if (one < other).any() else set())


_WATCHED: dict[str, Callable[[ir.Node, Arrays], set[str]]] = {
    **dict.fromkeys(
        ("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu"), _sides
    ),
    **dict.fromkeys(("Clip", "HardSigmoid"), _bounds),
    **dict.fromkeys(("Sigmoid", "Tanh", "Softmax"), _squashed),
    **dict.fromkeys(("Max", "Min"), _chosen),
    **dict.fromkeys(("Where", "If", "Equal", "Greater", "Less", "GreaterOrEqual"), _truths),
    **dict.fromkeys(("LessOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"), _truths),
}
_WORDS: dict[Callable[[ir.Node, Arrays], set[str]], tuple[str, ...]] = {
    _sides: (_NEGATIVE, _POSITIVE),
    _bounds: (_LOW, _HIGH, _INSIDE),
    _squashed: (_SATURATION,),
    _chosen: (_FIRST, _SECOND),
    _truths: (_TRUE, _FALSE),
}
_ALL = {op: _WORDS[watch] for op, watch in _WATCHED.items()}
