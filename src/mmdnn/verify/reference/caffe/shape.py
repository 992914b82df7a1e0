"""What only moves numbers: shapes, splitting, joining, cutting; and where numbers come from."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes


@computes("Split")
def split(step: Step, x: Array) -> list[Array]:
    """The same memory under several names."""
    step.shares = True
    return [x] * len(step.layer.tops)


@computes("Silence", "HDF5Output")
def silence(step: Step, *bottoms: Array) -> list[Array]:
    """Nothing comes out."""
    del step, bottoms
    return []


@computes("Reshape")
def reshape(step: Step, x: Array) -> Array:
    """Some axes to others: 0 copies the axis at that place, -1 is what is left."""
    p = step.p
    start = p.axis if p.axis >= 0 else x.ndim + p.axis + 1
    end = x.ndim if p.num_axes == -1 else start + p.num_axes
    if not 0 <= start <= end <= x.ndim:
        step.wrong(f"axes {start} to {end} of {list(x.shape)}")
    sizes = [
        x.shape[start + place] if size == 0 else size for place, size in enumerate(p.shape.dim)
    ]
    step.shares = True
    return x.reshape(_inferred(step, x, (*x.shape[:start], *sizes, *x.shape[end:])))


def _inferred(step: Step, x: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    known = int(np.prod([size for size in shape if size != -1]))
    if -1 in shape and known and x.size % known == 0:
        shape = tuple(x.size // known if size == -1 else size for size in shape)
    if -1 in shape or int(np.prod(shape)) != x.size:
        step.wrong(f"{list(x.shape)} to {list(shape)}")
    return shape


@computes("Flatten")
def flatten(step: Step, x: Array) -> Array:
    """Axes from one to another to one."""
    start, end = step.axis(step.p.axis, x), step.axis(step.p.end_axis, x)
    step.shares = True
    count = int(np.prod(x.shape[start : end + 1]))
    return x.reshape(*x.shape[:start], count, *x.shape[end + 1 :])


@computes("Permute")
def permute(step: Step, x: Array) -> Array:
    """Axes in another order; those not named follow (github.com/weiliu89/caffe)."""
    order = list(step.p.order)
    order += [axis for axis in range(x.ndim) if axis not in order]
    if sorted(order) != list(range(x.ndim)):
        step.wrong(f"the order {order} of {x.ndim} axes")
    step.shares = order == sorted(order)
    return x.transpose(order)


@computes("Concat")
def concat(step: Step, *bottoms: Array) -> Array:
    """One after the other along an axis."""
    p = step.p
    axis = p.concat_dim if p.HasField("concat_dim") else step.axis(p.axis, bottoms[0])
    step.shares = len(bottoms) == 1
    return np.concatenate(bottoms, axis)


@computes("Slice")
def slice_(step: Step, x: Array) -> list[Array]:
    """Cut along an axis at points, or into equal parts."""
    p, tops = step.p, len(step.layer.tops)
    axis = p.slice_dim if p.HasField("slice_dim") else step.axis(p.axis, x)
    points = list(p.slice_point)
    size = x.shape[axis]
    if points:
        if len(points) != tops - 1 or sorted({*points, 0, size}) != [0, *points, size]:
            step.wrong(f"cuts at {points} of {size}, for {tops} tops")
    elif size % tops:
        step.wrong(f"{size} to {tops} equal parts")
    step.shares = tops == 1
    return np.split(x, points or tops, axis)


@computes("Crop")
def crop(step: Step, x: Array, like: Array) -> Array:
    """The axes from one on cut to the sizes of another blob's."""
    p = step.p
    axis = step.axis(p.axis, x)
    offsets = list(p.offset) or [0]
    if len(offsets) not in (1, x.ndim - axis):
        step.wrong(f"{len(offsets)} offsets for {x.ndim - axis} axes")
    offsets = offsets * (x.ndim - axis) if len(offsets) == 1 else offsets
    for place, offset in enumerate(offsets, axis):
        if offset + like.shape[place] > x.shape[place]:
            step.wrong(f"{like.shape[place]} from {offset} on of {x.shape[place]}")
    cuts = [slice(o, o + n) for o, n in zip(offsets, like.shape[axis:], strict=True)]
    return x[(slice(None),) * axis + tuple(cuts)]


