"""Layers that move or copy elements, files of the same names in src/caffe/layers."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import channels, image_size, needs_static, reshape
from mmdnn.frameworks.caffe.importer.table import SSD, TUTORIAL, ImportedLayer, importer
from mmdnn.ir.builder import Dimension, Op, dimensions, shape


@importer("Silence", "HDF5Output", doc=f"{TUTORIAL}/silence.html")
def silence(_layer: ImportedLayer, _op: Op, *_bottoms: ir.Value) -> list[ir.Value]:
    """Its bottoms are no outputs."""
    return []


@importer("Reshape")
def reshape_(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """`num_axes` axes from `axis` on become `shape`, where 0 copies a size and -1 is what is left."""
    p = layer.param()
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


@importer("Flatten")
def flatten(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    p = layer.param()
    start, end = layer.axis(p.axis, x), layer.axis(p.end_axis, x) + 1
    dims = dimensions(x)
    if end <= start:
        layer.unfit(f"its axes {p.axis} to {p.end_axis} are the wrong way round")
    if start == 1 and end == len(dims):
        return x if len(dims) == 2 else op.Flatten(x, axis=1)
    return x if end == start + 1 else reshape(op, x, [*dims[:start], None, *dims[end:]])


@importer("Tile")
def tile(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    p = layer.param()
    axis, dims = layer.axis(p.axis, x), dimensions(x)
    if p.tiles < 1:
        layer.unfit(f"it is told {p.tiles} tiles")
    y = op.Tile(x, [p.tiles if i == axis else 1 for i in range(len(dims))])
    size = dims[axis]
    tiled = size * p.tiles if isinstance(size, int) else None
    y.shape = ir.Shape([tiled if i == axis else dim for i, dim in enumerate(dims)])
    return y


@importer("ShuffleChannel", doc="https://github.com/farmingyard/ShuffleNet")
def shuffle_channel(layer: ImportedLayer, op: Op, x: ir.Value, *, group: int) -> ir.Value:
    """Channels as a table of `group` rows, read by columns."""
    count, (height, width) = channels(layer, x, group), image_size(layer, x)
    batch = dimensions(x)[0]
    table = reshape(op, x, [batch, group, count // group, height, width])
    table = op.Transpose(table, perm=[0, 2, 1, 3, 4])
    return reshape(op, table, [batch, count, height, width])


@importer("PixelShuffle", doc="https://github.com/inisis/caffe")
def pixel_shuffle(layer: ImportedLayer, op: Op, x: ir.Value, *, upscale_factor: int) -> ir.Value:
    channels(layer, x, upscale_factor**2)
    return op.DepthToSpace(x, blocksize=upscale_factor, mode="CRD")


@importer("Reorg", doc="https://github.com/gklz1982/caffe-yolov2")
def reorg(layer: ImportedLayer, op: Op, x: ir.Value, *, stride: int, reverse: int) -> ir.Value:
    """As darknet does it: what is rearranged is the data seen as an image of fewer channels."""
    count, (height, width) = channels(layer, x, stride * stride), image_size(layer, x)
    if reverse:
        return op.DepthToSpace(x, blocksize=stride, mode="DCR")
    if height % stride or width % stride:
        layer.refuse(f"a stride of {stride} does not divide {height} x {width}")
    batch = dimensions(x)[0]
    seen = reshape(op, x, [batch, count // stride**2, height * stride, width * stride])
    moved = op.SpaceToDepth(seen, blocksize=stride)
    return reshape(op, moved, [batch, count * stride**2, height // stride, width // stride])


@importer("Permute", doc=f"{SSD}/permute_layer.cpp")
def permute(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """Axes that `order` leaves out follow in their own order."""
    rank, order = len(shape(x)), list(layer.param().order)
    if len(set(order)) != len(order) or any(axis >= rank for axis in order):
        layer.refuse(f"order {order} does not fit {rank} axes")
    order += [axis for axis in range(rank) if axis not in order]
    return op.Transpose(x, perm=order) if order != list(range(rank)) else x
