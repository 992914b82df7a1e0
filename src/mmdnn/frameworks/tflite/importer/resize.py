"""Resizing images (tensorflow/lite/kernels/resize_bilinear.cc, resize_nearest_neighbor.cc)."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, first, importer, last
from mmdnn.ir.builder import Op, known
from mmdnn.ir.folding import vector
from mmdnn.ir.resampling import Resampling


@importer("RESIZE_BILINEAR", doc=DOC)
def resize_bilinear(
    node: ImportedNode, op: Op, x: Value, size: Value, *,
    align_corners: bool, half_pixel_centers: bool,
) -> Value:  # fmt: skip
    """Elements outside of the image are the nearest inside."""
    if align_corners and half_pixel_centers:
        node.unfit("corners and centres cannot both be aligned")
    places = "align_corners" if align_corners else "half_pixel"
    if not align_corners and not half_pixel_centers:
        places = "asymmetric"
    return _resized(op, x, size, mode="linear", coordinate_transformation_mode=places)


def _resized(op: Op, x: Value, size: Value, **said: str) -> Value:
    y, wanted = first(op, x), vector(op, size)
    before = op.Shape(y, end=2)
    known_ = before.const_value.numpy() if before.const_value is not None else None
    if isinstance(wanted, np.ndarray) and known_ is not None:
        sizes: Value | np.ndarray = np.concatenate([known_, wanted])
    else:
        sizes = op.Concat(before, wanted, axis=0)
    return last(op, op.Resize(y, None, None, sizes, **said))


_NEAREST = {
    (False, False): ("asymmetric", "floor"),
    (True, False): ("align_corners", "round_prefer_ceil"),
    (False, True): ("half_pixel", "round_prefer_ceil"),
}
"""How ONNX says what is aligned, where it computes the same."""


def _indices(size: int, new: int, *, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """The element that each of `new` is, in float32."""
    one = np.float32
    scale = one(size - 1) / one(new - 1) if align_corners and new > 1 else one(size) / one(new)
    places = (np.arange(new, dtype=one) + one(0.5 if half_pixel_centers else 0)) * scale
    rounded = np.floor(places + one(0.5)) if align_corners else np.floor(places)
    return np.asarray(np.clip(rounded, 0, size - 1), np.int64)


@importer("RESIZE_NEAREST_NEIGHBOR", doc=DOC)
def resize_nearest(
    node: ImportedNode, op: Op, x: Value, size: Value, *,
    align_corners: bool, half_pixel_centers: bool,
) -> Value:  # fmt: skip
    """A Resize where ONNX's takes the same elements, else these are gathered."""
    said = {"align_corners": bool(align_corners), "half_pixel_centers": bool(half_pixel_centers)}
    how = _NEAREST.get((bool(align_corners), bool(half_pixel_centers)))
    news = node.ints(size, "its size")
    pairs = [(known(x, axis), new) for axis, new in enumerate(news, 1)]
    wanted = [_indices(*pair, **said) for pair in pairs]
    if how is not None:
        onnx = Resampling("nearest", *how)
        if all(np.array_equal(onnx.indices(*p), w) for p, w in zip(pairs, wanted, strict=True)):
            places, rounding = how
            return _resized(
                op,
                x,
                size,
                mode="nearest",
                coordinate_transformation_mode=places,
                nearest_mode=rounding,
            )
    for axis, indices in enumerate(wanted, 1):
        x = op.Gather(x, indices, axis=axis)
    return x
