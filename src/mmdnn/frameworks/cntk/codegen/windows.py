"""Convolutions, poolings and normalisations as calls of CNTK's Python functions."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, literal
from mmdnn.frameworks.cntk.codegen.table import Node, plain, printer

POOLINGS = {0: "C.MAX_POOLING", 1: "C.AVG_POOLING"}
_NO_PADS = (0,)


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


@printer("Convolution")
def _convolution(node: Node, weight: Expr, x: Expr) -> Call:
    no_pads(node)
    pad = pads(node.take("autoPadding"))
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
    no_pads(node)
    strides, pad = tuple(node.take("strides")), pads(node.take("autoPadding"))
    return node.call(
        "C.pooling",
        x,
        _kind(node),
        literal(tuple(node.take("poolingWindowShape"))),
        strides=None if set(strides) == {1} else literal(strides),
        auto_padding=literal(pad) if any(pad) else None,
        ceil_out_dim=node.optional("ceilOutDim", default=False, absent=False),
        include_pad=node.optional("includePad", default=False, absent=False),
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
