"""Resizing."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.shapes import Shape, closed


@exporter(
    "Resize",
    doc="Resize",
    unused="extrapolation_value cubic_coeff_a exclude_outside",
)
def resize(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    roi: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
    *,
    mode: str,
    axes: list[int] | None = None,
    coordinate_transformation_mode: str,
    nearest_mode: str,
    antialias: int,
    keep_aspect_ratio_policy: str,
) -> Array:
    told = [
        numbers
        for each in (scales, sizes)
        if each is not None and (numbers := each.numbers()) is not None
    ]
    rank = max((numbers.size for numbers in told), default=0) if axes is None else 0
    before, after = x.shape or (None,) * rank, node.output_shape() or (None,) * rank
    old, new = closed(before[2:]), closed(after[2:])
    axes = list(range(len(before))) if axes is None else axes
    _check_first(node, before, axes, scales, sizes)
    rule = coordinate_transformation_mode
    if antialias:
        node.refuse("antialias")
    if keep_aspect_ratio_policy != "stretch":
        node.refuse("sizes that keep the ratio of height and width")
    open_ = _factors(axes, scales) if mode == "nearest" and len(before) == 4 else None
    if (old is None or new is None) and open_ is not None:
        return _nearest(node, mx, x, open_, rule, nearest_mode)
    if len(before) != 4 or old is None or new is None:
        node.refuse("MXNet resizes images of a known size")
    if scales is not None and scales.constant is not None and scales.constant.size:
        _check_scales(node, axes, scales, before, after)
    if mode == "nearest":
        if any(n % o for o, n in zip(old, new, strict=True)):
            node.refuse("MXNet repeats pixels a whole number of times")
        if rule == "pytorch_half_pixel" and 1 in new:
            node.refuse("nearest pixels by pytorch_half_pixel for a size of 1")
        factors = [n // o for o, n in zip(old, new, strict=True)]
        return _nearest(node, mx, x, factors, rule, nearest_mode)
    if mode != "linear":
        node.refuse(f"MXNet has no interpolation '{mode}'")
    return _linear(node, mx, x, old, new, rule)


def _check_first(
    node: ExportedNode, before: Any, axes: list[int], scales: Array | None, sizes: Array | None
) -> None:
    """Batch and channels must stay."""
    given = scales if scales is not None and scales.shape != (0,) else sizes
    numbers = None if given is None else given.numbers()
    if numbers is None:
        node.refuse("its sizes are computed while the model runs")
    for axis, number in zip(axes, numbers.reshape(-1).tolist(), strict=True):
        same = number == (1 if given is scales else before[axis])
        if axis % len(before) < 2 and not same:
            node.refuse("MXNet resizes the spatial axes only")


def _check_scales(node: ExportedNode, axes: list[int], scales: Array, old: Any, new: Any) -> None:
    """The coordinates must follow from the sizes alone."""
    numbers = scales.numbers()
    assert numbers is not None
    for axis, scale in zip(axes, numbers.reshape(-1).tolist(), strict=True):
        if axis % len(old) > 1 and abs(scale * old[axis] - new[axis]) > 1e-4:
            node.refuse(f"a scale of {scale} that is not the ratio of the sizes")


def _factors(axes: list[int], scales: Array | None) -> list[int] | None:
    """How often each row and column is repeated, whatever the size; None where no whole scales say it."""
    numbers = scales.numbers() if scales is not None else None
    if numbers is None or not numbers.size:
        return None
    said = dict(zip((axis % 4 for axis in axes), numbers.reshape(-1).tolist(), strict=True))
    found = [said.get(axis, 1.0) for axis in (2, 3)]
    return None if any(one % 1 or one < 1 for one in found) else [int(one) for one in found]


def _nearest(
    node: ExportedNode, mx: Writer, x: Array, factors: list[int], rule: str, rounding: str
) -> Array:
    """Every pixel several times: that is what all rules but one mean for whole factors."""
    plain = rule == "asymmetric" and rounding == "floor"
    centred = rule in {"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"}
    if not plain and not (centred and rounding.startswith("round")):
        node.refuse(f"nearest pixels by {rule} and {rounding}")
    if factors[0] == factors[1]:
        return mx.UpSampling(x, scale=factors[0], sample_type="nearest", num_args=1)
    for axis, factor in zip((2, 3), factors, strict=True):
        x = mx.repeat(x, repeats=factor, axis=axis) if factor != 1 else x
    return x


def _linear(node: ExportedNode, mx: Writer, x: Array, old: Shape, new: Shape, rule: str) -> Array:
    aligned = rule == "align_corners"
    centred = rule == "half_pixel" or (rule == "pytorch_half_pixel" and 1 not in new)
    if not aligned and not centred:
        node.refuse(f"interpolation by {rule}")
    return mx.make(
        "_contrib_BilinearResize2D",
        x,
        height=new[0],
        width=new[1],
        align_corners=None if aligned else False,
    )
