"""Convolutions, poolings and normalisations as calls of CNTK's Python functions."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, call, literal
from mmdnn.frameworks.cntk.codegen.table import Node, plain, printer

POOLINGS = {0: "C.MAX_POOLING", 1: "C.AVG_POOLING"}
_NO_PADS = (0,)
UNKNOWN = (-2,)
"""The shape that CNTK fills with that of the image."""


def pads(value: Any) -> list[bool]:
    """`autoPadding` as Python has it: channels first."""
    return list(reversed(value))


def spatial_strides(strides: tuple[int, ...], kernel: tuple[int, ...], pad: list[bool]) -> Any:
    """Strides as users give them: CNTK itself steps over all channels at once, which they leave out."""
    whole = len(strides) == len(kernel) == len(pad) > 1 and not pad[0]
    return tuple(strides[1:]) if whole and strides[0] == kernel[0] else tuple(strides)


def no_pads(node: Node) -> None:
    """Refuse explicit padding, which CNTK's Python functions do not take."""
    for name in ("lowerPad", "upperPad"):
        if any(node.take(name, _NO_PADS)):
            node.refuse(f"its {name} cannot be set from Python")


def padded(node: Node, place: int, x: Expr, pad: list[bool], value: float | None) -> Expr:
    """An operand with the explicit padding, which CNTK's Python functions do not take.

    Args:
        node: The function.
        place: The operand's place.
        x: The operand.
        pad: Which axes are padded automatically, so that the explicit padding does not count there.
        value: What it is padded with; None where that would not be the same.
    """
    lower, upper = (list(node.take(name, _NO_PADS)) for name in ("lowerPad", "upperPad"))
    if len(pad) == 1:
        pad = pad * len(lower)
    if len(pad) < len(lower) or len(lower) != len(upper):
        node.refuse("its padding is of two minds")
    automatic = pad[len(pad) - len(lower) :]
    pattern = [
        (0, 0) if auto else ends
        for auto, ends in zip(automatic, zip(lower, upper, strict=True), strict=True)
    ]
    if not any(map(any, pattern)):
        return x
    shape = node.function.inputs[place].shape
    rank = len(pattern) if shape is None else len(shape)
    if value is None or rank < len(pattern):
        node.refuse("its padding cannot be set from Python")
    pattern = [(0, 0)] * (rank - len(pattern)) + pattern
    constant = literal(value) if value else None
    return call("C.pad", x, literal(pattern), constant_value=constant)


def window_shape(window: tuple[int, ...]) -> Raw:
    """A window; an unknown one is the whole image."""
    if window == UNKNOWN:
        return Raw("C.cntk_py.NDShape.unknown().dimensions()")
    return literal(window)


@printer("Convolution")
def _convolution(node: Node, weight: Expr, x: Expr) -> Call:
    pad = pads(node.take("autoPadding"))
    crops = None
    if node.function.attributes.get("transpose"):
        crops = _crops(node, pad)
    else:
        x = padded(node, 1, x, pad, 0.0)
    kernel = tuple(node.take("kernelShape", None) or (node.function.inputs[0].shape or ())[1:])
    strides = spatial_strides(tuple(node.take("strides")), kernel, pad)
    sharing = node.take("sharing", [True])
    if not all(sharing):
        node.refuse("it does not share its weights")
    settings = {
        "strides": None if set(strides) == {1} else literal(strides),
        "auto_padding": None if all(pad) else literal(pad),
        "dilation": None if set(node.take("dilation", (1,))) == {1} else _dilation(node),
        "max_temp_mem_size_in_samples": node.optional("maxTempMemSizeInSamples", 0, absent=0),
    }
    node.only(sequential=False)
    if node.take("transpose"):
        shape = tuple(node.take("outputShape", _NO_PADS))
        node.only(groups=1)
        if crops is not None:
            whole = call("C.convolution_transpose", weight, x, **settings)
            return node.call("C.slice", whole, *map(literal, crops))
        return node.call(
            "C.convolution_transpose",
            weight,
            x,
            **settings,
            output_shape=literal(shape) if any(shape) else None,
        )
    node.drop("outputShape")
    groups = node.optional("groups", 1, absent=1)
    return node.call("C.convolution", weight, x, **settings, groups=groups)


