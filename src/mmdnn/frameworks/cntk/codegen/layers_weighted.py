"""Layers with weights, a bias and an activation: products and convolutions (see `layers`)."""

from __future__ import annotations

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.codegen import windows
from mmdnn.frameworks.cntk.codegen.expressions import Raw, literal
from mmdnn.frameworks.cntk.codegen.layers import Inside, Made, Roles, each, layer, named
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.graph import Kind, Variable


def size_of(shape: tuple[int, ...]) -> Raw:
    """A shape, as a number where it is one."""
    return literal(shape[0] if len(shape) == 1 else tuple(shape))


def _node(inside: Inside, op: str) -> Node | None:
    """The core, if it is of that operator, without a name, and reads what the block is given."""
    owner = inside.core.owner
    return Node(owner) if owner is not None and owner.op == op and not owner.name else None


def _is_weight(variable: Variable) -> bool:
    return variable.kind == Kind.PARAMETER and bool(variable.shape)


def _roles(weight: Variable, inside: Inside) -> Roles:
    return {"W": weight} | ({} if inside.bias is None else {"b": inside.bias})


@layer("Dense")
def _dense(inside: Inside) -> Made | None:
    core = _node(inside, "Times")
    if core is None:
        return None
    weight, x = core.function.inputs
    rank, infer = core.take("outputRank"), core.take("inferInputRankToMap", -1)
    shape, shaped = weight.shape or (), None
    if x.owner is not None and x.owner.op == "Reshape" and not x.owner.name:
        shaped, x = x.owner, x.owner.inputs[0]
    if x is not inside.x or not _is_weight(weight) or not 0 < rank < len(shape):
        return None
    out = shape[-rank:]
    if inside.bias is not None and inside.bias.shape != out:
        return None
    core.done()
    made = named(
        inside.function,
        "C.layers.Dense",
        _roles(weight, inside),
        size_of(out),
        activation=Raw(inside.activation) if inside.activation else None,
        input_rank=literal(len(shape) - rank) if infer == -1 else None,
        map_rank=literal(infer) if infer > 0 else None,
        bias=None if inside.bias is not None else literal(False),
    )
    return made._replace(shaped=shaped)


@layer("Convolution", "ConvolutionTranspose")
def _convolution(inside: Inside) -> Made | None:
    core = _node(inside, "Convolution")
    if core is None:
        return None
    weight, x = core.function.inputs
    shape, transposed = weight.shape or (), bool(core.take("transpose", False))
    if not _is_weight(weight) or len(shape) < 3:
        return None
    reduction, x = (1, x) if x is inside.x else _without_channels(x, len(shape) - 2)
    pad = windows.pads(core.take("autoPadding"))
    strides = tuple(core.take("strides"))
    padded = [any(core.take(name, (0,))) for name in ("lowerPad", "upperPad")]
    dilation = tuple(core.take("dilation", (1,)))
    rank, out = len(shape) - 2, shape[1 if transposed else 0]
    if x is not inside.x or any(padded) or pad[0] or len(pad) != rank + 1:
        return None
    if len(strides) != rank + 1 or len(dilation) not in (1, rank + 1):
        return None
    if not _is_plain(core) or (transposed and not reduction):
        return None
    if inside.bias is not None and inside.bias.shape != (out, *[1] * rank):
        return None
    size = tuple(core.take("outputShape", (0,)))
    if size != (0,) and (not transposed or size[0] != out):
        return None
    core.done()
    name = "C.layers.ConvolutionTranspose" if transposed else "C.layers.Convolution"
    return named(
        inside.function,
        f"{name}{rank}D" if rank < 4 else name,
        _roles(weight, inside),
        literal(shape[2:]) if rank > 1 else size_of(shape[2:]),
        literal(out),
        activation=Raw(inside.activation) if inside.activation else None,
        pad=each(tuple(pad[1:])) if any(pad[1:]) else None,
        strides=None if set(strides[1:]) == {1} else each(strides[1:]),
        bias=None if inside.bias is not None else literal(False),
        output_shape=literal(size[1:]) if size != (0,) else None,
        reduction_rank=None if reduction else literal(0),
        dilation=None if set(dilation) == {1} else each(dilation[-rank:]),
    )


def _is_plain(core: Node) -> bool:
    """Whether nothing is set that layers cannot set."""
    core.drop("kernelShape")
    return (
        core.take("groups", 1) == 1
        and not core.take("sequential", False)
        and core.take("maxTempMemSizeInSamples", 0) == 0
        and all(core.take("sharing", [True]))
    )


def _without_channels(x: Variable, rank: int) -> tuple[int, Variable]:
    """What a channel axis was put in front of."""
    owner = x.owner
    if owner is None or owner.op != "Reshape" or owner.name:
        return 1, x
    begin, end = owner.attribute("beginAxis"), owner.attribute("endAxis")
    if owner.attribute("newShape") != (1,) or begin != graph.Axis(rank) or end != begin:
        return 1, x
    return 0, owner.inputs[0]
