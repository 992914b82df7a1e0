"""Loops that CNTK's recurrent layers make, as these layers.

bindings/python/cntk/layers/sequence.py of CNTK 2.7: `Recurrence(LSTM(4))(x)`; with initial states that
are computed, `RecurrenceFrom(LSTM(4))(h, c, x)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, call, literal
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


def loop(component: list[Function], network: Network) -> Loop | None:
    """A loop as a recurrent layer; None where it is none."""
    steps = [one for one in component if one.op not in DELAYS]
    if len(steps) != 1 or steps[0].block is None or steps[0].type not in ARGUMENTS:
        return None
    function = steps[0]
    assert function.block is not None
    delays = [one for one in component if one is not function]
    *states, x = function.block.arguments.values()
    found = _states(function, delays, states, network)
    made = _step(function)
    stored = network.own(function)
    if found is None or made is None or stored is None or x.owner in component:
        return None
    seen = network.seen(function, delays)
    several = len(found) > 1 and any(one.index for one in seen)
    full = literal(True) if several else None
    backwards = literal(True) if delays[0].op == "FutureValue" else None
    initial = _same_number(found)
    operand = network.operand(x, numbers=False)
    if initial is not None:
        value = literal(np.float32(initial)) if initial else None
        layer = call(
            "C.layers.Recurrence",
            made,
            go_backwards=backwards,
            initial_state=value,
            return_full_state=full,
        )
        return Loop(function, network.restored(layer, function, stored, [operand]), several)
    layer = call("C.layers.RecurrenceFrom", made, go_backwards=backwards, return_full_state=full)
    begins = [network.operand(one, numbers=False) for one in found]
    return Loop(function, network.restored(layer, function, stored, [*begins, operand]), several)


def _states(
    function: Function, delays: list[Function], states: list[Variable], network: Network
) -> list[Variable] | None:
    """The initial states, if each of the step's states is delayed by one frame and read by it alone."""
    if [one.owner for one in states] != delays and {one.owner for one in states} != set(delays):
        return None
    if len({one.op for one in delays}) != 1 or len(states) != len(delays):
        return None
    found = []
    for place, state in enumerate(states):
        delay = state.owner
        if delay is None or delay.name or delay.attributes.get("offset", 1) != 1:
            return None
        if delay.inputs[0] is not function.output(place) or network.readers[state] != [function]:
            return None
        found.append(delay.inputs[1])
    return found


def _same_number(states: list[Variable]) -> float | None:
    """The number that all states begin with, if it is one, as layers make it."""
    numbers = set()
    for one in states:
        values = inline(one)
        if values is None or one.name or one.dtype != ir.DataType.FLOAT or values.shape != (1,):
            return None
        numbers.add(float(values[0]))
    return numbers.pop() if len(numbers) == 1 else None


def _step(function: Function) -> Call | None:
    """The call that makes a step."""
    found = STEPS.find(function)
    if found is None or not found[0].make(found[1]):
        return None
    bound, type_ = found[1], function.type
    assert function.block is not None
    given = list(function.block.arguments)
    if [bound.get(name) for name in ARGUMENTS[type_]] != given or not _is_usual(bound):
        return None
    chosen = activation(bound["activation"])
    if chosen is None:
        return None
    projected = bound.get("P")
    return call(
        f"C.layers.{type_}",
        literal(bound["H"].shape[0]),
        cell_shape=literal(projected.shape[0]) if projected else None,
        activation=None if chosen == DEFAULTS[type_] else Raw(chosen),
        use_peepholes=literal(True) if "Ci" in bound else None,
        name=literal(function.name) if function.name else None,
    )


def _is_usual(bound: Bound) -> bool:
    """Whether the parameters are called as layers call them, and have their ranks."""
    ranks = {"b": 1, "W": 2, "H": 2, "H1": 2, "P": 2, "Ci": 1, "Cf": 1, "Co": 1}
    return all(
        one.kind == Kind.PARAMETER and one.name == name and len(one.shape or ()) == ranks[name]
        for name, one in bound.items()
        if name in ranks
    )
