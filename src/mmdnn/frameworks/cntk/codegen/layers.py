"""Blocks that the layers of CNTK's Python make, as these layers.

bindings/python/cntk/layers of CNTK 2.7. A layer makes its own parameters; `restored`, a function of the
generated module, gives them their values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.codegen import blocks_axes, blocks_sequences, windows
from mmdnn.frameworks.cntk.codegen.blocks import CATALOGUE, expression
from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, call, literal, text
from mmdnn.frameworks.cntk.codegen.patterns import Catalogue, number
from mmdnn.frameworks.cntk.codegen.recurrent import activation
from mmdnn.frameworks.cntk.codegen.statements import Scope
from mmdnn.frameworks.cntk.codegen.table import PRINTERS, Node
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.codegen.network import Network

del blocks_axes, blocks_sequences  # they fill the catalogue

PATTERNS: Catalogue[None] = Catalogue(inner=CATALOGUE)


@dataclass
class Inside:
    """What is inside a layer's block.

    Attributes:
        function: The block.
        core: What it does first, without its bias and activation.
        bias: Its bias.
        activation: Its activation, as source.
    """

    function: Function
    core: Variable
    bias: Variable | None = None
    activation: str | None = None

    @property
    def x(self) -> Variable:
        """The placeholder of its first operand."""
        assert self.function.block is not None
        return next(iter(self.function.block.arguments))


Roles = dict[str, Variable]
"""A layer's parameters and statistics, by the names that it gives them."""


class Made(NamedTuple):
    """A layer.

    Attributes:
        layer: The call that makes it.
        roles: Its parameters and statistics.
        shaped: A function that what it is given passes first.
    """

    layer: Call
    roles: Roles
    shaped: Function | None = None


Layer = Callable[[Inside], Made | None]
LAYERS: dict[str, Layer] = {}


def layer(*types: str) -> Callable[[Layer], Layer]:
    """Register what makes the blocks of some types."""

    def register(function: Layer) -> Layer:
        LAYERS.update(dict.fromkeys(types, function))
        return function

    return register


def expressed(function: Function, network: Network) -> Expr | None:
    """A block as a layer that is applied; None where it is none."""
    block = function.block
    if block is None or block.type not in LAYERS or len(block.outputs) != 1:
        return None
    made = LAYERS[block.type](_opened(function))
    if made is None or not network.owns(function, made.roles):
        return None
    operands = [network.operand(one, numbers=False) for one in block.arguments.values()]
    if made.shaped is not None:
        node = Node(made.shaped)
        operands[0] = PRINTERS[node.op](node, operands[0])
        node.done()
    return network.restored(made.layer, function, made.roles, operands)


def _opened(function: Function) -> Inside:
    """The parts of a layer with weights: a product or a convolution, a bias, an activation."""
    assert function.block is not None
    inside = Inside(function, function.block.outputs[0])
    if function.block.type not in _BIASED:
        return inside
    owner = inside.core.owner
    if owner is not None and not _is_core(owner) and not _has_bias(owner):
        found = _activation(owner)
        if found is not None:
            inside.activation, inside.core = found
            owner = inside.core.owner
    if owner is not None and _has_bias(owner):
        inside.core, inside.bias = owner.inputs
    return inside


_BIASED = {"Dense", "Convolution", "ConvolutionTranspose"}


def _is_core(function: Function) -> bool:
    return function.op in ("Times", "Convolution")


def _has_bias(function: Function) -> bool:
    return (
        function.op == "Plus"
        and not function.name
        and function.inputs[0].kind == Kind.OUTPUT
        and function.inputs[1].kind == Kind.PARAMETER
    )


def _activation(function: Function) -> tuple[str, Variable] | None:
    """A function of one operand as what a layer is given, and the operand."""
    operands = [one for one in _operands(function) if one.kind == Kind.OUTPUT]
    if function.name or len(operands) != 1 or len(function.results) != 1:
        return None
    simple = activation(function.type)
    if simple and len(_operands(function)) == 1 and not function.attributes:
        return simple, operands[0]
    if function.block is None or any(number(o) is None for o in _operands(function)[1:]):
        return None
    written = expression(function, lambda one: Raw("x"))
    if written is None:
        return None
    return f"lambda x: {text(written, Scope(set()))}", operands[0]


def _operands(function: Function) -> list[Variable]:
    return list(function.block.arguments.values()) if function.block else function.inputs


def _size(shape: tuple[int, ...]) -> Raw:
    """A shape, as a number where it is one."""
    return literal(shape[0] if len(shape) == 1 else tuple(shape))


def each(values: tuple[Any, ...]) -> Raw:
    """One value for all axes where they are the same."""
    return literal(values[0] if len(set(values)) == 1 else values)


def named(
    function: Function, layer_: str, roles: Roles, *args: Expr, **kwargs: Expr | None
) -> Made:
    """A layer with the block's name."""
    name = literal(function.name) if function.name else None
    return Made(call(layer_, *args, **kwargs, name=name), roles)


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
        _size(out),
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
        literal(shape[2:]) if rank > 1 else _size(shape[2:]),
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
