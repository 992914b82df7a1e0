"""Shapes: Keras's layers where the batch stays the first axis, `keras.ops` for the rest."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.elementwise import is_float
from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, exporter, image
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.ir.builder import Dimensions, dimensions
from mmdnn.ir.sizes import Size, is_of, trace


@exporter("Reshape", doc="Reshape", unused="allowzero")
def reshape(node: ExportedNode, keras: Writer, x: Array, _shape: Array) -> Array:
    shape, batch = _dims(node, 0), (x.shape or (None,))[0]
    first = node.node.inputs[0]
    wanted = trace(node.node.inputs[1])
    same_batch = bool(shape) and bool(x.shape) and shape[0] is not None and shape[0] == batch
    if wanted and first is not None and first.shape is not None and len(first.shape):
        same_batch = same_batch or wanted[0] == 0 or is_of(wanted[0], first, 0)
        rest = [d for d in shape[1:] if not isinstance(d, int)]
        total = [
            math.prod(d for d in dims if isinstance(d, int)) for dims in (x.shape or (), shape)
        ]
        opens = [sum(not isinstance(d, int) for d in dims) for dims in (x.shape or (), shape)]
        same_batch = same_batch or (
            not rest and opens == [1, 1] and total[0] == total[1] and not isinstance(batch, int)
        )
    if same_batch and len([d for d in shape[1:] if not isinstance(d, int)]) < 2:
        target = [d if isinstance(d, int) else -1 for d in shape[1:]]
        if len(target) == 1 and (x.rank or 0) > 1:
            return keras.layer("Flatten", x)
        return keras.layer("Reshape", x, target_shape=target)
    if len([d for d in shape if not isinstance(d, int)]) > 1:
        node.refuse("a shape with several sizes that are not known")
    return keras.ops.Reshape(x, newshape=[d if isinstance(d, int) else -1 for d in shape])


def _dims(node: ExportedNode, index: int) -> Dimensions:
    output = node.node.outputs[index]
    if output.shape is None:
        node.refuse("the rank of its output is not known")
    return dimensions(output)


@exporter("Flatten", doc="Flatten")
def flatten(node: ExportedNode, keras: Writer, x: Array, *, axis: int) -> Array:
    rank = node.rank(x)
    axis = axis % max(rank, 1) if axis != rank else rank
    if axis == 1 and rank > 1:
        return keras.layer("Flatten", x)
    front = [d for d in (x.shape or ())[:axis] if isinstance(d, int)]
    behind = [d for d in (x.shape or ())[axis:] if isinstance(d, int)]
    if len(front) < axis and len(behind) < rank - axis:
        node.refuse("sizes on both sides of its axis are not known")
    known = math.prod(behind) if len(behind) == rank - axis else -1
    return keras.ops.Reshape(x, newshape=[-1 if known >= 0 else math.prod(front), known])


@exporter("Transpose", doc="Transpose")
def transpose(
    node: ExportedNode, keras: Writer, x: Array, *, perm: list[int] | None = None
) -> Array:
    axes = list(range(node.rank(x)))[::-1] if perm is None else perm
    if axes[:1] == [0] and len(axes) > 1:
        return keras.layer("Permute", x, dims=axes[1:])
    return keras.ops.Transpose(x, axes=axes)


@exporter("Squeeze", doc="Squeeze")
def squeeze(node: ExportedNode, keras: Writer, x: Array, axes: Array | None = None) -> Array:
    said = None if axes is None else [node.axis(x, a) for a in node.ints(axes, "axes")]
    if said is None:
        said = [axis for axis, size in enumerate(x.shape or ()) if size == 1]
    if not said:
        return keras.ops.Copy(x)
    if 0 in said:  # the batch, whose size Keras's networks do not know
        return keras.ops.GetItem(
            x, tuple(0 if axis in said else slice(None) for axis in range(node.rank(x)))
        )
    sizes = _dims(node, 0)[1:]
    if sizes and is_float(x) and all(isinstance(size, int) for size in sizes):
        return keras.layer("Reshape", x, target_shape=list(sizes))
    return keras.ops.Squeeze(x, axis=said if len(said) > 1 else said[0])


@exporter("Unsqueeze", doc="Unsqueeze")
def unsqueeze(node: ExportedNode, keras: Writer, x: Array, axes: Array) -> Array:
    places = node.ints(axes, "axes")
    rank = node.rank(x) + len(places)
    said = sorted(node.front(axis, rank) for axis in places)
    sizes = _dims(node, 0)[1:]
    if said[0] and is_float(x) and all(isinstance(size, int) for size in sizes):
        return keras.layer("Reshape", x, target_shape=list(sizes))
    return keras.ops.ExpandDims(x, axis=said if len(said) > 1 else said[0])


@exporter("Expand", doc="Expand")
def expand(node: ExportedNode, keras: Writer, x: Array, _shape: Array) -> Array:
    """By a sum with zeros, or a product with ones: what is open is the input's own size, or another's."""
    shape, rank = _dims(node, 0), node.rank(x)
    padded = [*[1] * (len(shape) - rank), *(x.shape or ())]
    wanted = trace(node.node.inputs[1])
    kind = x.dtype or ir.DataType.FLOAT
    if wanted is not None and len(wanted) == len(shape):
        first = node.node.inputs[0]
        own = [old == new for old, new in zip(padded, shape, strict=True)]
        grows = [1 if same else size for same, size in zip(own, wanted, strict=True)]
        if first is not None and any(not isinstance(size, int) for size in grows):
            return _grown(keras, x, grows, kind)
    ones = [1 if old == new else new for old, new in zip(padded, shape, strict=True)]
    sizes = [size for size in ones if isinstance(size, int)]
    if len(sizes) < len(ones):
        node.refuse("it grows to a size that is not known")
    if x.dtype == ir.DataType.BOOL:
        return keras.ops.LogicalAnd(x, np.ones(sizes, np.bool_))
    return keras.ops.Multiply(x, np.ones(sizes, kind.numpy()))


def _grown(keras: Writer, x: Array, sizes: list[Size], kind: ir.DataType) -> Array:
    whole = ir.DataType.INT32 if kind == ir.DataType.BOOL else kind
    zeros = keras.zeros(sizes, whole)
    known = np.zeros([size if isinstance(size, int) else 1 for size in sizes], whole.numpy())
    larger = keras.ops.Add(zeros, known) if known.size > 1 else zeros
    if kind == ir.DataType.BOOL:
        return keras.ops.LogicalOr(x, keras.ops.Cast(larger, dtype="bool"))
    return keras.ops.Add(larger, x)


@exporter("Tile", doc="Tile")
def tile(node: ExportedNode, keras: Writer, x: Array, repeats: Array) -> Array:
    return keras.ops.Tile(x, repeats=node.ints(repeats, "numbers"))


@exporter("Shape", doc="Shape")
def shape(
    node: ExportedNode, keras: Writer, x: Array, *, start: int, end: int | None = None
) -> Array:
    node.refuse("Keras's networks have no shapes among their values, and a size is not known")


@exporter(*image("DepthToSpace"), doc="DepthToSpace")
def depth_to_space(
    node: ExportedNode, keras: Writer, x: Array, *, blocksize: int, mode: str
) -> Array:
    if not node.node.domain:
        node.refuse("the rank of its input is not known")
    if mode == "DCR":
        return keras.ops.DepthToSpace(x, block_size=blocksize)
    _, height, width, channels = _known(node, x)
    depth = channels // blocksize**2
    split = keras.layer("Reshape", x, target_shape=[height, width, depth, blocksize, blocksize])
    turned = keras.layer("Permute", split, dims=[1, 4, 2, 5, 3])
    shape = [height * blocksize, width * blocksize, depth]
    return keras.layer("Reshape", turned, target_shape=shape)


@exporter(*image("SpaceToDepth"), doc="SpaceToDepth")
def space_to_depth(node: ExportedNode, keras: Writer, x: Array, *, blocksize: int) -> Array:
    if not node.node.domain:
        node.refuse("the rank of its input is not known")
    return keras.ops.SpaceToDepth(x, block_size=blocksize)


def _known(node: ExportedNode, x: Array) -> list[int]:
    dims = [d if isinstance(d, int) else 0 for d in x.shape or ()]
    if len(dims) != 4 or 0 in dims[1:]:
        node.refuse("the size of the image is not known")
    return dims
