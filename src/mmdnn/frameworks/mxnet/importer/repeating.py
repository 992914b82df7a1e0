"""Operators that repeat elements, or put others around them (src/operator/tensor/matrix_op.cc)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.shapes import (
    Size,
    at_least,
    joined,
    known,
    rank,
    reshape,
    vector,
)
from mmdnn.frameworks.mxnet.importer.table import Importing, importer
from mmdnn.ir.builder import dimensions


@importer("tile", doc=f"{NN}.tile")
def tile(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Repetitions and axes are aligned at the right."""
    times = list(node.p.reps)
    x = at_least(op, x, len(times))
    times = [1] * (rank(x) - len(times)) + times
    return op.Tile(x, np.asarray(times, np.int64)) if times else x


@importer("repeat", doc=f"{NN}.repeat")
def repeat(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Each element; without an axis of the flattened array."""
    p = node.p
    times = p.repeats
    if p.axis is None:
        x, axis = reshape(op, x, [tuple(range(rank(x)))]), 0
    else:
        axis = node.axis(p.axis, x)
    after = op.Unsqueeze(x, [axis + 1])
    counts = [1] * rank(after)
    counts[axis + 1] = times
    y = op.Tile(after, np.asarray(counts, np.int64))
    kept: list[Size] = [(i,) for i in range(axis)]
    rest: list[Size] = [(i,) for i in range(axis + 2, rank(y))]
    return reshape(op, y, [*kept, (axis, axis + 1), *rest])


@importer("Pad", doc=f"{NN}.pad")
def pad(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    widths = list(p.pad_width)
    if len(widths) != 2 * rank(x):
        node.unfit(f"pad_width {widths} does not fit {rank(x)} axes")
    pads = np.asarray(widths[::2] + widths[1::2], np.int64)
    _ = p.constant_value
    if p.mode == "constant":
        return op.Pad(x, pads, array(p.constant_value, x))
    return op.Pad(x, pads, mode=p.mode)


@importer("_npi_pad", doc=f"{NN}.pad")
def numpy_pad(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    modes = {"constant": "constant", "edge": "edge", "reflect": "reflect"}
    _ = p.reflect_type, p.constant_value
    if p.mode not in modes or p.reflect_type != "even":
        node.refuse(f"mode {p.mode}")
    widths = [list(pair) for pair in p.pad_width]
    widths = widths * rank(x) if len(widths) == 1 else widths
    pads = np.asarray([w[0] for w in widths] + [w[-1] for w in widths], np.int64)
    if p.mode == "constant":
        return op.Pad(x, pads, array(p.constant_value, x))
    return op.Pad(x, pads, mode=modes[p.mode])


@importer("broadcast_to", "_npi_broadcast_to", doc=f"{NN}.broadcast_to")
def broadcast_to(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """A size of 0 (NumPy: -2) stays what it is."""
    target = list(node.p.shape)
    x = at_least(op, x, len(target))
    sizes = [1 if n in {0, -2} else n for n in target]
    for axis, n in enumerate(sizes):
        if n != 1 and known(x, axis) not in {1, n}:
            node.unfit(f"axis {axis} has the size {known(x, axis)}, neither 1 nor {n}")
    return expanded(op, x, np.asarray(sizes, np.int64), dict(enumerate(sizes)))


def expanded(
    op: Any, x: ir.Value, sizes: ir.Value | np.ndarray, known_sizes: dict[int, Any]
) -> ir.Value:
    """Axes of size 1 grown to these sizes; others stay."""
    y = op.Expand(x, sizes)
    dims = [
        known_sizes[i] if dim == 1 and i in known_sizes else dim
        for i, dim in enumerate(dimensions(x))
    ]
    y.shape = ir.Shape(dims)
    return y


@importer("broadcast_axis", doc=f"{NN}.broadcast_axis")
def broadcast_axis(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    sizes = [1] * rank(x)
    for axis, n in zip(node.p.axis, node.p.size, strict=True):
        place = node.axis(axis, x)
        if known(x, place) != 1:
            node.unfit(f"axis {axis} has the size {known(x, place)}, not 1")
        sizes[place] = n
    return expanded(op, x, np.asarray(sizes, np.int64), dict(enumerate(sizes)))


@importer("broadcast_like", doc=f"{NN}.broadcast_like")
def broadcast_like(node: Importing, op: Any, x: ir.Value, like: ir.Value) -> ir.Value:
    """To the shape of another value, or some axes to the sizes of some of its axes."""
    p = node.p
    own, other = p.lhs_axes, p.rhs_axes
    if own is None or other is None:
        pairs = {axis: axis for axis in range(rank(x))}
    else:
        axes = zip(own, other, strict=True)
        pairs = {node.axis(a, x): node.axis(b, like) for a, b in axes}
    parts = [
        vector(op, like, [(pairs[axis],)]) if axis in pairs else np.asarray([1], np.int64)
        for axis in range(rank(x))
    ]
    return expanded(op, x, joined(op, parts), {a: dimensions(like)[b] for a, b in pairs.items()})
