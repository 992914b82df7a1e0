"""Boxes, their corners, centres and overlaps (src/operator/contrib/bounding_box-inl.h).

Boxes are [xmin, ymin, xmax, ymax], or with a format of "center" [x, y, width, height].
B is the batch, N the number of boxes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, rank


def columns(op: Op, x: ir.Value, axis: int = -1) -> list[ir.Value]:
    """Four columns, each with an axis of size 1."""
    return list(op.outputs(4).Split(x, axis=axis, num_outputs=4))


def corners(op: Op, boxes: ir.Value) -> ir.Value:
    """Centre and size to corners."""
    x, y, w, h = columns(op, boxes)
    w, h = (op.Div(v, np.float32(2)) for v in (w, h))
    return op.Concat(op.Sub(x, w), op.Sub(y, h), op.Add(x, w), op.Add(y, h), axis=-1)


def centres(op: Op, boxes: ir.Value) -> ir.Value:
    """Corners to centre and size."""
    a, b, c, d = columns(op, boxes)
    middle = [op.Div(op.Add(low, high), np.float32(2)) for low, high in ((a, c), (b, d))]
    return op.Concat(*middle, op.Sub(c, a), op.Sub(d, b), axis=-1)


def filled(op: Op, like: ir.Value, value: bool | float, axes: int | None = None) -> ir.Value:
    """A constant in the shape of a value, or of its first axes."""
    kind = np.asarray(value) if isinstance(value, bool) else np.asarray(value, np.float32)
    return op.ConstantOfShape(op.Shape(like, end=axes), value=ir.tensor(kind.reshape(1)))


@importer("_contrib_box_iou", doc=f"{NN}.contrib.box_iou")
def box_iou(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    """Of every box with every other: the shapes without their last axes, one after the other."""
    if node.p.format == "center":
        a, b = corners(op, a), corners(op, b)
    ones = [range(rank(a) - 1, rank(a) + rank(b) - 2), range(rank(a) - 1)]
    left = op.Unsqueeze(a, list(ones[0])) if rank(b) > 1 else a
    right = op.Unsqueeze(b, list(ones[1])) if rank(a) > 1 else b
    one, other = columns(op, left), columns(op, right)
    spans = [
        op.Max(op.Sub(op.Min(one[i + 2], other[i + 2]), op.Max(one[i], other[i])), array(0, a))
        for i in (0, 1)
    ]
    common = op.Mul(*spans)
    areas = op.Add(_area(op, one), _area(op, other))
    nothing = op.LessOrEqual(common, array(0, a))
    union = choose(op, nothing, array(1, a), op.Sub(areas, common))
    return op.Squeeze(choose(op, nothing, array(0, a), op.Div(common, union)), [-1])


def _area(op: Op, box: list[ir.Value]) -> ir.Value:
    sizes = [op.Max(op.Sub(box[i + 2], box[i]), np.float32(0)) for i in (0, 1)]
    return op.Mul(*sizes)


@importer("_contrib_box_decode", doc=f"{NN}.contrib.box_decode")
def box_decode(node: ImportedNode, op: Op, x: ir.Value, anchors: ir.Value) -> ir.Value:
    p = node.p
    if p.format == "corner":
        anchors = centres(op, anchors)
    return decoded(op, x, anchors, [getattr(p, f"std{i}") for i in range(4)], p.clip)


def decoded(
    op: Op, x: ir.Value, anchors: ir.Value, stds: Sequence[float], clip: float = 0
) -> ir.Value:
    """Shifts, in so many of the anchors' sizes, to corners; anchors are centres and sizes."""
    shifts = [op.Mul(shift, array(s, x)) for shift, s in zip(columns(op, x), stds, strict=True)]
    a_x, a_y, width, height = columns(op, anchors)
    middle = [
        op.Add(op.Mul(shifts[0], width), a_x),
        op.Add(op.Mul(shifts[1], height), a_y),
    ]
    grown = [op.Min(v, array(clip, x)) if clip > 0 else v for v in shifts[2:]]
    half = [
        op.Mul(op.Mul(op.Exp(v), size), array(0.5, x))
        for v, size in zip(grown, (width, height), strict=True)
    ]
    low = [op.Sub(m, h) for m, h in zip(middle, half, strict=True)]
    high = [op.Add(m, h) for m, h in zip(middle, half, strict=True)]
    return op.Concat(*low, *high, axis=-1)
