"""Normalisation: `torch.nn`'s layers where the statistics and weights are known."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import ATOM, Code
from mmdnn.tensors.references import lazy

EPSILON = 1e-5
"""The default of ONNX and of torch."""

TINY = 1e-30
"""Below any norm that float32 can hold, so that torch's lower bound for norms has no effect."""


def is_known(*xs: Variable | None) -> bool:
    """Whether these are constants, of the same type."""
    return all(x is None or x.constant is not None for x in xs)


@exporter("BatchNormalization", doc="BatchNormalization")
def batch_normalization(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    scale: Variable,
    bias: Variable,
    mean: Variable,
    var: Variable,
    *,
    epsilon: float,
    training_mode: int,
    momentum: float | None = None,
) -> Any:
    options = unless(eps=(epsilon, EPSILON))
    weight = 0.1 if momentum is None else float(f"{1 - momentum:.7g}")
    if training_mode:
        return _batch_statistics(node, torch, x, (scale, bias), (mean, var), options, weight)
    rank = node.rank(x)
    if rank < 2 or not is_known(scale, bias, mean, var):
        moments = [torch.method(m, "detach") if m.constant is not None else m for m in (mean, var)]
        return torch.call("F.batch_norm", x, *moments, scale, bias, **options)
    count = (scale.shape or (0,))[0]
    kind = f"nn.BatchNorm{rank - 2}d" if rank in {4, 5} else "nn.BatchNorm1d"
    layer = torch.module(
        kind,
        count,
        **options,
        **unless(momentum=(weight, 0.1)),
        tensors={"weight": scale, "bias": bias, "running_mean": mean, "running_var": var},
    )
    if rank > 5:
        return torch.method(layer(torch.method(x, "flatten", 2)), "view_as", x)
    return layer(x)


def _batch_statistics(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    weights: tuple[Variable, Variable],
    moments: tuple[Variable, Variable],
    options: dict[str, Any],
    momentum: float,
) -> list[Code]:
    """The batch's own statistics; ONNX's running variance is the biased one, torch's is not."""
    axes = tuple(axis for axis in range(node.rank(x)) if axis != 1)
    own = [
        torch.let("mean", torch.method(x, "mean", axes)),
        torch.let("var", torch.method(x, "var", axes, correction=0)),
    ]
    y = torch.call("F.batch_norm", x, *own, *weights, **options)
    pairs = zip(moments, own, strict=True)
    return [y, *(torch.call("torch.lerp", old, new, momentum) for old, new in pairs)]


@exporter("InstanceNormalization", doc="InstanceNormalization")
def instance_normalization(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    scale: Variable,
    bias: Variable,
    *,
    epsilon: float,
) -> Code:
    options = unless(eps=(epsilon, EPSILON))
    rank = node.rank(x)
    count = (scale.shape or (None,))[0]
    if rank > 2 and _is_pixel(x):
        return _pixel(torch, x, bias)
    if rank not in {3, 4, 5} or not is_known(scale, bias) or not isinstance(count, int):
        return torch.call("F.instance_norm", x, weight=scale, bias=bias, **options)
    layer = torch.module(
        f"nn.InstanceNorm{rank - 2}d",
        count,
        **options,
        affine=True,
        tensors={"weight": scale, "bias": bias},
    )
    return layer(x)


def _is_pixel(x: Variable) -> bool:
    return x.shape is not None and all(size == 1 for size in x.shape[2:])


def _pixel(torch: Writer, x: Variable, bias: Variable) -> Code:
    """A picture of one pixel is its own mean; PyTorch refuses it."""
    column = torch.method(bias, "reshape", (-1, *[1] * ((x.rank or 2) - 2)))
    return torch.binary("+", torch.binary("-", x, x), column)


@exporter("LayerNormalization", doc="LayerNormalization", unused="stash_type")
def layer_normalization(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    scale: Variable,
    bias: Variable | None = None,
    *,
    axis: int,
    epsilon: float,
) -> Code | list[Code]:
    axis, options = node.axis(x, axis), unless(eps=(epsilon, EPSILON))
    y = _over_last_axes(torch, "layer_norm", x, axis, options, scale, bias)
    if not (node.wants(1) or node.wants(2)):
        return y
    axes = tuple(range(axis, node.rank(x)))
    var = torch.method(x, "var", axes, correction=0, keepdim=True)
    deviation = torch.call("torch.rsqrt", torch.binary("+", var, epsilon))
    return [y, torch.method(x, "mean", axes, keepdim=True), deviation]