@computes("CropCenter")
def crop_center(step: Step, x: Array) -> Array:
    """As much cut from both ends of each axis (github.com/lltcggie/caffe)."""
    sizes = step.fork("crop_center_param", crop_size=[])["crop_size"]
    if len(sizes) != x.ndim or not all(isinstance(s, int) and s >= 0 for s in sizes):
        step.refuse(f"crop_size {sizes} of {x.ndim} axes")
    if any(2 * cut + 1 > size for cut, size in zip(sizes, x.shape, strict=True)):
        step.wrong(f"{sizes} from both ends of {list(x.shape)}")
    return x[tuple(slice(c, n - c) for c, n in zip(sizes, x.shape, strict=True))]


@computes("Tile")
def tile(step: Step, x: Array) -> Array:
    """Copies one after the other along an axis."""
    axis = step.axis(step.p.axis, x)
    return np.tile(x, [step.p.tiles if place == axis else 1 for place in range(x.ndim)])


def _factor(step: Step, block: str, name: str, default: int | None) -> int:
    value = step.fork(block, **{name: default})[name]
    if not isinstance(value, int) or value < 1:
        step.refuse(f"{block}.{name} is {value}")
    return value


@computes("ShuffleChannel")
def shuffle_channel(step: Step, x: Array) -> Array:
    """Groups of channels exchanged with channels of a group (github.com/farmingyard/ShuffleNet)."""
    group = _factor(step, "shuffle_channel_param", "group", 1)
    rest = x.shape[2:]
    return x.reshape(len(x), group, -1, *rest).swapaxes(1, 2).reshape(x.shape)


@computes("PixelShuffle")
def pixel_shuffle(step: Step, x: Array) -> Array:
    """Channels to pixels: factor^2 channels to each square (github.com/inisis/caffe)."""
    names = [name for name in step.layer.unknown if name.replace("_", "") == "pixelshuffleparam"]
    factor = _factor(step, names[0] if names else "pixel_shuffle_param", "upscale_factor", None)
    images, channels, height, width = x.shape
    parts = x.reshape(images, channels // factor**2, factor, factor, height, width)
    parts = parts.transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(images, -1, height * factor, width * factor)


@computes("Reorg")
def reorg(step: Step, x: Array) -> Array:
    """darknet's: between pixels and channels, over flat memory (github.com/gklz1982/caffe-yolov2).

    The loops go over the input's own sizes whichever the direction, so that without `reverse` the memory
    is taken for C / stride^2 channels of planes as many times larger.
    """
    p = step.fork("reorg_param", stride=None, reverse=False)
    stride = p["stride"]
    if not stride or stride < 1:
        step.refuse(f"a stride of {stride}")
    images, channels, height, width = x.shape
    less = channels // stride**2
    if channels % stride**2 or (not p["reverse"] and (height % stride or width % stride)):
        step.refuse(f"a stride of {stride} of the shape {list(x.shape)}")
    if p["reverse"]:
        parts = x.reshape(images, stride, stride, less, height, width)
        y = parts.transpose(0, 3, 4, 1, 5, 2)
        return y.reshape(images, less, height * stride, width * stride)
    parts = x.reshape(images, less, height, stride, width, stride)
    y = parts.transpose(0, 3, 5, 1, 2, 4)
    return y.reshape(images, channels * stride**2, height // stride, width // stride)


@computes("Parameter")
def parameter(step: Step) -> Array:
    """A weight as a blob."""
    return step.weight(0, tuple(step.p.shape.dim))


@computes("DummyData")
def dummy_data(step: Step) -> list[Array]:
    """Constants: one shape and filler for all tops, or one each."""
    p, tops = step.p, len(step.layer.tops)
    shapes = [tuple(shape.dim) for shape in p.shape]
    if not shapes:
        sizes = [list(p.num), list(p.channels), list(p.height), list(p.width)]
        shapes = [tuple(s[min(i, len(s) - 1)] for s in sizes) for i in range(max(map(len, sizes)))]
    shapes = shapes * tops if len(shapes) == 1 else shapes
    fillers = [(f.type, f.value) for f in p.data_filler] or [("constant", 0.0)]
    fillers = fillers * tops if len(fillers) == 1 else fillers
    if any(kind != "constant" for kind, _ in fillers):
        step.refuse("its numbers are random")
    return [np.full(s, value) for s, (_, value) in zip(shapes, fillers, strict=True)]
