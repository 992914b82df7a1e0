"""Normalisation."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet._values import UNUSED
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


def _ones(x: Array) -> bool:
    """Whether it is 1 everywhere, and no weight."""
    if x.is_weight and not str(x.value and x.value.name).endswith("_fixed"):
        return False
    numbers = x.numbers()
    return numbers is not None and bool((numbers == 1).all())


@exporter("BatchNormalization", doc="BatchNormalization")
def batch_normalization(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    var: Array,
    *,
    epsilon: float,
    momentum: float | None = None,
    training_mode: int,
) -> Array:
    if training_mode:
        node.refuse("statistics of the batch, which MXNet takes while it trains only")
    if any(each.constant is None for each in (mean, var)):
        return _by_hand(mx, x, scale, bias, mean, var, epsilon)
    roles = ("gamma", "beta", "moving_mean", "moving_var")
    for each, role in zip((scale, bias, mean, var), roles, strict=True):
        mx.weight(each, role)
    mx.scope.auxiliary.update(each.entry.node for each in (mean, var))
    fixed = _ones(scale)
    if fixed and scale.value is not None and UNUSED in scale.value.meta:
        mx.scope.params[scale.entry.node] = scale.value.meta[UNUSED]
    return mx.BatchNorm(
        x,
        scale,
        bias,
        mean,
        var,
        eps=epsilon,
        momentum=momentum if momentum != 0.9 else None,
        fix_gamma=fixed,
    )


def _by_hand(
    mx: Writer, x: Array, scale: Array, bias: Array, mean: Array, var: Array, eps: float
) -> Array:
    """By statistics that are computed: factor and offset of each channel."""
    factor = mx.elemwise_mul(scale, mx.rsqrt(mx._plus_scalar(var, scalar=eps)))
    rank = len(x.shape or ())
    wide = (1, -1, *(1,) * (rank - 2))
    centred = mx.broadcast_sub(x, mx.Reshape(mean, shape=wide))
    scaled = mx.broadcast_mul(centred, mx.Reshape(factor, shape=wide))
    return mx.broadcast_add(scaled, mx.Reshape(bias, shape=wide))


@exporter("InstanceNormalization", doc="InstanceNormalization")
def instance_normalization(
    node: ExportedNode, mx: Writer, x: Array, scale: Array, bias: Array, *, epsilon: float
) -> Array:
    return mx.InstanceNorm(x, mx.weight(scale, "gamma"), mx.weight(bias, "beta"), eps=epsilon)


@exporter.unfit("LayerNormalization")
def _is_odd_layer_norm(node: ir.Node) -> bool:
    """MXNet's takes one axis, and has both weights."""
    x, scale = node.inputs[0], node.inputs[1]
    axis = node.attributes["axis"].as_int()
    last = axis == -1 or (x is not None and x.shape is not None and axis == len(x.shape) - 1)
    plain = scale is not None and scale.shape is not None and len(scale.shape) == 1
    return not (last and plain) or len(node.inputs) < 3 or any(v.uses() for v in node.outputs[1:])


@exporter("LayerNormalization", doc="LayerNormalization", unused="stash_type axis")
def layer_normalization(
    node: ExportedNode, mx: Writer, x: Array, scale: Array, bias: Array, *, epsilon: float
) -> Array:
    rest = mx.weight(scale, "gamma"), mx.weight(bias, "beta")
    return mx.LayerNorm(x, *rest, axis=-1, eps=epsilon)


@exporter("LRN", doc="LRN")
def lrn(
    node: ExportedNode, mx: Writer, x: Array, *, size: int, alpha: float, beta: float, bias: float
) -> Array:
    if size % 2 == 0:
        node.refuse(f"MXNet's windows of local response normalisation are odd, not {size}")
    return mx.LRN(x, alpha=alpha, beta=beta, knorm=bias, nsize=size)


@exporter("LpNormalization", doc="LpNormalization")
def lp_normalization(node: ExportedNode, mx: Writer, x: Array, *, axis: int, p: int) -> Array:
    """Zeros stay zeros: they are divided by one."""
    size = mx.norm(x, ord=p, axis=(axis,), keepdims=True)
    return mx.broadcast_div(x, mx.elemwise_add(size, mx._equal_scalar(size, scalar=0.0)))
