"""Resizing. A scale that was given counts for the places, even where it is not the ratio of the sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import sizes
from mmdnn.frameworks.pytorch.importer.pooling import mixed
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, known, rank
from mmdnn.ir.resampling import Resampling

F = f"{NN}.functional"
_NEAREST = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}
_EXACT = {
    "mode": "nearest",
    "coordinate_transformation_mode": "half_pixel",
    "nearest_mode": "round_prefer_ceil",
}


def _scales(node: ImportedCall, count: int) -> list[float] | None:
    """The scales that were given."""
    given = node.parameter("scale_factors")
    if given is None:
        names = ["scales_d", "scales_h", "scales_w"][3 - count :] if count > 1 else ["scales"]
        given = [node.parameter(name) for name in names]
    return [float(each) for each in given] if given and None not in given else None


def _resized(
    node: ImportedCall, op: Op, x: Value, output_size: Any, said: dict[str, Any], *, corners: bool
) -> Value:
    count = rank(x) - 2
    scales = None if corners else _scales(node, count)
    if corners:
        _scales(node, count)
    if scales is not None and _fits(x, output_size, scales):
        return op.Resize(x, None, np.asarray([1, 1, *scales], np.float32), **said)
    if output_size is None:
        given = _scales(node, count)
        assert given is not None
        output_size = [int(np.floor(known(x, 2 + i) * s)) for i, s in enumerate(given)]
    if scales is not None and said["mode"] == "nearest":
        node.refuse("its scales are not those of its sizes")
    target = axes.joined(op, [axes.vector(op, x, [(0,), (1,)]), sizes.vector(op, output_size)])
    return op.Resize(x, None, None, target, **said)


def _fits(x: Value, output_size: Any, scales: list[float]) -> bool:
    """Whether ONNX comes from the scales to the same sizes."""
    if output_size is None:
        return True
    for i, (new, scale) in enumerate(zip(output_size, scales, strict=True)):
        if isinstance(new, ir.Value) or int(np.floor(known(x, 2 + i) * np.float32(scale))) != new:
            return False
    return True


@importer("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", doc=f"{F}.interpolate")
def upsample_nearest(node: ImportedCall, op: Op, x: Value, *, output_size: Any) -> Value:
    return _resized(node, op, x, output_size, dict(_NEAREST), corners=False)


@importer(
    "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d",
    doc=f"{F}.interpolate",
)  # fmt: skip
def upsample_exact(node: ImportedCall, op: Op, x: Value, *, output_size: Any) -> Value:
    return _resized(node, op, x, output_size, dict(_EXACT), corners=False)


@importer(
    "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d",
    doc=f"{F}.interpolate",
)  # fmt: skip
def upsample(
    node: ImportedCall, op: Op, x: Value, *, output_size: Any, align_corners: bool
) -> Value:
    said: dict[str, Any] = {"mode": "linear"}
    if "bicubic" in node.type:
        said = {"mode": "cubic", "cubic_coeff_a": -0.75}
    said["coordinate_transformation_mode"] = "align_corners" if align_corners else "half_pixel"
    return _resized(node, op, x, output_size, said, corners=bool(align_corners))


@importer("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", doc=f"{F}.interpolate")
def upsample_smooth(
    node: ImportedCall, op: Op, x: Value, *, output_size: Any, align_corners: bool
) -> Value:
    """As PIL: outside the image nothing weighs."""
    given = _scales(node, 2)
    if align_corners:
        node.refuse("it aligns corners")
    mode = "cubic" if "bicubic" in node.type else "linear"
    how = Resampling(mode, "half_pixel", a=-0.5, exclude_outside=True, antialias=True)
    for i in range(2):
        size = known(x, 2 + i)
        new = (
            output_size[i]
            if output_size is not None
            else int(np.floor(size * (given or [1, 1])[i]))
        )
        x = mixed(op, x, 2 + i, how.matrix(size, new, given[i] if given else None))
    return x


_MODES = ("linear", "nearest", "cubic")
_PADDINGS = ("zeros", "border", "reflection")


@importer("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", doc=f"{F}.grid_sample")
def grid_sampler(
    node: ImportedCall, op: Op, x: Value, grid: Value, mode: int, padding: int, align_corners: bool
) -> Value:
    said = {"mode": _MODES[mode], "padding_mode": _PADDINGS[padding]}
    return op.GridSample(x, grid, align_corners=int(align_corners), **said)


@importer("affine_grid_generator", doc=f"{F}.affine_grid")
def affine_grid(
    node: ImportedCall, op: Op, theta: Value, size: list[Any], align_corners: bool
) -> Value:
    return op.AffineGrid(theta, sizes.vector(op, size), align_corners=int(align_corners))
