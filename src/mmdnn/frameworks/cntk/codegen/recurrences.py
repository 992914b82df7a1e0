"""Loops that CNTK's recurrent layers make, as these layers.

bindings/python/cntk/layers/sequence.py of CNTK 2.7: `Recurrence(LSTM(4))(x)`; with initial states that
are computed, `RecurrenceFrom(LSTM(4))(h, c, x)`.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.codegen.expressions import Expr, Raw, call, literal
from mmdnn.frameworks.cntk.codegen.layers import Made, Roles
from mmdnn.frameworks.cntk.codegen.ordering import DELAYS
from mmdnn.frameworks.cntk.codegen.patterns import Bound
from mmdnn.frameworks.cntk.codegen.recurrent import ARGUMENTS, DEFAULTS, STEPS, activation
from mmdnn.frameworks.cntk.codegen.weights import inline
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.codegen.network import Network


class Loop(NamedTuple):
    """A loop that is one layer.

    Attributes:
        function: Its step.
        value: The layer, applied.
        several: Whether all its states are seen outside.
    """

    function: Function
    value: Expr
    several: bool


class Step(NamedTuple):
    """A step, taken as what it is called.

    Attributes:
        made: The layer.
        x: What it is given of each frame.
        states: What it reads of its past.
        outputs: What becomes of each state.
    """

    made: Made
    x: Variable
    states: list[Variable]
    outputs: list[Variable]


def loop(component: list[Function], network: Network) -> Loop | None:
    """A loop as a recurrent layer; None where it is none."""
    functions = [one for one in component if one.op not in DELAYS]
    if len(functions) != 1 or functions[0].block is None:
        return None
    function = functions[0]
    step = _step(function)
    if step is None or step.x.owner in component or not network.owns(function, step.made.roles):
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
        "go_backwards": literal(True) if delays[0].op == "FutureValue" else None,
        "return_full_state": literal(True) if several else None,
    }
    operand = network.operand(step.x, numbers=False)
    number = _same_number(begins)
    if number is not None:
        initial = literal(np.float32(number)) if number else None
        layer = call("C.layers.Recurrence", step.made.layer, initial_state=initial, **options)
        operands = [operand]
    else:
        layer = call("C.layers.RecurrenceFrom", step.made.layer, **options)
        operands = [*(network.operand(one, numbers=False) for one in begins), operand]
    return Loop(function, network.restored(layer, function, step.made.roles, operands), several)


def _begins(step: Step, function: Function, network: Network) -> list[Variable] | None:
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
    numbers = set()
    for one in states:
        values = inline(one)
        if values is None or one.name or one.dtype != ir.DataType.FLOAT or values.size != 1:
            return None
        numbers.add(float(values.flat[0]))
    return numbers.pop() if len(numbers) == 1 else None


def _step(function: Function) -> Step | None:
    """A block as a step; its operands and outputs may come in any order."""
    block = function.block
    assert block is not None
    if block.type not in ARGUMENTS:
        return None
    for order in permutations(range(len(block.outputs))):
        found = STEPS.match(block.type, [block.outputs[place] for place in order])
        if found is not None and found[0].make(found[1]):
            outputs = [function.output(place) for place in order]
            return _made(function, found[1], outputs)
    return None


def _made(function: Function, bound: Bound, outputs: list[Variable]) -> Step | None:
    type_, roles, chosen = function.type, _roles(bound), activation(bound["activation"])
    assert function.block is not None
    outer = function.block.arguments
    given: list[Variable] = [bound[name] for name in ARGUMENTS[type_]]
    if set(given) != set(outer) or len(given) != len(outer) or roles is None or chosen is None:
        return None
    projected = bound.get("P")
    layer = call(
        f"C.layers.{type_}",
        literal(bound["H"].shape[0]),
        cell_shape=literal(projected.shape[0]) if projected else None,
        activation=None if chosen == DEFAULTS[type_] else Raw(chosen),
        use_peepholes=literal(True) if "Ci" in bound else None,
        name=literal(function.name) if function.name else None,
    )
    *states, x = (outer[one] for one in given)
    return Step(Made(layer, roles), x, states, outputs)


def _roles(bound: Bound) -> Roles | None:
    """The parameters, if they have the ranks that layers give them."""
    ranks = {"b": 1, "W": 2, "H": 2, "H1": 2, "P": 2, "Ci": 1, "Cf": 1, "Co": 1}
    found = {name: one for name, one in bound.items() if name in ranks}
    usual = all(
        one.kind == Kind.PARAMETER and len(one.shape or ()) == ranks[name]
        for name, one in found.items()
    )
    return found if usual else None
