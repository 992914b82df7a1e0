"""Blocks that CNTK's functions of normalisation make (see `blocks`)."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.cntk.codegen.blocks import known, shape_of
from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, literal
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.codegen.weights import inline
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.tensors import references

_MEAN = "ReduceElements({}, inner=inner, kind='Mean')"
_CENTRED = f"(d := x - {_MEAN.format('x')})"


@known("MeanVarianceNormalization", _CENTRED)
def _centred(node: Node, x: Expr, inner: list[Axis]) -> Call | None:
    return _normalized(node, x, inner, scaled=False)


@known("MeanVarianceNormalization", f"{_CENTRED} / (Sqrt({_MEAN.format('d * d')}) + epsilon)")
def _normalization(node: Node, x: Expr, inner: list[Axis]) -> Call | None:
    return _normalized(node, x, inner, scaled=True)


def _normalized(node: Node, x: Expr, inner: list[Axis], *, scaled: bool) -> Call | None:
    """The epsilon inside is that of the attributes, as a constant with a name."""
    shape, across = shape_of(node), node.take("useStatsAcrossChannels", None)
    if shape is None or across is None or node.take("doVarianceScaling", None) != scaled:
        return None
    axes = range(len(shape) - (not across))
    epsilon = node.take("epsilon", None)
    if [axis.index for axis in inner] != list(axes) or (scaled and not _has(node, epsilon)):
        return None
    return node.call(
        "C.mean_variance_normalization",
        x,
        epsilon=None if epsilon == 1e-5 else literal(epsilon),
        use_stats_across_channels=literal(True) if across else None,
        do_variance_scaling=None if scaled else literal(False),
    )


def _has(node: Node, epsilon: float) -> bool:
    constants = [one for one in node.function.inputs if one.name == "mvn_epsilon"]
    values = [inline(one) for one in constants]
    return len(values) == 1 and values[0] is not None and float(values[0]) == np.float32(epsilon)


_POWER = "Exp(beta * Log(bias + Reshape({}, beginAxis=c, endAxis=d, newShape=[-1])))"
_CONVOLVED = "Convolution(kernel, Reshape(x * x, beginAxis=a, endAxis=b, newShape=[1, -1]), {})"
_SETTINGS = (
    "autoPadding=[True, True, True, True], dilation=[1, 1, 1, 1], groups=1, kernelShape=window,"
    " outputShape=[0], sequential=False, sharing=[True, True, True, True], strides=[1, 1, 1, 1],"
    " transpose=False"
)


@known("LocalResponseNormalization", f"x / {_POWER.format(_CONVOLVED.format(_SETTINGS))}")
def _local_response(
    node: Node,
    x: Expr,
    bias: Raw,
    beta: Raw,
    window: tuple[int, ...],
    a: Axis,
    b: Axis,
    c: Axis,
    d: Axis,
) -> Call | None:
    """The kernel holds alpha over the width of the window, and is no wider than there are channels."""
    alpha, radius = node.take("alpha", None), node.take("depthRadius", None)
    given = (node.take("bias", None), node.take("beta", None))
    if None in (alpha, radius, *given) or [one.index for one in (a, b, c, d)] != [2, 3, 2, 4]:
        return None
    if (bias, beta) != tuple(literal(np.float32(one)) for one in given):
        return None
    channels = (shape_of(node) or (0,))[0]
    if window != (1, min(channels, 2 * radius + 1), 1, 1):
        return None
    kernels = [one for one in node.function.inputs if one.shape == window]
    values = [references.read(one.value) for one in kernels if one.value is not None]
    expected = np.float32(alpha / (2 * radius + 1))
    if len(values) != 1 or not (np.abs(values[0] - expected) <= np.spacing(expected)).all():
        return None
    numbers = [literal(one) for one in (radius, given[0], alpha, given[1])]
    return node.call("C.local_response_normalization", x, *numbers)
