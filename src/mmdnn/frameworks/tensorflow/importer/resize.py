"""Images in other sizes (core/kernels/image).

Without `half_pixel_centers` an element's place is that of its first corner; the nearest is the one before.
Cubics take their weights from a table of 1,024 steps, and with `half_pixel_centers` nothing from outside.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
    to_first,
    to_last,
)
from mmdnn.ir.builder import Op, known
from mmdnn.ir.folding import int64
from mmdnn.ir.resampling import Resampling
from mmdnn.ir.sizes import trace


def _places(align_corners: bool, half_pixel_centers: bool) -> str:
    if align_corners:
        return "align_corners"
    return "half_pixel" if half_pixel_centers else "asymmetric"


@importer("ResizeBilinear", doc=f"{RAW}/ResizeBilinear")
def bilinear(
    node: ImportedNode,
    op: Op,
    x: Value,
    size: Value,
    *,
    align_corners: bool,
    half_pixel_centers: bool,
) -> Value:
    x = x if is_float(x) else op.Cast(x, to=ir.DataType.FLOAT)
    return _resized(op, x, size, mode="linear", places=_places(align_corners, half_pixel_centers))


def _resized(op: Op, x: Value, size: Value, mode: str, places: str) -> Value:
    """ONNX's Resize; by scales where these are whole numbers."""
    first = to_first(op, x, "NHWC")
    scales = _scales(x, size)
    how = {"mode": mode, "coordinate_transformation_mode": places}
    if mode == "nearest":
        how["nearest_mode"] = "floor"
    if scales is not None and places != "align_corners":
        y = op.Resize(first, None, np.asarray([1, 1, *scales], np.float32), **how)
    else:
        sizes = int64(op, size)
        whole = op.Concat(op.Shape(first, start=0, end=2), sizes, axis=0)
        y = op.Resize(first, None, None, whole, **how)
        if y.shape is None:
            y.shape = ir.Shape([*list(first.shape or [None] * 4)[:2], None, None])
    return to_last(op, y, "NHWC")


def _scales(x: Value, size: Value) -> list[int] | None:
    """Whole scales of height and width, where they are known."""
    wanted, before = trace(size), list(x.shape or [])[1:3]
    found = []
    if wanted is None:
        return None
    for new, old in zip(wanted, before, strict=True):
        if not isinstance(new, int) or not isinstance(old, int) or new % old:
            return None
        found.append(new // old)
    return found


@importer("ResizeNearestNeighbor", doc=f"{RAW}/ResizeNearestNeighbor")
def nearest(
    node: ImportedNode,
    op: Op,
    x: Value,
    size: Value,
    *,
    align_corners: bool,
    half_pixel_centers: bool,
) -> Value:
    """Places are rounded in float32; halves up where corners are aligned."""
    if _scales(x, size) is not None and not align_corners:
        return _resized(op, x, size, "nearest", "asymmetric")
    for axis, new in enumerate(node.ints(size, "its size"), 1):
        old = known(x, axis)
        aligned = align_corners and new > 1
        scale = (
            np.float32(old - 1) / np.float32(new - 1)
            if aligned
            else np.float32(old) / np.float32(new)
        )
        offset = np.float32(0.5 if half_pixel_centers else 0)
        places = (np.arange(new, dtype=np.float32) + offset) * scale
        rounded = np.floor(places + np.float32(0.5)) if align_corners else np.floor(places)
        index = np.clip(rounded, 0, old - 1).astype(np.int64)
        x = op.Gather(x, index, axis=axis)
    return x


@importer("ResizeBicubic", doc=f"{RAW}/ResizeBicubic")
def bicubic(
    node: ImportedNode,
    op: Op,
    x: Value,
    size: Value,
    *,
    align_corners: bool,
    half_pixel_centers: bool,
) -> Value:
    how = Resampling(
        "cubic",
        _places(align_corners, half_pixel_centers),
        a=-0.5 if half_pixel_centers else -0.75,
        exclude_outside=half_pixel_centers,
        steps=1024,
    )
    return _mixed(node, op, x, node.ints(size, "its size"), how)


def _mixed(node: ImportedNode, op: Op, x: Value, size: list[int], how: Resampling) -> Value:
    """Height and width, each by a matrix."""
    x = as_type(op, x, ir.DataType.FLOAT)
    first = to_first(op, x, "NHWC")
    rows = how.matrix(known(x, 1), size[0]).astype(np.float32)
    columns = how.matrix(known(x, 2), size[1]).astype(np.float32)
    y = op.MatMul(op.MatMul(rows, first), np.ascontiguousarray(columns.T))
    return to_last(op, y, "NHWC")


@importer("ResizeArea", doc=f"{RAW}/ResizeArea")
def area(node: ImportedNode, op: Op, x: Value, size: Value, *, align_corners: bool) -> Value:
    if align_corners:
        node.refuse("its corners are aligned")
    first = to_first(op, as_type(op, x, ir.DataType.FLOAT), "NHWC")
    rows, columns = (
        _areas(known(x, axis), new) for axis, new in enumerate(node.ints(size, "its size"), 1)
    )
    y = op.MatMul(op.MatMul(rows, first), np.ascontiguousarray(columns.T))
    return to_last(op, y, "NHWC")


def _areas(old: int, new: int) -> np.ndarray:
    """What of each element lies below each of the new ones."""
    ratio = old / new
    low, cells = np.arange(new)[:, None] * ratio, np.arange(old)[None]
    below = np.minimum(cells + 1, low + ratio) - np.maximum(cells, low)
    return np.asarray(np.clip(below, 0, None) / ratio, np.float32)


@importer("ScaleAndTranslate", doc=f"{RAW}/ScaleAndTranslate")
def scale_and_translate(
    node: ImportedNode, op: Op, x: Value, size: Value, scale: Value, translation: Value,
    *, kernel_type: str, antialias: bool,
) -> Value:  # fmt: skip
    """Of its scales only those are taken that the sizes say, without translation."""
    new = node.ints(size, "its size")
    ratios = [count / known(x, axis) for axis, count in enumerate(new, 1)]
    moved = np.any(node.numbers(translation, "its translation"))
    if moved or not np.allclose(node.numbers(scale, "its scale"), ratios, rtol=1e-6):
        node.refuse("its scale is not that of the sizes")
    kinds = {"triangle": ("linear", 0.0), "keyscubic": ("cubic", -0.5)}
    if kernel_type not in kinds:
        node.refuse(f"its kernel is {kernel_type}")
    mode, a = kinds[kernel_type]
    how = Resampling(mode, "half_pixel", a=a, exclude_outside=True, antialias=antialias)
    return _mixed(node, op, x, new, how)
