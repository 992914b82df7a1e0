"""Resampling images: Resize, GridSample, AffineGrid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.resampling import PLACES, Resampling
from mmdnn.python.expressions import Code

Attributes = dict[str, Any]
Inputs = tuple[Variable | None, Variable | None, Variable | None]

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Resizing:
    """The attributes and inputs of a Resize, as far as they are known."""

    def __init__(
        self, node: ExportedNode, torch: Writer, x: Variable, inputs: Inputs, attributes: Attributes
    ) -> None:
        roi, scales, sizes = inputs
        self.mode = attributes["mode"]
        self.transformation = attributes["coordinate_transformation_mode"]
        self.rounding = attributes["nearest_mode"]
        self.antialias = bool(attributes["antialias"])
        self.exclude = bool(attributes["exclude_outside"])
        self.cubic = attributes["cubic_coeff_a"]
        self.outside = attributes["extrapolation_value"]
        self.policy = attributes["keep_aspect_ratio_policy"]
        self.rank = node.rank(x)
        self.axes = [node.axis(x, axis) for axis in attributes.get("axes") or range(self.rank)]
        self.roi = roi if self.transformation == "tf_crop_and_resize" else None
        self.scales_input, self.sizes_input = scales, sizes
        self.scales, self.sizes = torch.static(scales), torch.static(sizes)
        self.dims = x.shape or ()
        if self.scales is not None or self.sizes is not None:
            self._drop_unchanged()

    @property
    def spatial(self) -> bool:
        """Whether just the axes after the second are resized, all of them."""
        return self.axes == list(range(2, self.rank)) and 3 <= self.rank <= 5

    def _drop_unchanged(self) -> None:
        """Leave out batch and channels where they keep their sizes."""
        kept = [i for i, axis in enumerate(self.axes) if axis > 1 or self._changes(i, axis)]
        if self.policy != "stretch" or self.roi is not None or len(kept) == len(self.axes):
            return
        self.axes = [self.axes[i] for i in kept]
        self.scales = None if self.scales is None else self.scales[kept]
        self.sizes = None if self.sizes is None else self.sizes[kept]

    def _changes(self, index: int, axis: int) -> bool:
        if self.scales is not None:
            return bool(self.scales[index] != 1)
        assert self.sizes is not None
        return bool(self.sizes[index] != self.dims[axis])


@exporter("Resize", doc="Resize")
def resize(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    roi: Variable | None = None,
    scales: Variable | None = None,
    sizes: Variable | None = None,
    **attributes: Any,
) -> Any:
    r = Resizing(node, torch, x, (roi, scales, sizes), attributes)
    if r.transformation == "align_corners" and scales is not None and not _whole(r):
        node.refuse(
            "it aligns corners of a size that is no whole number, on which engines disagree"
        )
    kind = x.dtype.numpy().kind if x.dtype is not None else "f"
    if kind in "iub" and r.mode != "nearest":
        node.refuse("it interpolates integers, whose rounding ONNX leaves open")
    mode = None if kind in "iub" and x.dtype != ir.DataType.UINT8 else _torch_mode(r)
    if mode is None:
        return _by_helper(torch, x, r)
    options: dict[str, Any] = {"mode": mode} if mode != "nearest" else {}
    if r.sizes is not None:
        options = {"size": tuple(int(s) for s in r.sizes), **options}
    else:
        assert r.scales is not None
        factors = [float(s) for s in r.scales]
        options = {"scale_factor": pair_of(factors), **options}
    if (
        mode in {"linear", "bilinear", "trilinear", "bicubic"}
        and r.transformation == "align_corners"
    ):
        options["align_corners"] = True
    return torch.call("F.interpolate", x, **options)


def _whole(r: Resizing) -> bool:
    """Whether the scales surely give whole sizes."""
    if r.scales is None:
        return False
    return all(
        float(s).is_integer()
        or (isinstance(d := r.dims[axis], int) and (d * float(s)).is_integer())
        for axis, s in zip(r.axes, r.scales, strict=True)
    )


def pair_of(factors: list[float]) -> Any:
    """One number where all are equal; whole numbers as integers."""
    plain = [int(f) if f.is_integer() else f for f in factors]
    return plain[0] if len(set(plain)) == 1 else tuple(plain)


def _torch_mode(r: Resizing) -> str | None:
    """The mode of `F.interpolate` that computes the same, if there is one."""
    known = r.scales is not None or r.sizes is not None
    if not known or not r.spatial or r.policy != "stretch" or r.exclude or r.roi is not None:
        return None
    if r.mode == "nearest":
        return None if r.antialias or r.transformation not in PLACES else _nearest_mode(r)
    single = any(d == 1 for d in _outs(r))
    if r.transformation == "pytorch_half_pixel" and (single or None in _outs(r)):
        return None
    if r.transformation not in {"half_pixel", "align_corners", "pytorch_half_pixel"}:
        return None
    if r.mode == "linear":
        return None if r.antialias else LINEAR[r.rank - 2]
    return "bicubic" if r.rank == 4 and not r.antialias and r.cubic == -0.75 else None


def _outs(r: Resizing) -> list[int | None]:
    """The new sizes, None where they depend on an open dimension."""
    if r.sizes is not None:
        return [int(size) for size in r.sizes]
    assert r.scales is not None
    return [
        math.floor(d * float(s)) if isinstance(d := r.dims[axis], int) else None
        for axis, s in zip(r.axes, r.scales, strict=True)
    ]


def _nearest_mode(r: Resizing) -> str | None:
    """Torch's `nearest` or `nearest-exact`, if each place takes the same element as in ONNX."""
    outs = _outs(r)
    for mode in ("nearest", "nearest-exact"):
        if all(_same_indices(r, i, axis, outs[i], mode) for i, axis in enumerate(r.axes)):
            return mode
    return None


