"""Layers that move, copy or pick elements, files of the same names in src/caffe/layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.convolution import TUTORIAL
from mmdnn.frameworks.caffe.importer.shapes import agree, known, needs_static, reshape
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir import LIKE
from mmdnn.ir.builder import Dimension, dimensions


@importer("Split", doc=f"{TUTORIAL}/split.html")
def split(layer: Importing, _op: Any, x: ir.Value) -> list[ir.Value]:
    return [x] * len(layer.tops)


@importer("Silence", "HDF5Output", doc=f"{TUTORIAL}/silence.html")
def silence(_layer: Importing, _op: Any, *_bottoms: ir.Value) -> list[ir.Value]:
    """Its bottoms are no outputs."""
    return []


@importer("Concat", doc=f"{TUTORIAL}/concat.html")
def concat(layer: Importing, op: Any, x: ir.Value, *others: ir.Value) -> ir.Value:
    axis = _axis(layer, x, layer.param("concat_param"), "concat_dim")
    rest = [(i, i) for i in range(len(dimensions(x))) if i != axis]
    for other in others:
        if len(dimensions(other)) != len(dimensions(x)):
            layer.unfit("its bottoms have different numbers of axes")
        agree(x, other, rest)
    return op.Concat(x, *others, axis=axis) if others else x


@importer("Slice", doc=f"{TUTORIAL}/slice.html")
def slice_(layer: Importing, op: Any, x: ir.Value) -> Any:
    p = layer.param("slice_param")
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
    return op.Split(x, sizes, axis=axis, outputs=count)


def _axis(layer: Importing, x: ir.Value, p: Any, legacy: str) -> int:
    if p.HasField("axis") and p.HasField(legacy):
        layer.unfit(f"both axis and {legacy} are given")
    return layer.axis(getattr(p, legacy) if p.HasField(legacy) else p.axis, x)


@importer("Reshape", doc=f"{TUTORIAL}/reshape.html")
def reshape_(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    """`num_axes` axes from `axis` on become `shape`, where 0 copies a size and -1 is what is left."""
    p = layer.param("reshape_param")
    dims = dimensions(x)
    start = p.axis if p.axis >= 0 else len(dims) + p.axis + 1
    end = len(dims) if p.num_axes == -1 else start + p.num_axes
    wanted = list(p.shape.dim)
    if not 0 <= start <= end <= len(dims):
        layer.unfit(f"{p.num_axes} axes from {p.axis} on do not fit {len(dims)} axes")
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        layer.unfit(f"{wanted} is not a shape")
    if any(dim == 0 and start + i >= len(dims) for i, dim in enumerate(wanted)):
        layer.unfit(f"{wanted} copies more axes than there are")
    new: list[Dimension] = [
        None if dim == -1 else dims[start + i] if dim == 0 else dim for i, dim in enumerate(wanted)
    ]
    if any(dim == 0 and dims[start + i] is None for i, dim in enumerate(wanted)):
        raise needs_static(x)
    return reshape(op, x, [*dims[:start], *new, *dims[end:]])


@importer("Flatten", doc=f"{TUTORIAL}/flatten.html")
def flatten(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = layer.param("flatten_param")
    start, end = layer.axis(p.axis, x), layer.axis(p.end_axis, x) + 1
    dims = dimensions(x)
    if end <= start:
        layer.unfit(f"its axes {p.axis} to {p.end_axis} are the wrong way round")
    if start == 1 and end == len(dims):
        return x if len(dims) == 2 else op.Flatten(x, axis=1)
    return x if end == start + 1 else reshape(op, x, [*dims[:start], None, *dims[end:]])


@importer("Crop", doc=f"{TUTORIAL}/crop.html")
def crop(layer: Importing, op: Any, x: ir.Value, like: ir.Value) -> ir.Value:
    """From `axis` on, as large as the second bottom, from an offset on."""
    p = layer.param("crop_param")
    rank, start = len(dimensions(x)), layer.axis(p.axis, x)
    if len(p.offset) > 1 and len(p.offset) != rank - start:
        layer.unfit(f"{len(p.offset)} offsets are given for {rank - start} axes")
    if len(dimensions(like)) < rank:
        layer.unfit(f"its second bottom has less than {rank} axes")
    axes, starts, ends = [], [], []
    for axis in range(start, rank):
        offset = 0 if not p.offset else p.offset[axis - start if len(p.offset) > 1 else 0]
        if not offset and _same(x, like, axis):
            continue
        size = known(like, axis)
        if offset + size > known(x, axis):
            layer.unfit(f"{size} from {offset} on is more than axis {axis} has")
        axes.append(axis)
        starts.append(offset)
        ends.append(offset + size)
    if not axes:
        return x
    y: ir.Value = op.Slice(x, starts, ends, axes)
    node = y.producer()
    if node is not None:
        node.metadata_props[LIKE] = str(like.name)
    return y


def _same(one: ir.Value, other: ir.Value, axis: int) -> bool:
    size = dimensions(one)[axis]
    return size is not None and size == dimensions(other)[axis]


@importer("Tile", doc=f"{TUTORIAL}/tile.html")
def tile(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = layer.param("tile_param")
    axis, dims = layer.axis(p.axis, x), dimensions(x)
    if p.tiles < 1:
        layer.unfit(f"it is told {p.tiles} tiles")
    y: ir.Value = op.Tile(x, [p.tiles if i == axis else 1 for i in range(len(dims))])
    size = dims[axis]
    tiled = size * p.tiles if isinstance(size, int) else None
    y.shape = ir.Shape([tiled if i == axis else dim for i, dim in enumerate(dims)])
    return y


@importer("BatchReindex", doc=f"{TUTORIAL}/batchreindex.html")
def batch_reindex(layer: Importing, op: Any, x: ir.Value, indices: ir.Value) -> ir.Value:
    if len(dimensions(indices)) != 1:
        layer.unfit("its second bottom should have one axis")
    return op.Gather(x, op.Cast(indices, to=ir.DataType.INT64), axis=0)


@importer("Filter", doc=f"{TUTORIAL}/filter.html")
def filter_(layer: Importing, op: Any, first: ir.Value, *others: ir.Value) -> list[ir.Value]:
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
