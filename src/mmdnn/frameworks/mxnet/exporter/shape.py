"""Reshaping by MXNet's codes, axes in another order, arrays repeated along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.creation import full_of_sizes
from mmdnn.frameworks.mxnet.exporter.matmul import is_flattening
from mmdnn.frameworks.mxnet.exporter.pad import NONE
from mmdnn.frameworks.mxnet.exporter.sizes import Size, begins, dimension, sizes, whole_shape
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.shapes import closed


@exporter("Reshape", doc="Reshape")
def reshape(node: ExportedNode, mx: Writer, x: Array, target: Array, *, allowzero: int) -> Array:
    """0 and -1 mean the same in both."""
    shape = target.numbers()
    if shape is None:
        return _computed(node, mx, x, target)
    target_sizes = [int(size) for size in shape.reshape(-1)]
    if x.shape == () and target_sizes == [1]:
        return x
    if is_flattening(node.node) and node.rank(x) > 2:
        return mx.Flatten(x)
    if allowzero and 0 in target_sizes:
        node.refuse("a size of 0")
    return mx.Reshape(x, shape=tuple(target_sizes) or (1,))


def _computed(node: ExportedNode, mx: Writer, x: Array, target: Array) -> Array:
    """A target computed while the model runs: what is known of the result may be enough."""
    found = sizes(target.value)
    shape = node.output_shape() if found is None else tuple(dimension(size) for size in found)
    if shape is None:
        node.refuse("its target shape is computed while the model runs")
    leading = _leading(found or [])
    if leading is not None:
        value, count = leading
        rest = tuple(size for size in shape[count:] if isinstance(size, int))
        rows, like = mx.Reshape(x, shape=(-1, *rest)), mx.scope.array(value)
        ends = {"lhs_begin": 0, "lhs_end": 1, "rhs_begin": 0, "rhs_end": count}
        return mx.reshape_like(rows, like, **ends)
    return mx.Reshape(x, shape=_codes(node, x, shape))


def _leading(found: Sequence[Size]) -> tuple[ir.Value, int] | None:
    """The array whose first axes are the first sizes, several of them open, and how many; numbers follow."""
    value = next((size[0] for size in found if not isinstance(size, int)), None)
    open_ = [place for place, size in enumerate(found) if not isinstance(size, int)]
    if value is None or len(open_) < 2:
        return None
    count = open_[-1] + 1
    return (value, count) if begins(value, found[:count]) else None


def _codes(node: ExportedNode, x: Array, shape: Sequence[int | str | None]) -> tuple[int, ...]:
    """A target shape in MXNet's codes: the sizes, 0 where an axis stays, -1 once."""
    codes = []
    for axis, dim in enumerate(shape):
        if isinstance(dim, int):
            codes.append(dim)
        elif dim is not None and axis < len(x.shape or ()) and (x.shape or ())[axis] == dim:
            codes.append(0)
        else:
            codes.append(-1)
    if codes.count(-1) > 1:
        node.refuse("its target shape is computed while the model runs")
    return tuple(codes) or (1,)


@exporter("Flatten", doc="Flatten")
def flatten(node: ExportedNode, mx: Writer, x: Array, *, axis: int) -> Array:
    rank = node.rank(x)
    axis = axis + rank if axis < 0 else axis
    if axis == 1:
        return mx.Flatten(x)
    dims = x.shape or ()
    front = [dim for dim in dims[:axis] if isinstance(dim, int)]
    back = [dim for dim in dims[axis:] if isinstance(dim, int)]
    if len(front) == axis:
        return mx.Reshape(x, shape=(math.prod(front), -1))
    if len(back) == rank - axis:
        return mx.Reshape(x, shape=(-1, math.prod(back)))
    if axis == 2:
        return mx.Reshape(x, shape=(-3, -1))
    return node.refuse("sizes on both sides that are not known")


@exporter("Transpose", doc="Transpose")
def transpose(node: ExportedNode, mx: Writer, x: Array, *, perm: list[int] | None = None) -> Array:
    return mx.transpose(x, axes=None if perm is None else tuple(perm))


@exporter("Unsqueeze", doc="Unsqueeze")
def unsqueeze(node: ExportedNode, mx: Writer, x: Array, axes: Array) -> Array:
    rank = node.rank(x)
    places = node.ints(axes, "axes")
    after = rank + len(places)
    places = sorted(axis % after for axis in places)
    if rank == 0:
        return mx.Reshape(x, shape=(1,) * after)
    for axis in places:
        x = mx.expand_dims(x, axis=axis)
    return x


@exporter("Squeeze", doc="Squeeze")
def squeeze(node: ExportedNode, mx: Writer, x: Array, axes: Array | None = None) -> Array:
    if node.output_shape() == ():
        return mx.Reshape(x, shape=(1,))
    return mx.squeeze(x, axis=None if axes is None else tuple(node.ints(axes, "axes")))


