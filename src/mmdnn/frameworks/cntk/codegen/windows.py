"""Convolutions and poolings as calls of CNTK's Python functions, and as layers."""

from __future__ import annotations

from mmdnn.frameworks.cntk.codegen.statements import call
from mmdnn.frameworks.cntk.codegen.table import Node, flags, printer, steps
from mmdnn.python.expressions import Operand
from mmdnn.python.literals import Raw

_NO_PADS = (0,)
UNKNOWN = (-2,)
"""The shape that CNTK fills with that of the image."""


def padded(node: Node, place: int, x: Operand, pad: list[bool], value: float | None) -> Operand:
    """An operand with the explicit padding, which CNTK's Python functions do not take.

    It does not count where an axis is padded automatically. Without a `value` nothing can be padded with
    that would be the same.
    """
    lower, upper = (list(node.take(name, _NO_PADS)) for name in ("lowerPad", "upperPad"))
    if len(pad) == 1:
        pad = pad * len(lower)
    if len(pad) < len(lower) or len(lower) != len(upper):
        node.refuse("its padding is of two minds")
    automatic = pad[len(pad) - len(lower) :]
    ends = zip(automatic, lower, upper, strict=True)
    pattern = [(0, 0) if auto else (begin, end) for auto, begin, end in ends]
    if not any(map(any, pattern)):
        return x
    shape = node.function.inputs[place].shape
    rank = len(pattern) if shape is None else len(shape)
    if value is None or rank < len(pattern):
        node.refuse("its padding cannot be set from Python")
    pattern = [(0, 0)] * (rank - len(pattern)) + pattern
    return call("C.pad", x, pattern, constant_value=value or None)


@printer("Convolution")
def _convolution(node: Node, weight: Operand, x: Operand) -> Operand:
    pad, transposed = flags(node.take("autoPadding")), node.take("transpose")
    crops = _crops(node, pad) if transposed else None
    x = x if transposed else padded(node, 1, x, pad, 0.0)
    kernel = tuple(node.take("kernelShape", None) or (node.function.inputs[0].shape or ())[1:])
    strides = tuple(
        node.take("strides")
    )  # CNTK steps over all channels at once, which users leave out
    whole = len(strides) == len(kernel) == len(pad) > 1 and not pad[0]
    if not all(node.take("sharing", [True])):
        node.refuse("it does not share its weights")
    settings = {
        "strides": steps(strides[1:] if whole and strides[0] == kernel[0] else strides),
        "auto_padding": None if all(pad) else pad,
        "dilation": steps(node.take("dilation", (1,))),
        "max_temp_mem_size_in_samples": node.take("maxTempMemSizeInSamples", 0) or None,
    }
    groups, shape = node.take("groups", 1), tuple(node.take("outputShape", _NO_PADS))
    node.only(sequential=False)
    if not transposed:
        return node.call(
            "convolution", weight, x, **settings, groups=groups if groups != 1 else None
        )
    if groups != 1:
        node.refuse("its groups cannot be set from Python")
    if crops is None:
        settings["output_shape"] = shape if any(shape) else None
        return node.call("convolution_transpose", weight, x, **settings)
    return node.call("slice", call("C.convolution_transpose", weight, x, **settings), *crops)


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


@printer("Pooling")
def _pooling(node: Node, x: Operand) -> Operand:
    pad, kind = flags(node.take("autoPadding")), node.take("poolingType")
    ceiled, included = node.take("ceilOutDim", False), node.take("includePad", False)
    fill = 0.0 if included and not ceiled else None
    window = tuple(node.take("poolingWindowShape"))
    whole = Raw("C.cntk_py.NDShape.unknown().dimensions()")
    return node.call(
        "pooling",
        padded(node, 0, x, pad, float("-inf") if kind == 0 else fill),
        node.choice("poolings", kind),
        whole if window == UNKNOWN else window,
        strides=steps(node.take("strides")),
        auto_padding=pad if any(pad) else None,
        ceil_out_dim=ceiled or None,
        include_pad=included or None,
    )
