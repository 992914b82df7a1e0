"""Resizing and regions of images."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.mxnet.exporter.convolution import named
from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter


@exporter("Resize", doc="Resize")
def resize(
    node: Exporting,
    mx: Writing,
    x: Array,
    roi: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
) -> Array:
    before, after = x.shape or (), node.output_shape() or ()
    spatial = [*before[2:], *after[2:]]
    mode = node.attribute("mode", "nearest")
    axes = node.attribute("axes", list(range(len(before))))
    _check_first(node, before, axes, scales, sizes)
    if len(before) != 4 or not all(isinstance(d, int) for d in spatial):
        node.refuse("MXNet resizes images of a known size")
    old, new = [int(d) for d in before[2:]], [int(d) for d in after[2:]]  # type: ignore[arg-type]
    rule = node.attribute("coordinate_transformation_mode", "half_pixel")
    node.ignore(
        "axes",
        "keep_aspect_ratio_policy",
        "extrapolation_value",
        "cubic_coeff_a",
        "exclude_outside",
    )
    if node.attribute("antialias", 0):
        node.refuse("antialias")
    rounding = node.attribute("nearest_mode", "round_prefer_floor")
    if scales is not None and scales.constant is not None and scales.constant.size:
        _check_scales(node, scales, old, new)
    if mode == "nearest":
        return _nearest(node, mx, x, old, new, rule, rounding)
    if mode != "linear":
        node.refuse(f"MXNet has no interpolation '{mode}'")
    return _linear(node, mx, x, old, new, rule)


def _check_first(
    node: Exporting, before: Any, axes: list[int], scales: Array | None, sizes: Array | None
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


def _check_scales(node: Exporting, scales: Array, old: list[int], new: list[int]) -> None:
    """The coordinates must follow from the sizes alone."""
    numbers = scales.numbers()
    assert numbers is not None
    for scale, before, after in zip(numbers.reshape(-1)[-2:], old, new, strict=True):
        if abs(float(scale) * before - after) > 1e-4:
            node.refuse(f"a scale of {scale} that is not the ratio of the sizes")


def _nearest(
    node: Exporting, mx: Writing, x: Array, old: list[int], new: list[int], rule: str, rounding: str
) -> Array:
    """Every pixel several times: that is what all rules but one mean for whole factors."""
    if any(n % o for o, n in zip(old, new, strict=True)):
        node.refuse("MXNet repeats pixels a whole number of times")
    factors = [n // o for o, n in zip(old, new, strict=True)]
    plain = rule == "asymmetric" and rounding == "floor"
    centred = rule in {"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"}
    if not plain and not (centred and rounding.startswith("round")):
        node.refuse(f"nearest pixels by {rule} and {rounding}")
    if rule == "pytorch_half_pixel" and 1 in new:
        node.refuse("nearest pixels by pytorch_half_pixel for a size of 1")
    if factors[0] == factors[1]:
        return mx.UpSampling(x, scale=factors[0], sample_type="nearest", num_args=1)
    for axis, factor in zip((2, 3), factors, strict=True):
        x = mx.repeat(x, repeats=factor, axis=axis) if factor != 1 else x
    return x


def _linear(
    node: Exporting, mx: Writing, x: Array, old: list[int], new: list[int], rule: str
) -> Array:
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


@exporter("MaxRoiPool", doc="MaxRoiPool")
def max_roi_pool(node: Exporting, mx: Writing, x: Array, rois: Array) -> Array:
    return mx.ROIPooling(
        x,
        rois,
        pooled_size=tuple(node.attribute("pooled_shape")),
        spatial_scale=node.attribute("spatial_scale", 1.0),
    )


@exporter("RoiAlign", doc="RoiAlign")
def roi_align(node: Exporting, mx: Writing, x: Array, rois: Array, batch: Array) -> Array:
    """MXNet has the image's number in front of each box."""
    if node.attribute("mode", "avg") != "avg":
        node.refuse("the maximum of a region's samples")
    size = (node.attribute("output_height", 1), node.attribute("output_width", 1))
    aligned = node.attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    ratio = node.attribute("sampling_ratio", 0)
    kind = rois.dtype
    number = mx.expand_dims(mx.cast(batch, kind) if kind is not None else batch, axis=1)
    return mx.make(
        "_contrib_ROIAlign",
        x,
        mx.Concat(number, rois, num_args=2),
        pooled_size=size,
        spatial_scale=node.attribute("spatial_scale", 1.0),
        sample_ratio=ratio if ratio else None,
        aligned=aligned or None,
    )


@exporter("DeformConv", doc="DeformConv")
def deform_conv(
    node: Exporting,
    mx: Writing,
    x: Array,
    weight: Array,
    offset: Array,
    bias: Array | None = None,
    mask: Array | None = None,
) -> Array:
    shape = weight.shape or ()
    node.ignore("kernel_shape")
    pads = node.attribute("pads", [0] * 4)
    if len(shape) != 4 or pads[:2] != pads[2:]:
        node.refuse("images of two axes, padded alike on both sides, are what MXNet deforms")
    params = {
        "kernel": tuple(shape[2:]),
        "stride": tuple(node.attribute("strides", [1, 1])),
        "dilate": tuple(node.attribute("dilations", [1, 1])),
        "pad": tuple(pads[:2]),
        "num_filter": shape[0],
        "num_group": node.attribute("group", 1),
        "num_deformable_group": node.attribute("offset_group", 1),
        "no_bias": True if bias is None else None,
    }
    rest = named(mx, weight, bias)
    if mask is None:
        return mx.make("_contrib_DeformableConvolution", x, offset, *rest, **params)
    return mx.make("_contrib_ModulatedDeformableConvolution", x, offset, mask, *rest, **params)


@exporter("Col2Im", doc="Col2Im")
def col2im(node: Exporting, mx: Writing, x: Array, image: Array, block: Array) -> Array:
    pads = node.attribute("pads", [0] * 4)
    count = len(pads) // 2
    if pads[:count] != pads[count:]:
        node.refuse("padding that is not the same on both sides")
    return mx.col2im(
        x,
        output_size=tuple(node.ints(image, "size")),
        kernel=tuple(node.ints(block, "kernel")),
        stride=tuple(node.attribute("strides", [1] * count)),
        dilate=tuple(node.attribute("dilations", [1] * count)),
        pad=tuple(pads[:count]),
    )
