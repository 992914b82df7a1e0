"""Layers that pick elements, files of the same names in src/caffe/layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, known, needs_static, reshape
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir import LIKE
from mmdnn.ir.builder import Op, dimensions, shape


@importer(
    "CropCenter",
    doc="https://github.com/lltcggie/caffe/blob/master/src/caffe/layers/crop_center_layer.cpp",
)
def crop_center(layer: ImportedLayer, op: Op, x: ir.Value, *, crop_size: Any) -> ir.Value:
    """Cut `crop_size` from both ends of each axis."""
    crops = crop_size if isinstance(crop_size, list) else [crop_size]
    if len(crops) != len(shape(x)) or not all(isinstance(c, int) and c >= 0 for c in crops):
        layer.refuse(f"crop_size {crops} for {len(shape(x))} axes")
    for crop, size in zip(crops, shape(x), strict=True):
        if crop and size is None:
            raise needs_static(x)
        if size is not None and 2 * crop >= size:
            layer.refuse(f"crop_size {crops} is too much for {shape(x)}")
    axes = [axis for axis, crop in enumerate(crops) if crop]
    if not axes:
        return x
    starts = [crops[axis] for axis in axes]
    return op.Slice(x, starts, [-start for start in starts], axes)


@importer("Crop")
def crop(layer: ImportedLayer, op: Op, x: ir.Value, like: ir.Value) -> ir.Value:
    """From `axis` on, as large as the second bottom, from an offset on."""
    p = layer.param()
    rank, start = len(dimensions(x)), layer.axis(p.axis, x)
    if len(p.offset) > 1 and len(p.offset) != rank - start:
        layer.unfit(f"{len(p.offset)} offsets are given for {rank - start} axes")
    if len(dimensions(like)) < rank:
        layer.unfit(f"its second bottom has less than {rank} axes")
    axes, starts, ends, is_open = list[int](), list[int](), list[int](), False
    for axis in range(start, rank):
        offset = 0 if not p.offset else p.offset[axis - start if len(p.offset) > 1 else 0]
        if not offset and _same(x, like, axis):
            continue
        here = bool(axis) and None in (shape(like)[axis], shape(x)[axis])
        is_open, size = is_open or here, 0 if here else known(like, axis)
        if not here and offset + size > known(x, axis):
            layer.unfit(f"{size} from {offset} on is more than axis {axis} has")
        axes.append(axis)
        starts.append(offset)
        ends.append(offset + size)
    if not axes:
        return x
    if is_open:
        sizes = op.Gather(op.Shape(like), np.array(axes, np.int64))
        y = op.Slice(x, starts, op.Add(sizes, np.array(starts, np.int64)), axes)
        wanted = dimensions(like)
        y.shape = ir.Shape([wanted[i] if i in axes else d for i, d in enumerate(dimensions(x))])
    else:
        y = op.Slice(x, starts, ends, axes)
    node = y.producer()
    if node is not None:
        node.metadata_props[LIKE] = str(like.name)
    return y


def _same(one: ir.Value, other: ir.Value, axis: int) -> bool:
    size = dimensions(one)[axis]
    return size is not None and size == dimensions(other)[axis]


@importer("BatchReindex")
def batch_reindex(layer: ImportedLayer, op: Op, x: ir.Value, indices: ir.Value) -> ir.Value:
    if len(dimensions(indices)) != 1:
        layer.unfit("its second bottom should have one axis")
    return op.Gather(x, op.Cast(indices, to=ir.DataType.INT64), axis=0)


@importer("Filter")
def filter_(layer: ImportedLayer, op: Op, first: ir.Value, *others: ir.Value) -> list[ir.Value]:
    """The items of each bottom whose number in the last bottom is not 0."""
    *items, selector = first, *others
    if any(size != 1 for size in dimensions(selector)[1:]):
        layer.unfit("its last bottom should have one number an item")
    for x in items:
        agree(x, selector, [(0, 0)])
    chosen = op.Cast(reshape(op, selector, dimensions(selector)[:1]), to=ir.DataType.BOOL)
    kept = [op.Compress(x, chosen, axis=0) for x in items]
    for x in kept:
        x.shape = ir.Shape([f"{layer.name}.kept", *dimensions(x)[1:]])
    return kept


@importer("Embed")
def embed(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """A row of the table for each number, cut to an integer."""
    p = layer.param()
    if p.input_dim < 1 or p.num_output < 1:
        layer.unfit("input_dim and num_output should be 1 or more")
    table = layer.weight(0, "weight", (p.input_dim, p.num_output))
    rows = op.Gather(table, op.Cast(x, to=ir.DataType.INT64), axis=0)
    return op.Add(rows, layer.weight(1, "bias", (p.num_output,))) if p.bias_term else rows