def _same_indices(r: Resizing, i: int, axis: int, out: int | None, mode: str) -> bool:
    size = r.dims[axis]
    scale = float(r.scales[i]) if r.scales is not None else None
    if not isinstance(size, int) or out is None:
        if scale is None or not scale.is_integer() or r.transformation == "align_corners":
            return False
        size, out = 64, int(64 * scale)
    wanted = Resampling("nearest", r.transformation, r.rounding).indices(size, out, scale)
    step = np.float32(1 / scale) if scale else np.float32(size) / np.float32(out)
    half = 0.5 if mode == "nearest-exact" else 0.0
    places = (np.arange(out, dtype=np.float32) + np.float32(half)) * np.float32(step)
    return bool(np.array_equal(np.minimum(np.floor(places), size - 1), wanted))


def _by_helper(torch: Writer, x: Variable, r: Resizing) -> Code:
    axes = tuple(r.axes)
    if r.sizes_input is not None:
        sizes = r.sizes_input if r.sizes is None else [int(s) for s in r.sizes]
        if r.policy == "stretch":
            targets = torch.helper("resize_targets", x, axes, sizes=sizes)
        else:
            targets = torch.helper("keep_aspect", x, axes, sizes, r.policy == "not_smaller")
    else:
        scales = r.scales_input if r.scales is None else [float(s) for s in r.scales]
        targets = torch.helper("resize_targets", x, axes, scales=scales)
    options = unless(transformation=(r.transformation, "half_pixel"))
    crop = {} if r.roi is None else {"crop": (r.roi, r.outside)}
    if r.mode == "nearest":
        options |= unless(rounding=(r.rounding, "round_prefer_floor"))
        return torch.helper("resize_nearest", x, targets, **options, **crop)
    cubic = {"cubic": r.cubic} if r.mode == "cubic" else {}
    options |= unless(antialias=(r.antialias, False), exclude_outside=(r.exclude, False))
    return torch.helper("resize_smooth", x, targets, **cubic, **options, **crop)


@exporter("GridSample", doc="GridSample")
def grid_sample(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    grid: Variable,
    *,
    mode: str,
    padding_mode: str,
    align_corners: int,
) -> Code:
    rank = node.rank(x)
    if rank not in {4, 5} or (mode == "cubic" and rank != 4):
        node.refuse(f"torch samples no {mode} grid of {rank - 2} dimensions")
    options = unless(
        mode=("bicubic" if mode == "cubic" else mode, "linear"),
        padding_mode=(padding_mode, "zeros"),
    )
    return torch.call("F.grid_sample", x, grid, **options, align_corners=bool(align_corners))


@exporter("AffineGrid", doc="AffineGrid")
def affine_grid(
    _node: ExportedNode, torch: Writer, theta: Variable, size: Variable, *, align_corners: int
) -> Code:
    sizes = torch.integers(size, tuple)
    return torch.call("F.affine_grid", theta, sizes, align_corners=bool(align_corners))
