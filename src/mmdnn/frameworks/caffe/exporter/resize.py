"""Resizing: a pixel repeated is a Deconvolution, anything else each axis times a matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.convolution import window_fields
from mmdnn.frameworks.caffe.exporter.matmul import along_axis
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

LARGEST = 1 << 22
"""Elements of the matrix for an axis, at most."""


@exporter(
    "Resize",
    doc=f"{TUTORIAL}/deconvolution.html",
    unused="axes cubic_coeff_a exclude_outside extrapolation_value",
)
def resize(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    _region: Operand | None = None,
    scales: Operand | None = None,
    _sizes: Operand | None = None,
    *,
    mode: str,
    coordinate_transformation_mode: str,
    nearest_mode: str,
    antialias: int,
    keep_aspect_ratio_policy: str,
) -> Blob:
    """Nearest neighbours, and what is interpolated by lines."""
    shape, where = node.shape(), coordinate_transformation_mode
    if shape == x.shape:
        return x
    if keep_aspect_ratio_policy != "stretch":
        node.refuse("sizes that keep the ratio of height and width")
    if mode == "cubic" or where not in _PLACES or antialias:
        node.refuse(f"resizing {list(x.shape)} to {list(shape)} by mode {mode} ({where})")
    axes = [axis for axis, (a, b) in enumerate(zip(x.shape, shape, strict=True)) if a != b]
    said = _said(scales, axes, len(x.shape))
    matrices = {
        axis: _matrix(node, x.shape[axis], shape[axis], said[axis], (mode, where, nearest_mode))
        for axis in axes
    }
    if len(x.shape) == 4 and set(axes) <= {2, 3} and all(map(_repeats, matrices.values())):
        return _repeated(caffe, x, shape)
    for axis, matrix in matrices.items():
        x = along_axis(caffe, x, axis, matrix, "" if axis == axes[-1] else f"axis{axis}")
    return x


def _said(scales: Operand | None, axes: list[int], rank: int) -> dict[int, float | None]:
    """The factor of each axis, where the node says it for all of them."""
    given = scales.array().reshape(-1) if isinstance(scales, Constant) else np.zeros(0)
    return {axis: float(given[axis]) if len(given) == rank else None for axis in axes}


def _half_pixel(place: np.ndarray, factor: float, _before: int, _after: int) -> np.ndarray:
    return (place + 0.5) / factor - 0.5


def _half_pixel_torch(place: np.ndarray, factor: float, _before: int, after: int) -> np.ndarray:
    return (place + 0.5) / factor - 0.5 if after > 1 else place * 0


def _asymmetric(place: np.ndarray, factor: float, _before: int, _after: int) -> np.ndarray:
    return place / factor


def _corners(place: np.ndarray, _factor: float, before: int, after: int) -> np.ndarray:
    return place * (before - 1) / (after - 1) if after > 1 else place * 0


_PLACES: dict[str, Callable[[np.ndarray, float, int, int], np.ndarray]] = {
    "half_pixel": _half_pixel,
    "pytorch_half_pixel": _half_pixel_torch,
    "asymmetric": _asymmetric,
    "align_corners": _corners,
}
"""Where a pixel of the result lies in the input (https://onnx.ai/onnx/operators/onnx__Resize.html)."""

_ROUNDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda p: np.ceil(p - 0.5),
    "round_prefer_ceil": lambda p: np.floor(p + 0.5),
}


def _matrix(
    node: ExportedNode, before: int, after: int, factor: float | None, how: tuple[str, str, str]
) -> np.ndarray:
    """[after, before]: what each pixel of the result takes of those of the input."""
    mode, where, rounding = how
    if before * after > LARGEST:
        node.refuse(f"resizing {before} pixels to {after} by a matrix")
    rows = np.arange(after)
    places = _PLACES[where](rows.astype(np.float64), factor or after / before, before, after)
    found = np.zeros((after, before))
    if mode == "nearest":
        found[rows, np.clip(_ROUNDS[rounding](places), 0, before - 1).astype(int)] = 1
        return found
    low = np.floor(places)
    for corner, share in ((low, 1 - (places - low)), (low + 1, places - low)):
        np.add.at(found, (rows, np.clip(corner, 0, before - 1).astype(int)), share)
    return found


def _repeats(matrix: np.ndarray) -> bool:
    """Whether the pixel i of the result is the pixel i // factor of the input."""
    after, before = matrix.shape
    whole = after % before == 0
    return whole and bool((matrix == np.repeat(np.eye(before), after // before, axis=0)).all())


def _repeated(caffe: Writer, x: Blob, shape: tuple[int, ...]) -> Blob:
    factors = [after // before for before, after in zip(x.shape[2:], shape[2:], strict=True)]
    weight = np.ones((x.shape[1], 1, *factors), np.float32)
    return caffe.layer(
        "Deconvolution",
        x,
        blobs=[ir.tensor(weight)],
        shape=shape,
        num_output=x.shape[1],
        **window_fields(factors, factors, [0], [1]),
        group=x.shape[1],
        bias_term=False,
    )
