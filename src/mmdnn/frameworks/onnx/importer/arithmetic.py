"""Changes of what is computed: broadcasting, normalisation, softmax over flattened axes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.onnx.importer.rewriting import Rewriter, rank_of, since
from mmdnn.tensors.references import lazy

BINARY = ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"]


@since(*BINARY, version=7, shaped=True)
def broadcast(node: Rewriter) -> None:
    """The second operand was broadcast on request, from a given axis of the first one on."""
    wanted, axis = node.pop("broadcast", 0), node.pop("axis")
    if not wanted or axis is None:
        return
    first, second = node.inputs
    ranks = rank_of(first), rank_of(second)
    if ranks[0] is None or ranks[1] is None or second is None:
        raise node.refused("broadcasts along an axis, and the ranks are not known")
    trailing = ranks[0] - (axis + ranks[0] if axis < 0 else axis) - ranks[1]
    if trailing > 0:
        node.put(1, _with_trailing(node, second, ranks[1], trailing))


@since("PRelu", version=7, shaped=True)
def prelu(node: Rewriter) -> None:
    """A slope of one dimension went by channel."""
    slope, rank = node.inputs[1], rank_of(node.x)
    if slope is None or rank_of(slope) is None:
        raise node.refused("the rank of its slope is not known")
    if rank_of(slope) != 1 or (slope.shape is not None and slope.shape[0] == 1):
        return
    if rank is None:
        raise node.refused("its rank is not known")
    if rank > 2:
        node.put(1, _with_trailing(node, slope, 1, rank - 2))


def _with_trailing(node: Rewriter, value: ir.Value, rank: int, count: int) -> ir.Value:
    axes = np.arange(rank, rank + count, dtype=np.int64)
    return node.op("Unsqueeze", value, node.constant(axes, "axes"))


@since("BatchNormalization", version=7)
def batch_normalization_mode(node: Rewriter) -> None:
    """Whether it is a test had to be said."""
    if not node.pop("is_test", 0):
        raise node.refused("normalises by the batch's own statistics: it was saved for training")


@since("BatchNormalization", version=9)
def batch_normalization_spatial(node: Rewriter) -> None:
    """Statistics could be kept for each place, not only for each channel."""
    if node.pop("spatial", 1):
        return
    batch_normalization_outputs(node)
    x, scale, bias, mean, variance = node.inputs
    epsilon = node.like(node.pop("epsilon", 1e-5), "epsilon")
    deviation = node.op("Sqrt", node.op("Add", variance, epsilon))
    normal = node.op("Div", node.op("Sub", x, mean), deviation)
    node.replace(node.op("Add", node.op("Mul", normal, scale), bias))


@since("BatchNormalization", version=14)
def batch_normalization_outputs(node: Rewriter) -> None:
    """Further outputs meant training."""
    node.keep_outputs(1, "its statistics are used: it was saved for training")


@since("GroupNormalization", version=21, shaped=True)
def group_normalization(node: Rewriter) -> None:
    """Scale and bias went by group, and then by channel."""
    groups = node.node.attributes["num_groups"].as_int()
    channels = node.x.shape[1] if node.x.shape is not None else None
    for index, name in ((1, "scale"), (2, "bias")):
        value = node.inputs[index]
        if value is not None:
            node.put(index, _by_channel(node, value, groups, channels, name))


def _by_channel(
    node: Rewriter, value: ir.Value, groups: int, channels: int | ir.SymbolicDim | None, name: str
) -> ir.Value:
    if isinstance(channels, int) and value.const_value is not None:
        repeats = channels // groups
        tensor = lazy(value.const_value, lambda a: np.repeat(a, repeats), shape=[channels])
        return node.weight(tensor, name)
    one = node.constant(np.array([1], np.int64), f"{name}/1")
    all_ = node.constant(np.array([-1], np.int64), f"{name}/all")
    size = node.op("Shape", node.x, start=1, end=2)
    count = node.op("Div", size, node.constant(np.array([groups], np.int64), f"{name}/groups"))
    pattern = node.op("Concat", one, count, axis=0)
    column = node.op("Unsqueeze", value, one)
    return node.op("Reshape", node.op("Expand", column, pattern), all_)


@since("Softmax", "LogSoftmax", "Hardmax", version=13, shaped=True)
def softmax(node: Rewriter) -> None:
    """All axes from the given one on were taken together."""
    axis, x = node.pop("axis", 1), node.x
    if x.shape is not None:
        axis += len(x.shape) if axis < 0 else 0
        if all(dim == 1 for dim in x.shape[axis + 1 :]):
            node.set(axis=axis)
            return
    flat = node.op("Flatten", x, axis=axis)
    result = node.op(node.node.op_type, flat, axis=1)
    node.replace(node.op("Reshape", result, node.op("Shape", x)))
