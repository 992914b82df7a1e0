"""Resizing: UpSampling, Resizing and cropping to a size.

TensorFlow (core/kernels/image) takes centres of elements; Keras 2 on TensorFlow 1 takes their first corners
for `bilinear`. What ONNX's Resize does not compute alike is a matrix for each axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Generation
from mmdnn.frameworks.keras.importer.layout import several, spatial, to_first, to_last
from mmdnn.frameworks.keras.importer.pad import padded
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank
from mmdnn.ir.resampling import Resampling

RESHAPING = f"{LAYERS}/reshaping_layers"
IMAGES = f"{LAYERS}/preprocessing_layers/image_preprocessing"
_CUBIC = Resampling("cubic", "half_pixel", a=-0.5, exclude_outside=True, steps=1024)


def _cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """Mitchell and Netravali's cubics."""

    def kernel(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)
        far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x
        far += 8 * b + 24 * c
        return np.asarray(np.where(x < 1, near, np.where(x < 2, far, 0)) / 6)

    return kernel


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    def kernel(x: np.ndarray) -> np.ndarray:
        found = np.sinc(x) * np.sinc(x / radius)
        return np.asarray(np.where(np.abs(x) > radius, 0, found))

    return kernel


def _gaussian(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(np.abs(x) >= 1.5, 0, np.exp(-(x**2) / (2 * 0.5**2))))


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(1 - np.abs(x), 0))


_KERNELS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "lanczos3": (_lanczos(3), 3),
    "lanczos5": (_lanczos(5), 5),
    "gaussian": (_gaussian, 1.5),
    "mitchellcubic": (_cubic(1 / 3, 1 / 3), 2),
    "bilinear": (_triangle, 1),
    "bicubic": (_cubic(0, 0.5), 2),
}
"""What an element weighs by its distance, and from where on it weighs nothing (scale_and_translate_op.cc)."""


def _mixture(kind: str, size: int, new: int, *, antialias: bool) -> np.ndarray:
    """What each of `new` elements takes of `size` others: [new, size], rows of sum 1."""
    if kind == "area":
        return _areas(size, new)
    if kind == "bicubic" and not antialias:
        return _CUBIC.matrix(size, new)
    kernel, radius = _KERNELS[kind]
    ratio = size / new
    wide = max(ratio, 1.0) if antialias else 1.0
    centres = (np.arange(new) + 0.5) * ratio
    first = np.ceil(centres - radius * wide - 0.5).astype(int)
    gaps = (np.arange(size)[None] + 0.5 - centres[:, None]) / wide
    found: np.ndarray = kernel(gaps)
    last = np.floor(centres + radius * wide - 0.5).astype(int)
    columns = np.arange(size)[None]
    found = found * ((columns >= first[:, None]) & (columns <= last[:, None]))
    total = found.sum(1, keepdims=True)
    return np.asarray(found / np.where(np.abs(total) < 1000 * np.finfo(np.float32).tiny, 1, total))


def _areas(size: int, new: int) -> np.ndarray:
    """Means of what lies below each of `new` elements."""
    ratio = size / new
    low = np.arange(new)[:, None] * ratio
    cells = np.arange(size)[None]
    below = np.minimum(cells + 1, low + ratio) - np.maximum(cells, low)
    return np.asarray(np.clip(below, 0, None) / ratio)


def resized(
    node: ImportedNode, op: Op, x: Value, axes: Sequence[int], new: Sequence[int], kind: str,
    *, antialias: bool = False,
) -> Value:  # fmt: skip
    """Some axes of a tensor with other sizes."""
    if kind == "nearest":
        for axis, count in zip(axes, new, strict=True):
            size = known(x, axis)
            index = np.floor((np.arange(count) + np.float32(0.5)) * np.float32(size / count))
            x = op.Gather(x, np.minimum(index, size - 1).astype(np.int64), axis=axis)
        return x
    if kind != "area" and kind not in _KERNELS:
        node.refuse(f"its interpolation is {kind}")
    for axis, count in zip(axes, new, strict=True):
        matrix = _mixture(kind, known(x, axis), count, antialias=antialias)
        x = mixed(op, x, axis, matrix)
    return x


def mixed(op: Op, x: Value, axis: int, matrix: np.ndarray) -> Value:
    """Mixtures of the elements of an axis: those of the rows of a matrix."""
    weights = matrix.astype((x.dtype or ir.DataType.FLOAT).numpy())
    if axis == rank(x) - 2:
        return op.MatMul(weights, x)
    if axis == rank(x) - 1:
        return op.MatMul(x, np.ascontiguousarray(weights.T))
    letters = "abcdefgh"[: rank(x)]
    new = letters.replace(letters[axis], "z")
    return op.Einsum(x, weights, equation=f"{letters},z{letters[axis]}->{new}")


