"""Blobs one after the other, and cut apart (src/caffe/layers/concat_layer.cpp, slice_layer.cpp)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, known
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Op, dimensions


@importer("Concat")
def concat(layer: ImportedLayer, op: Op, x: ir.Value, *others: ir.Value) -> ir.Value:
    axis = _axis(layer, x, layer.param(), "concat_dim")
    rest = [(i, i) for i in range(len(dimensions(x))) if i != axis]
    for other in others:
        if len(dimensions(other)) != len(dimensions(x)):
            layer.unfit("its bottoms have different numbers of axes")
        agree(x, other, rest)
    return op.Concat(x, *others, axis=axis) if others else x


@importer("Slice")
def slice_(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value | tuple[ir.Value, ...]:
    p = layer.param()
    axis = _axis(layer, x, p, "slice_dim")
    count = len(layer.tops)
    if count == 1 and not p.slice_point:
        return x
    size = known(x, axis)
    if not p.slice_point and size % count:
        layer.unfit(f"{size} does not divide into {count} equal parts")
    points = list(p.slice_point) or [size // count * i for i in range(1, count)]
    sizes = [after - before for before, after in pairwise([0, *points, size])]
    if len(sizes) != count or min(sizes) < 1:
        layer.unfit(f"the slice points {points} do not cut {size} into {count} parts")
    return op.outputs(count).Split(x, sizes, axis=axis)


def _axis(layer: ImportedLayer, x: ir.Value, p: Any, legacy: str) -> int:
    if p.HasField("axis") and p.HasField(legacy):
        layer.unfit(f"both axis and {legacy} are given")
    return layer.axis(getattr(p, legacy) if p.HasField(legacy) else p.axis, x)
