"""Larger and smaller planes in Caffe's forks: Interp and Upsample."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes


@computes("Interp")
def interp(step: Step, x: Array, *like: Array) -> Array:
    """Linear between pixels, corners on corners (github.com/yjxiong/caffe, util/interp.cpp)."""
    names = ("height", "width", "zoom_factor", "shrink_factor")
    p = step.fork("interp_param", pad_beg=0, pad_end=0, **dict.fromkeys(names))
    if max(p["pad_beg"], p["pad_end"]) > 0 or len(like) > 1:
        step.refuse("padding, or three bottoms")
    ends = [size + p["pad_end"] for size in x.shape[2:]]
    x = x[:, :, -p["pad_beg"] : ends[0], -p["pad_beg"] : ends[1]]
    if 0 in x.shape:
        step.refuse("nothing is left when it is cut")
    if like and any(p[name] is not None for name in names):
        step.refuse("another blob's size, and a size")
    sizes = like[0].shape[2:] if like else _interp_sizes(step, p, x.shape[2:])
    for axis, size in zip((2, 3), sizes, strict=True):
        x = _linear(x, axis, size)
    return x


def _interp_sizes(step: Step, p: dict[str, int | None], sizes: tuple[int, ...]) -> list[int]:
    zoom, shrink, said = p["zoom_factor"], p["shrink_factor"], [p["height"], p["width"]]
    if any(value is not None and value < 1 for value in (zoom, shrink, *said)):
        step.refuse("a size or factor below 1")
    height, width = said
    if (zoom is None) == (shrink is None) and height is not None and width is not None:
        return [height, width]
    if zoom is None and shrink is None:
        step.refuse("no size is said")
    found = [(size - 1) // (shrink or 1) + 1 for size in sizes]
    return [size + (size - 1) * ((zoom or 1) - 1) for size in found]


def _linear(x: Array, axis: int, size: int) -> Array:
    before = x.shape[axis]
    places = np.arange(size) * ((before - 1) / (size - 1) if size > 1 else 0.0)
    low = np.minimum(places.astype(np.int64), before - 1)
    high = np.minimum(low + 1, before - 1)
    part = (places - low).reshape(-1, *[1] * (x.ndim - axis - 1))
    return np.asarray((1 - part) * x.take(low, axis) + part * x.take(high, axis))


@computes("Upsample")
def upsample(step: Step, x: Array, *mask: Array) -> Array:
    """Pixels repeated (eric612/MobileNet-YOLO); or put where a pooling's mask says (caffe-segnet)."""
    names = ("scale_h", "scale_w", "upsample_h", "upsample_w")
    p = step.fork(
        "upsample_param",
        scale=None,
        pad_out_h=False,
        pad_out_w=False,
        **dict.fromkeys(names),
    )
    if any(p[name] is not None and p[name] < 1 for name in ("scale", *names)):
        step.refuse("a size or factor below 1")
    if not mask:
        if p["scale"] is None or any(p[name] for name in (*names, "pad_out_h", "pad_out_w")):
            step.refuse("without a mask it takes `scale` alone")
        return x.repeat(p["scale"], 2).repeat(p["scale"], 3)
    step.same(x, mask[0])
    return _unpooled(step, x, mask[0], _upsampled_sizes(step, p, x.shape[2:]))


def _upsampled_sizes(step: Step, p: dict[str, int | None], sizes: tuple[int, ...]) -> list[int]:
    height, width = p["upsample_h"], p["upsample_w"]
    if height is not None and width is not None:
        return [height, width]
    both = p["scale_h"], p["scale_w"]
    if (None in both and both != (None, None)) or (p["scale"] is not None and both[0]):
        step.refuse("scale and scale_h, or one of scale_h and scale_w alone")
    found = []
    for side, factor, size in zip("hw", both, sizes, strict=True):
        times = factor or p["scale"] or 2
        cut = int(bool(p[f"pad_out_{side}"]))
        if cut and times != 2:
            step.refuse(f"pad_out_{side} and a scale of {times}")
        found.append(size * times - cut)
    return found


def _unpooled(step: Step, x: Array, mask: Array, sizes: list[int]) -> Array:
    planes, places = x.reshape(-1, x[0, 0].size), mask.reshape(-1, x[0, 0].size).astype(np.int64)
    if places.size and not 0 <= places.min() <= places.max() < sizes[0] * sizes[1]:
        step.wrong("the mask points outside of the plane")
    y = np.zeros((len(planes), sizes[0] * sizes[1]))
    for place in range(planes.shape[1]):
        y[np.arange(len(planes)), places[:, place]] = planes[:, place]
    return y.reshape(*x.shape[:2], *sizes)