@importer("UpSampling1D", "UpSampling2D", "UpSampling3D", doc=RESHAPING)
def up_sampling(
    node: ImportedNode, op: Op, x: Value, *, size: Any, data_format: str, interpolation: str
) -> Value:
    """Each element as often as said, or a mixture of its neighbours."""
    data_format = "channels_last" if node.layer.type == "UpSampling1D" else data_format
    axes = spatial(data_format, x)
    factors = several(node, size, len(axes))
    kind = (interpolation or "nearest").lower()
    if kind in {"nearest", "bilinear"}:
        first = to_first(op, x, data_format)
        old = node.generation <= Generation.KERAS2
        nearest = {"mode": "nearest", "nearest_mode": "floor"}
        how = {"mode": "linear"} if kind == "bilinear" else nearest
        places = "asymmetric" if old or kind == "nearest" else "half_pixel"
        scales = np.asarray([1, 1, *factors], np.float32)
        y = op.Resize(first, None, scales, coordinate_transformation_mode=places, **how)
        return to_last(op, y, data_format)
    new = [known(x, axis) * factor for axis, factor in zip(axes, factors, strict=True)]
    return resized(node, op, x, axes, new, kind)


@importer("Resizing", doc=f"{IMAGES}/resizing", unused="bounding_box_format")
def resizing(
    node: ImportedNode, op: Op, x: Value, *,
    height: int, width: int, interpolation: str, data_format: str, antialias: bool,
    crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool,
) -> Value:  # fmt: skip
    """Cropped or padded to the shape first where that is said; integers are rounded back."""
    fill = float(node.parameter("fill_value") or 0)
    node.taken.add("fill_mode")
    kind = x.dtype or ir.DataType.FLOAT
    said = {"antialias": bool(antialias), "fill": fill}
    said |= {"crop": bool(crop_to_aspect_ratio), "pad": bool(pad_to_aspect_ratio)}
    y = to_size(node, op, x, (height, width), interpolation.lower(), data_format, **said)
    if kind.is_floating_point() or y.dtype == kind:
        return y
    limits = np.iinfo(kind.numpy())
    if node.generation is Generation.KERAS3:
        y = op.Round(y)
    return op.Cast(op.Clip(y, np.float32(limits.min), np.float32(limits.max)), to=kind)


def to_size(
    node: ImportedNode, op: Op, x: Value, size: tuple[int, int], kind: str, data_format: str,
    **said: Any,
) -> Value:  # fmt: skip
    """A picture in another size."""
    axes = [axis if axis >= 0 else axis + rank(x) for axis in spatial(data_format, x)]
    old = [known(x, axis) for axis in axes]
    other = [int(old[1] * size[0] / size[1]), int(old[0] * size[1] / size[0])]
    if said.get("crop"):
        kept = [max(min(n, m), 1) for n, m in zip(old, other, strict=True)]
        x = _cropped(op, x, axes, kept)
    if said.get("pad"):
        whole = [max(n, m) for n, m in zip(old, other, strict=True)]
        pairs = [(0, 0)] * rank(x)
        for axis, n, m in zip(axes, old, whole, strict=True):
            before = int((m - n) / 2)
            pairs[axis] = (before, before)
        fill = said.get("fill", 0)
        x = padded(op, x, pairs, np.asarray(fill, (x.dtype or ir.DataType.FLOAT).numpy()))
    if [known(x, axis) for axis in axes] == list(size):
        return x
    floats = x.dtype is not None and x.dtype.is_floating_point()
    x = x if floats or kind == "nearest" else op.Cast(x, to=ir.DataType.FLOAT)
    return resized(node, op, x, axes, size, kind, antialias=bool(said.get("antialias")))


def _cropped(op: Op, x: Value, axes: Sequence[int], sizes: Sequence[int]) -> Value:
    starts = [int((known(x, axis) - size) / 2) for axis, size in zip(axes, sizes, strict=True)]
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    return op.Slice(x, starts, ends, list(axes))


@importer("CenterCrop", doc=f"{IMAGES}/center_crop")
def center_crop(
    node: ImportedNode, op: Op, x: Value, *, height: int, width: int, data_format: str
) -> Value:
    """The middle of a picture; a smaller one is resized, its middle being cropped to the shape."""
    axes = spatial(data_format, x)
    if all(known(x, axis) >= size for axis, size in zip(axes, (height, width), strict=True)):
        return _cropped(op, x, axes, (height, width))
    return to_size(node, op, x, (height, width), "bilinear", data_format, crop=True)


@importer("ops.Resize", doc=f"{OPS}/image")
def resize_operation(
    node: ImportedNode, op: Op, x: Value, *, size: Any, interpolation: str, data_format: str,
    antialias: bool, crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool,
) -> Value:  # fmt: skip
    node.taken.update(("fill_mode", "fill_value"))
    said = {"antialias": antialias, "fill": float(node.parameter("fill_value") or 0)}
    said |= {"crop": crop_to_aspect_ratio, "pad": pad_to_aspect_ratio}
    return to_size(node, op, x, tuple(size), interpolation, data_format, **said)
