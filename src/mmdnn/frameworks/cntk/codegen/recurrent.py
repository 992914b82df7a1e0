"""Loops that CNTK's recurrent layers make, as these layers: `Recurrence(LSTM(4))(x)`.

With initial states that are computed they are `RecurrenceFrom(LSTM(4))(h, c, x)`.
(bindings/python/cntk/layers/blocks.py and sequence.py of CNTK 2.7.)
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk import _blocks
from mmdnn.frameworks.cntk._catalogue import Catalogue
from mmdnn.frameworks.cntk._matching import Bound
from mmdnn.frameworks.cntk._order import DELAYS
from mmdnn.frameworks.cntk.codegen.blocks import CATALOGUE
from mmdnn.frameworks.cntk.codegen.operands import Operands, parameters
from mmdnn.frameworks.cntk.codegen.statements import call
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.codegen.weights import inline
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable
from mmdnn.python.expressions import Operand
from mmdnn.python.literals import Raw, native

STEPS: Catalogue[None] = Catalogue(inner=CATALOGUE)
ACTIVATIONS = {
    "Tanh": "C.tanh", "ReLU": "C.relu", "StableSigmoid": "C.sigmoid", "Sigmoid": "C.sigmoid",
    "ELU": "C.elu", "Softplus": "C.softplus", "Softsign": "C.softsign", "Exp": "C.exp",
    "Sin": "C.sin", "Cos": "C.cos", "Abs": "C.abs", "Hardmax": "C.hardmax", "Softmax": "C.softmax",
}  # fmt: skip
"""Operators of one operand, as functions that layers are given."""
_RANKS = {"b": 1, "W": 2, "H": 2, "H1": 2, "P": 2, "Ci": 1, "Cf": 1, "Co": 1}
DEFAULTS = {"LSTM": "C.tanh", "GRU": "C.tanh", "RNNStep": "C.sigmoid"}
ARGUMENTS = {"LSTM": ("h", "c", "x"), "GRU": ("h", "x"), "RNNStep": ("h", "x")}


for _type, _patterns in _blocks.STEPS.items():
    STEPS.add(_type, *_patterns)(None)


def _usual(bound: Bound) -> bool:
    """Whether slices cut their axis into equal parts, and gates are opened by sigmoids."""
    if ACTIVATIONS.get(bound.get("sigmoid", "Sigmoid")) != "C.sigmoid":
        return False
    ends = [bound[name] for name in ("n0", "n1", "n2", "n3", "n4") if name in bound]
    return ends == [ends[1] * place for place in range(len(ends))] if ends else True


class Loop(NamedTuple):
    """A loop that is one layer: its step, the layer applied, whether all states are seen outside."""

    function: Function
    value: Operand
    several: bool


class Step(NamedTuple):
    """A step: the call that makes it, its parameters, what it reads of a frame and of its past, and gives."""

    layer: Operand
    roles: dict[str, Variable]
    x: Variable
    states: list[Variable]
    outputs: list[Variable]


def loop(component: list[Function], network: Operands) -> Loop | None:
    """A loop as a recurrent layer; None where it is none."""
    functions = [one for one in component if one.op not in DELAYS]
    if len(functions) != 1 or functions[0].block is None:
        return None
    function = functions[0]
    step = _step(function)
    if step is None or step.x.owner in component or not network.owns(function, step.roles):
        return None
    delays = [one.owner for one in step.states if one.owner is not None]
    begins = _begins(step, function, network)
    if begins is None or set(delays) | {function} != set(component):
        return None
    seen = network.seen(function, delays)
    several = any(one is not step.outputs[0] for one in seen)
    if several:
        for place, one in enumerate(step.outputs):
            network.loose[one] = Variable(one.uid, Kind.OUTPUT, owner=function, index=place)
    options = {
        "go_backwards": True if delays[0].op == "FutureValue" else None,
        "return_full_state": True if several else None,
    }
    operand = network.operand(step.x, numbers=False)
    number = _same_number(begins)
    if number is not None:
        initial = native(np.float32(number)) if number else None
        layer = call("C.layers.Recurrence", step.layer, initial_state=initial, **options)
        operands = [operand]
    else:
        layer = call("C.layers.RecurrenceFrom", step.layer, **options)
        operands = [*(network.operand(one, numbers=False) for one in begins), operand]
    return Loop(function, network.restored(layer, function, step.roles, operands), several)


def _begins(step: Step, function: Function, network: Operands) -> list[Variable] | None:
    """The initial states, if each state is delayed by one frame and read by the step alone."""
    found = []
    for state, output in zip(step.states, step.outputs, strict=True):
        delay = state.owner
        if delay is None or delay.op not in DELAYS or delay.name:
            return None
        if delay.attributes.get("offset", 1) != 1 or network.readers[state] != [function]:
            return None
        if delay.inputs[0] is not output:
            return None
        found.append(delay.inputs[1])
    return found if len({one.owner.op for one in step.states if one.owner}) == 1 else None


def _same_number(states: list[Variable]) -> float | None:
    """The number that all states begin with, if it is one, as layers make it."""
    plain = all(not one.name and one.dtype == ir.DataType.FLOAT for one in states)
    numbers = {None if (v := inline(one)) is None or v.size != 1 else v.item() for one in states}
    return numbers.pop() if plain and len(numbers) == 1 else None


def _step(function: Function) -> Step | None:
    """A block as a step; its operands and outputs may come in any order."""
    block = function.block
    assert block is not None
    if block.type not in ARGUMENTS:
        return None
    for order in permutations(range(len(block.outputs))):
        found = STEPS.match(block.type, [block.outputs[place] for place in order])
        if found is not None and _usual(found[1]):
            outputs = [function.output(place) for place in order]
            return _made(function, found[1], outputs)
    return None


def _made(function: Function, bound: Bound, outputs: list[Variable]) -> Step | None:
    type_, roles, chosen = (
        function.type,
        parameters(bound, _RANKS),
        ACTIVATIONS.get(bound["activation"]),
    )
    assert function.block is not None
    outer = function.block.arguments
    given: list[Variable] = [bound[name] for name in ARGUMENTS[type_]]
    if set(given) != set(outer) or len(given) != len(outer) or roles is None or chosen is None:
        return None
    projected = bound.get("P")
    layer = Node(function).call(
        f"layers.{type_}",
        bound["H"].shape[0],
        cell_shape=projected.shape[0] if projected else None,
        activation=None if chosen == DEFAULTS[type_] else Raw(chosen),
        use_peepholes=True if "Ci" in bound else None,
    )
    *states, x = (outer[one] for one in given)
    return Step(layer, roles, x, states, outputs)
