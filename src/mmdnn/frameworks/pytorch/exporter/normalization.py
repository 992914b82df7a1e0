"""Normalisation: `torch.nn`'s layers where the statistics and weights are known."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, unless
from mmdnn.frameworks.pytorch.exporter.weights import repeated
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import ATOM, Code

EPSILON = 1e-5
"""The default of ONNX and of torch."""

TINY = 1e-30
"""Below any norm that float32 can hold, so that torch's lower bound for norms has no effect."""


def is_known(*xs: Variable | None) -> bool:
    """Whether these are constants, of the same type."""
    return all(x is None or x.constant is not None for x in xs)


@exporter("BatchNormalization", doc="BatchNormalization")
def batch_normalization(
    node: Exporting,
    torch: Writing,
    x: Variable,
    scale: Variable,
    bias: Variable,
    mean: Variable,
    var: Variable,
) -> Any:
    eps = node.attribute("epsilon", EPSILON)
    momentum = float(f"{1 - node.attribute('momentum', 0.9):.7g}")
    node.ignore("spatial")
    if node.attribute("training_mode", 0):
        return _batch_statistics(node, torch, x, scale, bias, mean, var, eps, momentum)
    options = unless(eps=(eps, EPSILON), momentum=(momentum, 0.1))
    rank = node.rank(x)
    if rank < 2 or not is_known(scale, bias, mean, var):
        options.pop("momentum", None)
        moments = [torch.method(m, "detach") if m.constant is not None else m for m in (mean, var)]
        return torch.call("F.batch_norm", x, *moments, scale, bias, **options)
    count = (scale.shape or (0,))[0]
    kind = f"nn.BatchNorm{rank - 2}d" if rank in {4, 5} else "nn.BatchNorm1d"
    layer = torch.module(
        kind,
        count,
        **options,
        tensors={"weight": scale, "bias": bias, "running_mean": mean, "running_var": var},
    )
    if rank > 5:
        return torch.method(layer(torch.method(x, "flatten", 2)), "view_as", x)
    return layer(x)


def _batch_statistics(
    node: Exporting,
    torch: Writing,
    x: Variable,
    scale: Variable,
    bias: Variable,
    mean: Variable,
    var: Variable,
    eps: float,
    momentum: float,
) -> list[Code]:
    """The batch's own statistics; ONNX's running variance is the biased one, torch's is not."""
    axes = tuple(axis for axis in range(node.rank(x)) if axis != 1)
    own_mean = torch.let("mean", torch.method(x, "mean", axes))
    own_var = torch.let("var", torch.method(x, "var", axes, correction=0))
    options = unless(eps=(eps, EPSILON))
    y = torch.call("F.batch_norm", x, own_mean, own_var, scale, bias, **options)

    def running(old: Variable, new: Variable) -> Code:
        return torch.call("torch.lerp", old, new, momentum)

    return [y, running(mean, own_mean), running(var, own_var)]


@exporter("InstanceNormalization", doc="InstanceNormalization")
def instance_normalization(
    node: Exporting, torch: Writing, x: Variable, scale: Variable, bias: Variable
) -> Code:
    options = unless(eps=(node.attribute("epsilon", EPSILON), EPSILON))
    rank = node.rank(x)
    count = (scale.shape or (None,))[0]
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


@exporter("LayerNormalization", doc="LayerNormalization")
def layer_normalization(
    node: Exporting, torch: Writing, x: Variable, scale: Variable, bias: Variable | None = None
) -> Code | list[Code]:
    node.ignore("stash_type")
    eps = node.attribute("epsilon", EPSILON)
    axis = node.axis(x, node.attribute("axis", -1))
    y = _over_last_axes(node, torch, "LayerNorm", "F.layer_norm", x, axis, eps, scale, bias)
    if not (node.wants(1) or node.wants(2)):
        return y
    axes = tuple(range(axis, node.rank(x)))
    var = torch.method(x, "var", axes, correction=0, keepdim=True)
    deviation = torch.call("torch.rsqrt", torch.binary("+", var, eps))
    return [y, torch.method(x, "mean", axes, keepdim=True), deviation]


