"""Resizing: a pixel repeated is a Deconvolution, anything else each axis times a matrix."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.convolution import window_fields
from mmdnn.frameworks.caffe.exporter.matmul import along_axis
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.resampling import PLACES, Resampling

LARGEST = 1 << 22
"""Elements of the matrix for an axis, at most."""


@exporter("Resize", doc=f"{TUTORIAL}/deconvolution.html", unused="axes extrapolation_value")
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
    cubic_coeff_a: float,
    exclude_outside: int,
) -> Blob:
    shape, where = node.shape(), coordinate_transformation_mode
    if shape == x.shape:
        return x
    if keep_aspect_ratio_policy != "stretch":
        node.refuse("sizes that keep the ratio of height and width")
    if where not in PLACES:
        node.refuse(f"resizing {list(x.shape)} to {list(shape)} by mode {mode} ({where})")
    rules = bool(exclude_outside), bool(antialias)
    how = Resampling(mode, where, nearest_mode, cubic_coeff_a, *rules)
    axes = [axis for axis, (a, b) in enumerate(zip(x.shape, shape, strict=True)) if a != b]
    said = _said(scales, axes, len(x.shape))
    for axis in axes:
        if x.shape[axis] * shape[axis] > LARGEST:
            node.refuse(f"resizing {x.shape[axis]} pixels to {shape[axis]} by a matrix")
    matrices = {axis: how.matrix(x.shape[axis], shape[axis], said[axis]) for axis in axes}
    if len(x.shape) == 4 and set(axes) <= {2, 3} and all(map(_repeats, matrices.values())):
        return _repeated(caffe, x, shape)
    for axis, matrix in matrices.items():
        x = along_axis(caffe, x, axis, matrix, "" if axis == axes[-1] else f"axis{axis}")
    return x


def _said(scales: Operand | None, axes: list[int], rank: int) -> dict[int, float | None]:
    """The factor of each axis, where the node says it for all of them."""
    given = scales.array().reshape(-1) if isinstance(scales, Constant) else np.zeros(0)
    return {axis: float(given[axis]) if len(given) == rank else None for axis in axes}


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