def _crops(node: Node, pad: list[bool]) -> tuple[list[int], list[int], list[int]] | None:
    """The axes, begins and ends that explicit padding leaves of what a transpose gives without it."""
    lower, upper = (tuple(node.take(name, _NO_PADS)) for name in ("lowerPad", "upperPad"))
    if not any(lower + upper):
        return None
    weight, x = (one.shape for one in node.function.inputs)
    said = node.function.attributes
    strides, wanted = said.get("strides"), said.get("outputShape", _NO_PADS)
    rank = len(lower)
    if weight is None or x is None or not isinstance(strides, tuple) or len(strides) != rank:
        node.refuse("its padding cannot be set from Python")
    sizes = [(x[i] - 1) * strides[i] + weight[1 + i] - lower[i] - upper[i] for i in range(1, rank)]
    known = wanted == _NO_PADS or (isinstance(wanted, tuple) and list(wanted[1:]) == sizes)
    if any(pad) or len(upper) != rank or len(x) != rank or lower[0] or upper[0] or not known:
        node.refuse("its padding cannot be set from Python")
    axes = [i for i in range(1, rank) if lower[i] or upper[i]]
    return [i - rank for i in axes], [lower[i] for i in axes], [-upper[i] for i in axes]


def _dilation(node: Node) -> Raw:
    return literal(plain(node.function.attribute("dilation")))


@printer("ConvolutionSequenceShape")
def _convolution_lengths(node: Node, weight: Expr, x: Expr) -> Call:
    """The lengths of what a convolution along a sequence gives; only C++ has it by itself."""
    no_pads(node)
    node.drop("kernelShape", "outputShape")
    node.only(sequential=True, transpose=False)
    strides, sharing, pad, dilation, size = (
        literal(plain(node.take(name)))
        for name in ("strides", "sharing", "autoPadding", "dilation", "maxTempMemSizeInSamples")
    )
    shape, transposed, groups = literal((0,)), literal(False), literal(node.take("groups", 1))
    return node.internal(
        "convolution_sequence_shape",
        weight,
        x,
        strides,
        sharing,
        pad,
        dilation,
        transposed,
        shape,
        groups,
        size,
    )


@printer("Pooling")
def _pooling(node: Node, x: Expr) -> Call:
    strides, pad = tuple(node.take("strides")), pads(node.take("autoPadding"))
    kind = _kind(node)
    ceiled = node.optional("ceilOutDim", default=False, absent=False)
    included = node.optional("includePad", default=False, absent=False)
    fill = 0.0 if included and not ceiled else None
    fill = float("-inf") if kind.text == POOLINGS[0] else fill
    return node.call(
        "C.pooling",
        padded(node, 0, x, pad, fill),
        kind,
        window_shape(tuple(node.take("poolingWindowShape"))),
        strides=None if set(strides) == {1} else literal(strides),
        auto_padding=literal(pad) if any(pad) else None,
        ceil_out_dim=ceiled,
        include_pad=included,
    )


def _kind(node: Node) -> Raw:
    kind = node.take("poolingType")
    if kind not in POOLINGS:
        node.refuse(f"it has the unknown type {kind}")
    return Raw(POOLINGS[kind])


@printer("Unpooling")
def _unpooling(node: Node, x: Expr, pooled: Expr) -> Call:
    no_pads(node)
    if node.take("poolingType") != 0:
        node.refuse("CNTK unpools maxima only")
    strides, pad = tuple(node.take("strides")), pads(node.take("autoPadding"))
    return node.call(
        "C.unpooling",
        x,
        pooled,
        Raw("C.MAX_UNPOOLING"),
        literal(tuple(node.take("unpoolingWindowShape"))),
        strides=None if set(strides) == {1} else literal(strides),
        auto_padding=literal(pad) if any(pad) else None,
    )


@printer("ROIPooling")
def _roi_pooling(node: Node, x: Expr, regions: Expr) -> Call:
    if node.take("poolingType", 0) != 0:
        node.refuse("CNTK's Python has it for maxima only")
    shape = literal(tuple(node.take("roiOutputShape")))
    scale = literal(node.take("spatialScale"))
    return node.call("C.roipooling", x, regions, Raw("C.MAX_POOLING"), shape, scale)


@printer("BatchNormalization")
def _batch_normalization(node: Node, x: Expr, *statistics: Expr) -> Call:
    if len(statistics) != 5:
        node.refuse("it has no count of what its statistics are of: it is of an old version")
    *four, count = statistics
    return node.call(
        "C.batch_normalization",
        x,
        *four,
        spatial=literal(node.take("spatial")),
        normalization_time_constant=node.optional("normalizationTimeConstant", 5000.0),
        blend_time_constant=node.optional("blendTimeConstant", 0.0),
        epsilon=node.optional("epsilon", 1e-5),
        use_cudnn_engine=node.optional("useCuDNNEngine", default=False),
        disable_regularization=node.optional("disableRegularization", default=False, absent=False),
        running_count=count,
    )


@printer("OptimizedRNNStack")
def _rnn_stack(node: Node, x: Expr, weights: Expr) -> Call:
    return node.call(
        "C.optimized_rnnstack",
        x,
        weights,
        literal(node.take("hiddenSize")),
        literal(node.take("numLayers")),
        bidirectional=node.optional("bidirectional", default=False),
        recurrent_op=node.optional("recurrentOp", "lstm"),
    )