@exporter("RMSNormalization", doc="RMSNormalization")
def rms_normalization(node: Exporting, torch: Writing, x: Variable, scale: Variable) -> Code:
    node.ignore("stash_type")
    eps = node.attribute("epsilon", EPSILON)
    axis = node.axis(x, node.attribute("axis", -1))
    return _over_last_axes(node, torch, "RMSNorm", "F.rms_norm", x, axis, eps, scale, None)


def _over_last_axes(
    node: Exporting,
    torch: Writing,
    layer: str,
    function: str,
    x: Variable,
    axis: int,
    eps: float,
    scale: Variable,
    bias: Variable | None,
) -> Code:
    """A layer over the axes from `axis` on; weights of another shape are applied afterwards."""
    options = unless(eps=(eps, EPSILON if layer == "LayerNorm" else None))
    dims = (x.shape or ())[axis:] if x.rank is not None else (scale.shape or ())
    given = [w for w in (scale, bias) if w is not None]
    fits = bool(dims) and all(w.shape == dims for w in given)
    if fits and is_known(*given):
        tensors = {"weight": scale, "bias": bias}
        if layer == "LayerNorm" and bias is None:
            options["bias"] = False
        size = dims[0] if len(dims) == 1 else dims
        return torch.module(f"nn.{layer}", size, **options, tensors=tensors)(x)
    known = all(isinstance(dim, int) for dim in dims) and dims
    shape = dims if known else torch.code("{0}.shape[%d:]" % axis, x, needs=(ATOM,))  # noqa: UP031
    if fits:
        return torch.call(function, x, shape, *given, **options)
    y = torch.binary("*", torch.call(function, x, shape, **options), scale)
    return y if bias is None else torch.binary("+", y, bias)


@exporter("GroupNormalization", doc="GroupNormalization")
def group_normalization(
    node: Exporting, torch: Writing, x: Variable, scale: Variable, bias: Variable
) -> Code:
    node.ignore("stash_type")
    groups = node.attribute("num_groups")
    options = unless(eps=(node.attribute("epsilon", EPSILON), EPSILON))
    channels = torch.size(x, 1)
    per_group = scale.shape == (groups,) and channels != groups
    if not isinstance(channels, int):
        if per_group:
            node.refuse("the number of its channels is not known")
        return torch.call("F.group_norm", x, groups, scale, bias, **options)
    each = channels // groups
    if is_known(scale, bias):
        weights: Any = (repeated(w, each) for w in (scale, bias)) if per_group else (scale, bias)
        tensors = dict(zip(("weight", "bias"), weights, strict=True))
        return torch.module("nn.GroupNorm", groups, channels, **options, tensors=tensors)(x)
    if per_group:
        scale, bias = (torch.method(w, "repeat_interleave", each) for w in (scale, bias))  # type: ignore[assignment]
    return torch.call("F.group_norm", x, groups, scale, bias, **options)


@exporter("LRN", doc="LRN")
def lrn(node: Exporting, torch: Writing, x: Variable) -> Code:
    size = node.attribute("size")
    options = unless(
        alpha=(node.attribute("alpha", 1e-4), 1e-4),
        beta=(node.attribute("beta", 0.75), 0.75),
        k=(node.attribute("bias", 1.0), 1.0),
    )
    if size % 2:
        return torch.call("F.local_response_norm", x, size, **options)
    turned = torch.method(x, "flip", 1)  # torch's even windows reach further back, ONNX's forward
    return torch.method(torch.call("F.local_response_norm", turned, size, **options), "flip", 1)


@exporter("LpNormalization", doc="LpNormalization")
def lp_normalization(node: Exporting, torch: Writing, x: Variable) -> Code:
    p, axis = node.attribute("p", 2), node.attribute("axis", -1)
    options = unless(p=(float(p), 2.0))
    return torch.call("F.normalize", x, **options, dim=axis, eps=TINY)


@exporter("MeanVarianceNormalization", doc="MeanVarianceNormalization")
def mean_variance_normalization(node: Exporting, torch: Writing, x: Variable) -> Code:
    axes = tuple(node.attribute("axes", [0, 2, 3]))
    centred = torch.binary("-", x, torch.method(x, "mean", axes, keepdim=True))
    deviation = torch.method(x, "std", axes, correction=0, keepdim=True)
    return torch.binary("/", centred, torch.binary("+", deviation, 1e-9))
