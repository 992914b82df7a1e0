"""The size of pictures that a network was made for, where no file says it.

A dense layer after convolutions has weights for one number of features only, so it tells what the
picture's side can be, if it is square. Of the sides that fit, it is the one at which most layers with
a stride come out even (224 of 223 to 226 for AlexNet with padding, 227 of 227 to 230 for the one
without); then the one with the most factors of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmdnn.errors import Error
from mmdnn.frameworks.mxnet.graph import Model, Node
from mmdnn.ir.windows import Axis

MOST = 1024
"""The largest side that is tried."""


@dataclass(frozen=True)
class _Maps:
    """Feature maps: how many, their height and width."""

    channels: int
    sides: tuple[int, int]

    @property
    def features(self) -> int:
        return self.channels * self.sides[0] * self.sides[1]


@dataclass(frozen=True)
class _Fit:
    """What comes of a side.

    Attributes:
        excess: Whether the first dense layer gets too few features (-1), as many as it takes, or too many.
        even: How many layers with a stride come out even.
    """

    excess: int
    even: int = 0


class _Stop(Exception):  # noqa: N818 - a signal: nothing is known beyond this node
    pass


def side(model: Model, name: str, channels: int) -> int | None:
    """The side of a square picture that fits the dense layers; None where any does, or none.

    Args:
        model: A model whose parameters are known.
        name: The input.
        channels: Its channels.
    """

    def fit(side_: int) -> _Fit:
        return _fit(model, name, _Maps(channels, (side_, side_)))

    try:
        least = _first(lambda n: fit(n).excess >= 0)
        beyond = _first(lambda n: fit(n).excess > 0)
    except (_Stop, Error, IndexError, KeyError):
        return None
    if least >= beyond or beyond > MOST:
        return None
    return max(range(least, beyond), key=lambda n: (fit(n).even, n & -n))


def _first(holds: Callable[[int], bool]) -> int:
    """The smallest side for which this holds, and for all larger ones."""
    low, high = 1, MOST + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _fit(model: Model, name: str, start: _Maps) -> _Fit:
    """Follow the maps to the first dense layer."""
    found: dict[Node, _Maps] = {}
    even = 0
    for node in model.symbol.nodes:
        if node.is_variable:
            if node.name == name:
                found[node] = start
            continue
        inputs = [found[entry.node] for entry in node.inputs if entry.node in found]
        if not inputs:
            continue
        if node.type == "FullyConnected":
            wanted = model.params[node.inputs[1].node.name].shape.numpy()[1]
            return _Fit((inputs[0].features > wanted) - (inputs[0].features < wanted), even)
        if node.type not in _STEPS:
            raise _Stop
        found[node] = _STEPS[node.type](node, inputs)
        if min(found[node].sides) < 1:
            return _Fit(-1)
        even += node.type in _WINDOWS and _comes_out_even(node, inputs[0].sides)
    raise _Stop


def _same(_node: Node, inputs: list[_Maps]) -> _Maps:
    return inputs[0]


def _axes(node: Node, sides: tuple[int, int]) -> list[Axis]:
    kernel, convention = node.param("kernel"), _said(node, "pooling_convention")
    if len(kernel) != 2 or convention == "same":
        raise _Stop
    dilate, stride, pad = (
        _said(node, name) or (default, default)
        for name, default in (("dilate", 1), ("stride", 1), ("pad", 0))
    )
    ceil = convention == "full"
    return [
        Axis(sides[i], kernel[i], stride[i], dilate[i], pad[i], pad[i], ceil, drops=False)
        for i in range(2)
    ]


def _said(node: Node, name: str) -> Any:
    """A parameter, None where the operator has no such one."""
    return node.param(name) if node.schema and name in node.schema.params else None


def _comes_out_even(node: Node, sides: tuple[int, int]) -> bool:
    """Whether a stride leaves nothing over: of all windows, or of the side, where the rest is filled up."""
    if _said(node, "global_pool"):
        return False
    axis = _axes(node, sides)[0]
    filled = axis.begin or axis.ceil
    even = filled and sides[0] % axis.stride == 0
    even = even or (not axis.begin and (sides[0] - axis.span) % axis.stride == 0)
    return bool(axis.stride > 1 and even)


def _windows(node: Node, inputs: list[_Maps]) -> _Maps:
    channels = _said(node, "num_filter") or inputs[0].channels
    if _said(node, "global_pool"):
        return _Maps(channels, (1, 1))
    height, width = (
        axis.count or 0 if (axis.size or 0) + 2 * axis.begin >= axis.span else 0
        for axis in _axes(node, inputs[0].sides)
    )
    return _Maps(channels, (height, width))


def _concat(node: Node, inputs: list[_Maps]) -> _Maps:
    if node.param("dim") != 1:
        raise _Stop
    return _Maps(sum(each.channels for each in inputs), inputs[0].sides)


def _slice(node: Node, inputs: list[_Maps]) -> _Maps:
    if node.param("axis") != 1 or node.param("squeeze_axis"):
        raise _Stop
    return _Maps(inputs[0].channels // node.param("num_outputs"), inputs[0].sides)


_UNCHANGED = (
    *("Activation", "BatchNorm", "BatchNorm_v1", "BlockGrad", "Cast", "Dropout", "Flatten", "LRN"),
    *("InstanceNorm", "L2Normalization", "LeakyReLU", "_copy", "add_n", "clip", "relu", "sigmoid"),
    *("_plus_scalar", "_minus_scalar", "_mul_scalar", "_div_scalar", "_rminus_scalar", "_maximum"),
    *("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "broadcast_maximum"),
    *("broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "hard_sigmoid", "tanh"),
)
_WINDOWS = frozenset({"Convolution", "Convolution_v1", "Pooling", "Pooling_v1"})
_STEPS: dict[str, Callable[[Node, list[_Maps]], _Maps]] = {
    **dict.fromkeys(_UNCHANGED, _same),
    "Concat": _concat,
    **dict.fromkeys(_WINDOWS, _windows),
    "SliceChannel": _slice,
}
