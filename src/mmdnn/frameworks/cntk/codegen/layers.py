"""Blocks that the layers of CNTK's Python make, as these layers.

bindings/python/cntk/layers of CNTK 2.7. A layer makes its own parameters; `restored`, a function of the
generated module, gives them their values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mmdnn.frameworks.cntk.codegen import blocks_axes, blocks_norms, blocks_sequences
from mmdnn.frameworks.cntk.codegen.blocks import CATALOGUE, expression
from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, call, literal, text
from mmdnn.frameworks.cntk.codegen.patterns import Catalogue, number
from mmdnn.frameworks.cntk.codegen.printing import Scope
from mmdnn.frameworks.cntk.codegen.recurrent import activation
from mmdnn.frameworks.cntk.codegen.table import PRINTERS, Node
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.codegen.network import Network

del blocks_axes, blocks_norms, blocks_sequences  # they fill the catalogue

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


def each(values: tuple[Any, ...]) -> Raw:
    """One value for all axes where they are the same."""
    return literal(values[0] if len(set(values)) == 1 else values)


def named(
    function: Function, layer_: str, roles: Roles, *args: Expr, **kwargs: Expr | None
) -> Made:
    """A layer with the block's name."""
    name = literal(function.name) if function.name else None
    return Made(call(layer_, *args, **kwargs, name=name), roles)