@exporter("RMSNormalization", doc="RMSNormalization", unused="stash_type")
def rms_normalization(
    node: ExportedNode, torch: Writer, x: Variable, scale: Variable, *, axis: int, epsilon: float
) -> Code:
    options = {"eps": epsilon}
    return _over_last_axes(torch, "rms_norm", x, node.axis(x, axis), options, scale, None)


LAYERS = {"layer_norm": "nn.LayerNorm", "rms_norm": "nn.RMSNorm"}


def _over_last_axes(
    torch: Writer,
    function: str,
    x: Variable,
    axis: int,
    options: dict[str, Any],
    scale: Variable,
    bias: Variable | None,
) -> Code:
    """A layer over the axes from `axis` on; weights of another shape are applied afterwards."""
    dims = (x.shape or ())[axis:] if x.rank is not None else (scale.shape or ())
    given = [w for w in (scale, bias) if w is not None]
    fits = bool(dims) and all(w.shape == dims for w in given)
    if fits and is_known(*given):
        tensors = {"weight": scale, "bias": bias}
        if function == "layer_norm" and bias is None:
            options["bias"] = False
        size = dims[0] if len(dims) == 1 else dims
        return torch.module(LAYERS[function], size, **options, tensors=tensors)(x)
    known = all(isinstance(dim, int) for dim in dims) and dims
    shape = dims if known else torch.code(f"{{0}}.shape[{axis}:]", x, needs=(ATOM,))
    if fits:
        return torch.call(f"F.{function}", x, shape, *given, **options)
    y = torch.binary("*", torch.call(f"F.{function}", x, shape, **options), scale)
    return y if bias is None else torch.binary("+", y, bias)


@exporter("GroupNormalization", doc="GroupNormalization", unused="stash_type")
def group_normalization(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    scale: Variable,
    bias: Variable,
    *,
    num_groups: int,
    epsilon: float,
) -> Code:
    groups, channels = num_groups, torch.size(x, 1)
    options = unless(eps=(epsilon, EPSILON))
    per_group = scale.shape == (groups,) and channels != groups
    if not isinstance(channels, int):
        if per_group:
            node.refuse("the number of its channels is not known")
        return torch.call("F.group_norm", x, groups, scale, bias, **options)
    each = channels // groups
    if each == 1 and _is_pixel(x):
        return _pixel(torch, x, bias)
    if is_known(scale, bias):
        weights: Any = (_repeated(w, each) for w in (scale, bias)) if per_group else (scale, bias)
        tensors = dict(zip(("weight", "bias"), weights, strict=True))
        return torch.module("nn.GroupNorm", groups, channels, **options, tensors=tensors)(x)
    if per_group:
        scale, bias = (torch.method(w, "repeat_interleave", each) for w in (scale, bias))  # type: ignore[assignment]
    return torch.call("F.group_norm", x, groups, scale, bias, **options)


def _repeated(x: Variable, count: int) -> ir.TensorProtocol:
    """Each element of a vector `count` times."""
    return x.changed(
        ("repeated", count),
        lambda tensor: lazy(tensor, lambda a: a.repeat(count), shape=(tensor.size * count,)),
    )


@exporter("LRN", doc="LRN")
def lrn(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    *,
    size: int,
    alpha: float,
    beta: float,
    bias: float,
) -> Code:
    options = unless(alpha=(alpha, 1e-4), beta=(beta, 0.75), k=(bias, 1.0))
    if size % 2:
        return torch.call("F.local_response_norm", x, size, **options)
    turned = torch.method(x, "flip", 1)  # torch's even windows reach further back, ONNX's forward
    return torch.method(torch.call("F.local_response_norm", turned, size, **options), "flip", 1)


@exporter("LpNormalization", doc="LpNormalization")
def lp_normalization(_node: ExportedNode, torch: Writer, x: Variable, *, p: int, axis: int) -> Code:
    options = unless(p=(float(p), 2.0))
    return torch.call("F.normalize", x, **options, dim=axis, eps=TINY)


@exporter("MeanVarianceNormalization", doc="MeanVarianceNormalization")
def mean_variance_normalization(
    _node: ExportedNode, torch: Writer, x: Variable, *, axes: list[int]
) -> Code:
    over = tuple(axes)
    centred = torch.binary("-", x, torch.method(x, "mean", over, keepdim=True))
    deviation = torch.method(x, "std", over, correction=0, keepdim=True)
    return torch.binary("/", centred, torch.binary("+", deviation, 1e-9))
