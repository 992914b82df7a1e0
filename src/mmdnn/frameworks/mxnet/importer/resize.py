"""Operators on pictures: resizing, sampling (src/operator and its contrib)."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.axes import reshape, transpose
from mmdnn.ir.builder import Op, known


@importer("UpSampling", doc=f"{NN}.UpSampling", unused="num_filter")
def upsampling(node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    """Pixels repeated, several inputs to one size; or a deconvolution with its own weight."""
    p = node.p
    if p.sample_type == "bilinear":
        return _deconvolved(node, op, *inputs)
    parts = [_repeated(op, inputs[0], p.scale, p.scale)]
    for other in inputs[1:]:
        scales = [known(inputs[0], axis) * p.scale // known(other, axis) for axis in (2, 3)]
        parts.append(_repeated(op, other, *scales))
    if len(parts) == 1:
        return parts[0]
    return op.Sum(*parts) if p.multi_input_mode == "sum" else op.Concat(*parts, axis=1)


def _repeated(op: Op, x: ir.Value, rows: int, columns: int) -> ir.Value:
    if rows == columns == 1:
        return x
    return op.Resize(
        x,
        None,
        np.asarray([1, 1, rows, columns], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _deconvolved(node: ImportedNode, op: Op, x: ir.Value, weight: ir.Value) -> ir.Value:
    scale = node.p.scale
    kernel, pad = 2 * scale - scale % 2, math.ceil((scale - 1) / 2)
    return op.ConvTranspose(
        x,
        weight,
        kernel_shape=[kernel] * 2,
        strides=[scale] * 2,
        pads=[pad] * 4,
        group=node.p.num_filter,
    )


@importer(
    "_contrib_BilinearResize2D",
    doc=f"{NN}.contrib.BilinearResize2D",
    unused="height width scale_height scale_width mode",
)
def bilinear_resize(node: ImportedNode, op: Op, x: ir.Value, *like: ir.Value) -> ir.Value:
    p = node.p
    size = [_resized(node, x, like, place) for place in (0, 1)]
    if [known(x, 2), known(x, 3)] == size:
        return op.Identity(x)
    aligned = "align_corners" if p.align_corners else "pytorch_half_pixel"
    target = np.asarray([known(x, 1), *size], np.int64)
    return op.Resize(
        x,
        None,
        None,
        target,
        axes=[1, 2, 3],
        mode="linear",
        coordinate_transformation_mode=aligned,
    )


def _resized(node: ImportedNode, x: ir.Value, like: tuple[ir.Value, ...], place: int) -> int:
    """The new height (0) or width (1), src/operator/contrib/bilinear_resize-inl.h."""
    p, old = node.p, known(x, 2 + place)
    scale = (p.scale_height, p.scale_width)[place]
    said = (p.height, p.width)[place]
    if p.mode == "like":
        return known(like[0], 2 + place)
    if p.mode == "size":
        return int(said) if scale is None else int(np.float32(scale) * old)
    if p.mode == "odd_scale":
        return (
            int(np.float32(scale) * old) if old % 2 == 0 else int(np.float32(old - 1) * scale) + 1
        )
    even = old % 2 == 0
    change = {"to_even_down": 0 if even else -1, "to_even_up": 0 if even else 1}
    change |= {"to_odd_down": -1 if even else 0, "to_odd_up": 1 if even else 0}
    return old + change[p.mode]


@importer("BilinearSampler", doc=f"{NN}.BilinearSampler")
def bilinear_sampler(_node: ImportedNode, op: Op, x: ir.Value, grid: ir.Value) -> ir.Value:
    return _sampled(op, x, grid)


def _sampled(op: Op, x: ir.Value, grid: ir.Value) -> ir.Value:
    """At x and y from -1 to 1, corners being pixels; nothing outside."""
    places = transpose(op, grid, [0, 2, 3, 1])
    return op.GridSample(x, places, align_corners=1, mode="linear", padding_mode="zeros")


def _lattice(height: int, width: int, like: ir.Value) -> np.ndarray:
    """x, y and 1 of each pixel, [3, height * width]."""
    with np.errstate(all="ignore"):
        rows = -1 + np.arange(height) * (2 / np.float64(height - 1))
        columns = -1 + np.arange(width) * (2 / np.float64(width - 1))
    x, y = np.meshgrid(columns, rows)
    return array(np.stack([x.ravel(), y.ravel(), np.ones(height * width)]), like)


def _affine(op: Op, x: ir.Value, size: tuple[int, int]) -> ir.Value:
    grid = op.MatMul(reshape(op, x, [(0,), 2, 3]), _lattice(*size, x))
    return reshape(op, grid, [(0,), 2, *size])


@importer("GridGenerator", doc=f"{NN}.GridGenerator")
def grid_generator(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """From six numbers of an affine map, or from the flow of each pixel."""
    p = node.p
    if p.transform_type == "affine":
        return _affine(op, x, p.target_shape)
    height, width = known(x, 2), known(x, 3)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    half = np.asarray([(width - 1) / 2, (height - 1) / 2]).reshape(1, 2, 1, 1)
    moved = op.Add(x, array(np.stack([columns, rows])[None], x))
    return op.Sub(op.Div(moved, array(half, x)), array(1, x))


@importer(
    "SpatialTransformer", doc=f"{NN}.SpatialTransformer", unused="transform_type sampler_type"
)
def spatial_transformer(node: ImportedNode, op: Op, x: ir.Value, loc: ir.Value) -> ir.Value:
    p = node.p
    size = p.target_shape if any(p.target_shape) else (known(x, 2), known(x, 3))
    return _sampled(op, x, _affine(op, loc, size))
