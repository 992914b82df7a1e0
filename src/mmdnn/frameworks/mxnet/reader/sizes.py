"""The size of pictures that a network was made for, where no file says it.

A dense layer after convolutions has weights for one number of features only, so it tells what the
picture's side can be, if it is square: of the sides that fit, the one with the most factors of two
(224 of 224 to 255, 112 of 97 to 112).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmdnn.errors import Error
from mmdnn.frameworks.mxnet.graph import Model, Node

MOST = 1024
"""The largest side that is tried."""


@dataclass(frozen=True)
class _Maps:
    """Feature maps: how many, and their side."""

    channels: int
    side: int


class _Stop(Exception):  # noqa: N818 - a signal: nothing is known beyond this node
    pass


def side(model: Model, name: str, channels: int) -> int | None:
    """The side of a square picture that fits the dense layers; None where any does, or none.

    Args:
        model: A model whose parameters are known.
        name: The input.
        channels: Its channels.
    """
    try:
        least = _first(lambda n: _fits(model, name, _Maps(channels, n)) >= 0)
        beyond = _first(lambda n: _fits(model, name, _Maps(channels, n)) > 0)
    except (_Stop, Error, IndexError, KeyError):
        return None
    if least >= beyond or beyond > MOST:
        return None
    return max(range(least, beyond), key=lambda n: n & -n)


def _first(holds: Callable[[int], bool]) -> int:
    """The smallest side for which this holds, and for all larger ones."""
    low, high = 1, MOST + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _fits(model: Model, name: str, start: _Maps) -> int:
    """Whether the first dense layer gets too few features (-1), as many as it takes, or too many."""
    found: dict[Node, _Maps] = {}
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
            have = inputs[0].channels * inputs[0].side ** 2
            return (have > wanted) - (have < wanted)
        if node.type not in _STEPS:
            raise _Stop
        found[node] = _STEPS[node.type](node, inputs)
        if found[node].side < 1:
            return -1
    raise _Stop


def _same(_node: Node, inputs: list[_Maps]) -> _Maps:
    return inputs[0]


def _single(values: tuple[int, ...], default: int) -> int:
    """A parameter that is the same for both axes."""
    if len(set(values)) > 1:
        raise _Stop
    return values[0] if values else default


def _convolution(node: Node, inputs: list[_Maps]) -> _Maps:
    kernel, stride, pad, dilate = (
        _single(node.param(name), default)
        for name, default in (("kernel", 1), ("stride", 1), ("pad", 0), ("dilate", 1))
    )
    side_ = (inputs[0].side + 2 * pad - dilate * (kernel - 1) - 1) // stride + 1
    return _Maps(node.param("num_filter"), side_)


def _pooling(node: Node, inputs: list[_Maps]) -> _Maps:
    if node.param("global_pool"):
        return _Maps(inputs[0].channels, 1)
    kernel, stride, pad = (
        _single(node.param(name), default)
        for name, default in (("kernel", 1), ("stride", 1), ("pad", 0))
    )
    span = inputs[0].side + 2 * pad - kernel
    if span < 0:
        return _Maps(inputs[0].channels, 0)
    steps = -(-span // stride) if node.param("pooling_convention") == "full" else span // stride
    return _Maps(inputs[0].channels, steps + 1)


def _concat(node: Node, inputs: list[_Maps]) -> _Maps:
    if node.param("dim") != 1:
        raise _Stop
    return _Maps(sum(each.channels for each in inputs), inputs[0].side)


def _slice(node: Node, inputs: list[_Maps]) -> _Maps:
    if node.param("axis") != 1 or node.param("squeeze_axis"):
        raise _Stop
    return _Maps(inputs[0].channels // node.param("num_outputs"), inputs[0].side)


_UNCHANGED = (
    *("Activation", "BatchNorm", "BatchNorm_v1", "BlockGrad", "Cast", "Dropout", "Flatten", "LRN"),
    *("InstanceNorm", "L2Normalization", "LeakyReLU", "_copy", "add_n", "clip", "relu", "sigmoid"),
    *("_plus_scalar", "_minus_scalar", "_mul_scalar", "_div_scalar", "_rminus_scalar", "_maximum"),
    *("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "broadcast_maximum"),
    *("broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "hard_sigmoid", "tanh"),
)
_STEPS: dict[str, Callable[[Node, list[_Maps]], _Maps]] = {
    **dict.fromkeys(_UNCHANGED, _same),
    "Concat": _concat,
    "Convolution": _convolution,
    "Convolution_v1": _convolution,
    "Pooling": _pooling,
    "Pooling_v1": _pooling,
    "SliceChannel": _slice,
}
