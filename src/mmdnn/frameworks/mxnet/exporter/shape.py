"""Rearranging: reshaping by MXNet's codes, slices, joints and repetitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.convolution import is_flattening
from mmdnn.frameworks.mxnet.exporter.elementwise import with_rank
from mmdnn.frameworks.mxnet.exporter.filling import full_of_sizes
from mmdnn.frameworks.mxnet.exporter.padding import NONE
from mmdnn.frameworks.mxnet.exporter.sizes import Size, sizes, whole_shape
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, Exporting, Writing, exporter
from mmdnn.ir import LIKE

FAR = 1 << 31
"""Slices that end here or later go to the end."""


@exporter("Reshape", doc="Reshape")
def reshape(node: Exporting, mx: Writing, x: Array, target: Array) -> Array:
    """0 and -1 mean the same in both."""
    shape = target.numbers()
    keeps_zero = node.attribute("allowzero", 0)
    if shape is None:
        return _computed(node, mx, x, target)
    target_sizes = [int(size) for size in shape.reshape(-1)]
    joined = mx.scope.joined.get(x.entry)
    if joined is not None and _joins(x, target_sizes):
        return joined
    if x.shape == () and target_sizes == [1]:
        return x
    if is_flattening(node.node) and node.rank(x) > 2 and node.source_type != "Reshape":
        return mx.Flatten(x)
    if keeps_zero and 0 in target_sizes:
        node.refuse("a size of 0")
    return mx.Reshape(x, shape=tuple(target_sizes) or (1,))


def _joins(x: Array, target: list[int]) -> bool:
    """Whether this merges the last two of four axes."""
    dims = x.shape or (None,) * 4
    last = dims[2] * dims[3] if isinstance(dims[2], int) and isinstance(dims[3], int) else None
    kept = len(target) == 3 and all(target[i] in {0, dims[i]} for i in (0, 1))
    free = len(target) == 3 and target[0] == -1 and target[1] == dims[1] and target[2] == last
    return free or (kept and target[2] in {-1, last})


def _computed(node: Exporting, mx: Writing, x: Array, target: Array) -> Array:
    """A target computed while the model runs: what is known of the result may be enough."""
    found = sizes(target.value)
    shape = node.output_shape() if found is None else tuple(_name(size) for size in found)
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
    if value is None or len(open_) < 2 or value.shape is None or len(value.shape) <= open_[-1]:
        return None
    count = open_[-1] + 1
    same = all(
        size == (dim if isinstance(dim := value.shape[place], int) else (value, place))
        for place, size in enumerate(found[:count])
    )
    return (value, count) if same else None


def _codes(node: Exporting, x: Array, shape: Sequence[int | str | None]) -> tuple[int, ...]:
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
def flatten(node: Exporting, mx: Writing, x: Array) -> Array:
    axis = node.attribute("axis", 1)
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
def transpose(node: Exporting, mx: Writing, x: Array) -> Array:
    perm = node.attribute("perm")
    if perm == [0, 2, 1, 3] and x.value in mx.scope.turned:
        return mx.scope.turned[x.value]
    moved = [i for i, axis in enumerate(perm or ()) if i != axis]
    if node.source_type == "SwapAxis" and len(moved) == 2:
        return mx.SwapAxis(x, dim1=moved[0], dim2=moved[1])
    return mx.transpose(x, axes=None if perm is None else tuple(perm))


@exporter("Unsqueeze", doc="Unsqueeze")
def unsqueeze(node: Exporting, mx: Writing, x: Array, axes: Array) -> Array:
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
def squeeze(node: Exporting, mx: Writing, x: Array, axes: Array | None = None) -> Array:
    if node.output_shape() == ():
        return mx.Reshape(x, shape=(1,))
    turned = mx.scope.turned.get(x.value) if x.value is not None else None
    if (
        turned is not None
        and (x.shape or ())[1] == 1
        and axes is not None
        and node.ints(axes, "axes") == [1]
    ):
        return mx.scope.joined[turned.entry]
    return mx.squeeze(x, axis=None if axes is None else tuple(node.ints(axes, "axes")))


@exporter("Concat", doc="Concat")
def concat(node: Exporting, mx: Writing, *xs: Array) -> Array:
    """Parts of one array, all in order, are that array."""
    axis = node.attribute("axis")
    cuts = [mx.scope.cuts.get(x.entry) for x in xs]
    if axis == 0 and cuts[0] is not None:
        whole, _, count = cuts[0]
        if cuts == [(whole, place, count) for place in range(count)]:
            return whole
    return mx.Concat(*xs, num_args=len(xs), dim=axis if axis != 1 else None)


@exporter("Split", doc="Split")
def split_operator(
    node: Exporting, mx: Writing, x: Array, split: Array | None = None
) -> list[Array]:
    axis, count = node.attribute("axis", 0), len(node.node.outputs)
    node.ignore("num_outputs")
    lengths = None if split is None else node.ints(split, "sizes")
    if lengths is None:
        shape = node.output_shape(0) or ()
        size = (x.shape or ())[axis] if x.shape is not None else None
        if not isinstance(size, int) or not shape:
            node.refuse("the size that it splits is not known")
        each = -(-size // count)
        lengths = [each] * (count - 1) + [size - each * (count - 1)]
    if count == 1:
        return [mx.make("_copy", x)]
    if len(set(lengths)) == 1:
        parts = mx.SliceChannel(x, num_outputs=count, axis=axis if axis != 1 else None)
    else:
        starts = (0, *(int(i) for i in np.cumsum(lengths)[:-1]))
        parts = mx.make("_split_v2", x, indices=starts, axis=axis, sections=0)
    return mx.outputs(parts, count)


@exporter("Slice", doc="Slice")
def slice_operator(
    node: Exporting,
    mx: Writing,
    x: Array,
    starts: Array,
    ends: Array,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    begins, stops = node.ints(starts, "starts"), node.ints(ends, "ends")
    places = list(range(len(begins))) if axes is None else node.ints(axes, "axes")
    strides = [1] * len(begins) if steps is None else node.ints(steps, "steps")
    rank = node.rank(x)
    cuts = {
        axis % rank: _cut((x.shape or ())[axis], begin, stop, step)
        for axis, begin, stop, step in zip(places, begins, stops, strides, strict=True)
    }
    cuts = {axis: cut for axis, cut in cuts.items() if cut != (0, None, 1)}
    if not cuts:
        return mx.make("_copy", x)
    like = _like(node, mx)
    if like is not None and set(cuts) <= {2, 3} and {cut[2] for cut in cuts.values()} == {1}:
        offset = tuple(cuts.get(axis, (0,))[0] or 0 for axis in (2, 3))
        return mx.Crop(x, like, num_args=2, offset=offset if any(offset) else None)
    if len(cuts) == 1 and (only := next(iter(cuts.values())))[2] == 1:
        begin, stop, _ = only
        return mx.slice_axis(
            x, axis=next(iter(cuts)), begin=begin or 0, end=NONE if stop is None else stop
        )
    each = [cuts.get(axis, (None, None, 1)) for axis in range(max(cuts) + 1)]
    steps_ = tuple(cut[2] for cut in each)
    return mx.slice(
        x,
        begin=tuple(cut[0] for cut in each),
        end=tuple(cut[1] for cut in each),
        step=steps_ if set(steps_) != {1} else None,
    )


def _like(node: Exporting, mx: Writing) -> Array | None:
    """The picture to whose size the source cut, where it is known."""
    name, wanted = node.node.metadata_props.get(LIKE, ""), node.output_shape() or ()
    found = (array for value, array in mx.scope.values.items() if value.name == name)
    like = next(found, None) if len(wanted) == 4 else None
    sizes = (like.shape or ())[2:] if like is not None else ()
    return like if len(sizes) == 2 and sizes == wanted[2:] and None not in sizes else None


def _cut(
    size: int | str | None, begin: int, stop: int, step: int
) -> tuple[int | None, int | None, int]:
    """Begin and end as MXNet takes them: within the axis, None for as far as it goes."""
    if isinstance(size, int):
        first, last, _ = slice(
            begin, stop if stop > -FAR else None if step < 0 else stop, step
        ).indices(size)
        if step > 0:
            return first, None if last >= size else last, step
        return first, None if last < 0 else last, step
    if step > 0:
        return begin, None if stop >= FAR - 1 else stop, step
    return (
        (None if begin >= FAR - 1 or begin == -1 else begin),
        (None if stop <= -FAR + 1 else stop),
        step,
    )


@exporter("Tile", doc="Tile")
def tile(node: Exporting, mx: Writing, x: Array, repeats: Array) -> Array:
    return mx.tile(x, reps=tuple(node.ints(repeats, "repeats")))


@exporter("Expand", doc="Expand")
def expand(node: Exporting, mx: Writing, x: Array, target: Array) -> Array:
    """To a shape, or to that of another array."""
    own, whole = x.shape or (), whole_shape(target.value)
    if whole is not None and whole.shape is not None and len(whole.shape) >= node.rank(x):
        return mx.broadcast_like(with_rank(mx, x, len(whole.shape)), mx.scope.array(whole))
    found = sizes(target.value)
    shape = node.output_shape() if found is None else tuple(_name(size) for size in found)
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


def _name(size: Size) -> int | str | None:
    if isinstance(size, int):
        return size
    value, axis = size
    dim = value.shape[axis] if value.shape is not None else None
    return dim if isinstance(dim, int) else dim.value if dim is not None else None


def _filled(node: Exporting, mx: Writing, x: Array, shape: Sequence[int | str | None]) -> Array:
    """One number everywhere; MXNet finds out the open sizes by what reads it, or refuses."""
    numbers = x.numbers()
    kind = x.dtype
    if numbers is None or numbers.size != 1 or kind not in NAMES:
        node.refuse("the shape it expands to is computed while the model runs")
    codes = tuple(dim if isinstance(dim, int) else 0 for dim in shape)
    number = numbers.reshape(-1)[0].item()
    op, value = {0: ("_zeros", None), 1: ("_ones", None)}.get(number, ("_full", number))
    full = mx.make(
        op, shape=codes, value=value, dtype=NAMES[kind] if kind != ir.DataType.FLOAT else None
    )
    full.dtype = kind
    return full


@exporter("Shape", doc="Shape")
def shape_operator(node: Exporting, mx: Writing, x: Array) -> Array:
    begin, end = node.attribute("start", 0), node.attribute("end")
    whole = mx.shape_array(x)
    whole.dtype = ir.DataType.INT64
    if begin == 0 and end is None:
        return whole
    return mx.slice_axis(whole, axis=0, begin=begin, end=NONE if end is None else end)


@exporter("Size", doc="Size")
def size_operator(node: Exporting, mx: Writing, x: Array) -> Array:
    return mx.size_array(x)


@exporter("DepthToSpace", doc="DepthToSpace")
def depth_to_space(node: Exporting, mx: Writing, x: Array) -> Array:
    if node.attribute("mode", "DCR") != "DCR":
        shape = x.shape or ()
        block = node.attribute("blocksize")
        if len(shape) != 4 or not all(isinstance(d, int) for d in shape[1:]):
            node.refuse("the order CRD for an image whose size is not known")
        c, h, w = (int(d) for d in shape[1:])  # type: ignore[arg-type]
        y = mx.Reshape(x, shape=(-1, c // block**2, block, block, h, w))
        y = mx.transpose(y, axes=(0, 1, 4, 2, 5, 3))
        return mx.Reshape(y, shape=(-1, c // block**2, h * block, w * block))
    return mx.depth_to_space(x, block_size=node.attribute("blocksize"))


@exporter("SpaceToDepth", doc="SpaceToDepth")
def space_to_depth(node: Exporting, mx: Writing, x: Array) -> Array:
    return mx.space_to_depth(x, block_size=node.attribute("blocksize"))