@exporter("Shape", doc="Shape")
def shape_operator(
    node: ExportedNode, mx: Writer, x: Array, *, start: int, end: int | None = None
) -> Array:
    whole = mx.typed(ir.DataType.INT64, "shape_array", x)
    if start == 0 and end is None:
        return whole
    return mx.slice_axis(whole, axis=0, begin=start, end=NONE if end is None else end)


@exporter("Size", doc="Size")
def size_operator(node: ExportedNode, mx: Writer, x: Array) -> Array:
    return mx.size_array(x)


@exporter("DepthToSpace", doc="DepthToSpace")
def depth_to_space(node: ExportedNode, mx: Writer, x: Array, *, blocksize: int, mode: str) -> Array:
    if mode != "DCR":
        sizes, block = closed((x.shape or ())[1:]), blocksize
        if sizes is None or len(sizes) != 3:
            node.refuse("the order CRD for an image whose size is not known")
        c, h, w = sizes
        y = mx.Reshape(x, shape=(-1, c // block**2, block, block, h, w))
        y = mx.transpose(y, axes=(0, 1, 4, 2, 5, 3))
        return mx.Reshape(y, shape=(-1, c // block**2, h * block, w * block))
    return mx.depth_to_space(x, block_size=blocksize)


@exporter("SpaceToDepth", doc="SpaceToDepth")
def space_to_depth(node: ExportedNode, mx: Writer, x: Array, *, blocksize: int) -> Array:
    return mx.space_to_depth(x, block_size=blocksize)


@exporter("Tile", doc="Tile")
def tile(node: ExportedNode, mx: Writer, x: Array, repeats: Array) -> Array:
    return mx.tile(x, reps=tuple(node.ints(repeats, "repeats")))


@exporter("Expand", doc="Expand")
def expand(node: ExportedNode, mx: Writer, x: Array, target: Array) -> Array:
    """To a shape, or to that of another array."""
    own, whole = x.shape or (), whole_shape(target.value)
    if whole is not None and whole.shape is not None and len(whole.shape) >= node.rank(x):
        return mx.broadcast_like(with_rank(mx, x, len(whole.shape)), mx.scope.array(whole))
    found = sizes(target.value)
    shape = node.output_shape() if found is None else tuple(dimension(size) for size in found)
    if shape is None:
        node.refuse("the shape it expands to is computed while the model runs")
    rank = max(len(shape), len(own))
    shape, own = ((1,) * (rank - len(each)) + each for each in (shape, own))
    after = [was if dim == 1 else dim for dim, was in zip(shape, own, strict=True)]
    changed = [dim for dim, was in zip(after, own, strict=True) if dim != was]
    if not all(isinstance(dim, int) for dim in changed):
        if found is None or mx.scope.keeps_names:
            return _filled(node, mx, x, after)
        whole_size = [*(1,) * (rank - len(found)), *found]
        zeros = full_of_sizes(mx, whole_size, 0, x.dtype or ir.DataType.FLOAT)
        return mx.broadcast_add(with_rank(mx, x, rank), zeros)
    x = with_rank(mx, x, rank)
    codes = [0 if dim == was else dim for dim, was in zip(after, own, strict=True)]
    return mx.broadcast_to(x, shape=tuple(codes)) if any(codes) else mx.make("_copy", x)


def _filled(node: ExportedNode, mx: Writer, x: Array, shape: Sequence[int | str | None]) -> Array:
    """One number everywhere; MXNet finds out the open sizes by what reads it, or refuses."""
    numbers = x.numbers()
    kind = x.dtype
    if numbers is None or numbers.size != 1 or kind not in NAMES:
        node.refuse("the shape it expands to is computed while the model runs")
    codes = tuple(dim if isinstance(dim, int) else 0 for dim in shape)
    number = numbers.reshape(-1)[0].item()
    op, value = {0: ("_zeros", None), 1: ("_ones", None)}.get(number, ("_full", number))
    dtype = NAMES[kind] if kind != ir.DataType.FLOAT else None
    return mx.typed(kind, op, shape=codes, value=value, dtype=dtype)


def with_rank(mx: Writer, x: Array, rank: int) -> Array:
    """With axes of one element in front."""
    if not x.shape:
        return mx.Reshape(x, shape=(1,) * rank) if rank > 1 else x
    for _ in range(rank - len(x.shape)):
        x = mx.expand_dims(x, axis=0)
    return x


def like(mx: Writer, x: Array, whole: Array, rank: int) -> Array:
    """Repeated to another's shape."""
    return mx.broadcast_like(with_rank(mx, x, rank), whole)
