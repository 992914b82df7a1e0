"""Loops that are an LSTM, a GRU or a simple RNN: the equations of cntk.layers' blocks.

(bindings/python/cntk/layers/blocks.py of CNTK 2.7.) They are looked for among primitive functions, so that
it does not matter whether a file has blocks, or what these are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmdnn.frameworks.cntk.graph import Axis, Function, Variable
from mmdnn.frameworks.cntk.importer.cells import Cell, Layer
from mmdnn.frameworks.cntk.importer.patterns import Bound, Pattern

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.importer.lowering import Lowering

ACTIVATIONS = {
    "Tanh": "Tanh",
    "Sigmoid": "Sigmoid",
    "StableSigmoid": "Sigmoid",
    "ReLU": "Relu",
    "Softsign": "Softsign",
    "Softplus": "Softplus",
}
"""What ONNX's recurrent operators have under a name without parameters."""

_CELL = "Plus(ElementTimes(forget(f), before), ElementTimes(input(i), candidate(g)))"
_LSTM = Pattern(f"ElementTimes(output(o), hidden({_CELL}))")
_PEEPHOLE = Pattern("Plus((part := Slice(z)), ElementTimes(weight, cell))")
_PART = Pattern("(part := Slice(z))")
_FRESH = "candidate(Plus(xc, Times(rc, ElementTimes(reset(r), before))))"
_GRU = Pattern(
    f"Plus(ElementTimes(Minus(one, update(z)), {_FRESH}), ElementTimes(update(z), before))"
)
_GATE = Pattern("Plus((fed := Slice(x)), (kept := Slice(h)))")
_RNN = Pattern("activation(Plus(x, Times(r, before)))")
_RNN_AND_BIAS = Pattern("activation(Plus(b, Plus(x, Times(r, before))))")
_SUM = Pattern("Plus(x, Times(r, before))")
_SUM_AND_BIAS = Pattern("Plus(b, Plus(x, Times(r, before)))")
_PRODUCT = Pattern("Times(w, x)")
_PRODUCT_AND_BIAS = Pattern("Plus(b, Times(w, x))")
_DELAY = Pattern("delay(now, initial)")


def recognized(lowering: Lowering, component: Sequence[Function]) -> bool:
    """Import a loop that is a recurrent layer; False where it is none."""
    reader = _Reader(lowering, component)
    for function in component:
        for read in (reader.lstm, reader.gru, reader.rnn):
            cell = read(function.output()) if function.results else None
            if cell is not None and reader.is_whole(cell):
                Layer(lowering, cell).make()
                return True
    return False


class _Reader:
    """Recognises cells in a loop."""

    def __init__(self, lowering: Lowering, component: Sequence[Function]) -> None:
        self.lowering = lowering
        self.flat = lowering.flat
        self.component = set(component)
        self.delays = {one for one in component if one.op in ("PastValue", "FutureValue")}

    def is_whole(self, cell: Cell) -> bool:
        """Whether the loop has nothing else, and gives nothing but the layer's output.

        A loop's delays must be the cell's, what is read outside its output, and what it reads a
        vector a frame, all of which goes into the product.
        """
        x = self.lowering.operand(cell.x)
        if x.sequence is None or x.rank != len(cell.w.shape or ()) - 1:
            return False
        mine = {one for one in (cell.hidden, cell.cell) if one is not None}
        if mine != self.delays or len({one.op for one in mine}) != 1:
            return False
        read = {self.flat.resolve(one) for one in self.lowering.outputs}
        for function in self.lowering.order:
            if function not in self.component:
                read.update(self.flat.reads(function))
        return all(
            one is cell.result or one not in read
            for function in self.component
            for one in function.results
        )

    def lstm(self, variable: Variable) -> Cell | None:
        found = _LSTM.match(variable, self.flat)
        if found is None:
            return None
        state = self._input_of(found.functions["hidden"])
        cell = self._delay(found.variables["before"], state)
        names = self._activations(found, "forget", "candidate", "hidden")
        same = self._activations(found, "input", "output", "forget")
        if cell is None or names is None or same is None or len(set(same)) != 1:
            return None
        parts = {gate: self._part(found.variables[gate]) for gate in "igfo"}
        if any(part is None for part in parts.values()):
            return None
        places = {gate: part[1] for gate, part in parts.items() if part is not None}
        sums = {part[0] for part in parts.values() if part is not None}
        if places != {"i": 0, "g": 1, "f": 2, "o": 3} or len(sums) != 1:
            return None
        peepholes = self._peepholes(parts, cell, state)
        affine = self._affine(sums.pop())
        if affine is None or peepholes is None:
            return None
        hidden = self._delay(affine.variables["before"], variable)
        if hidden is None:
            return None
        return Cell(
            "LSTM",
            variable,
            hidden,
            affine.variables["input"],
            affine.variables["w"],
            [affine.variables["r"]],
            self._biases(affine),
            (0, 3, 2, 1),
            names,
            cell,
            peepholes,
        )

    def gru(self, variable: Variable) -> Cell | None:
        found = _GRU.match(variable, self.flat)
        if found is None or not found.is_number(one=1):
            return None
        hidden = self._delay(found.variables["before"], variable)
        gates = [_GATE.match(found.variables[name], self.flat) for name in ("z", "r")]
        names = self._activations(found, "update", "candidate")
        same = self._activations(found, "update", "reset")
        if hidden is None or names is None or same is None or len(set(same)) != 1:
            return None
        candidate = _PART.match(found.variables["xc"], self.flat)
        if candidate is None or any(gate is None for gate in gates):
            return None
        fed = [gate.functions["fed"] for gate in gates if gate] + [candidate.functions["part"]]
        kept = [gate.functions["kept"] for gate in gates if gate]
        inputs = {self._input_of(one) for one in fed}
        states = {self._input_of(one) for one in kept}
        if [_place(one) for one in fed] != [0, 1, 2] or [_place(one) for one in kept] != [0, 1]:
            return None
        product = _PRODUCT.match(states.pop(), self.flat) if len(states) == 1 else None
        affine = self._fed(inputs.pop()) if len(inputs) == 1 else None
        if product is None or affine is None or product.variables["x"] is not hidden.output():
            return None
        return Cell(
            "GRU",
            variable,
            hidden,
            affine.variables["input"],
            affine.variables["w"],
            [product.variables["w"], found.variables["rc"]],
            self._biases(affine),
            (0, 1, 2),
            names,
        )

    def rnn(self, variable: Variable) -> Cell | None:
        owner = variable.owner
        inputs = self.flat.reads(owner) if owner is not None else []
        affine = self._affine(inputs[0]) if len(inputs) == 1 else None
        if owner is None or affine is None or owner.type not in ACTIVATIONS:
            return None
        hidden = self._delay(affine.variables["before"], variable)
        if hidden is None:
            return None
        return Cell(
            "RNN",
            variable,
            hidden,
            affine.variables["input"],
            affine.variables["w"],
            [affine.variables["r"]],
            self._biases(affine),
            (0,),
            [ACTIVATIONS[owner.type]],
        )

    def _affine(self, variable: Variable) -> Bound | None:
        """W x + r h + b, the terms in any order."""
        for pattern in (_SUM, _SUM_AND_BIAS):
            found = pattern.match(variable, self.flat)
            if found is None or found.variables["before"].owner not in self.delays:
                continue
            fed = self._fed(found.variables["x"])
            if fed is None or ("b" in found.variables and "b" in fed.variables):
                continue
            if not self._is_weight(found.variables["r"]):
                continue
            return Bound({**found.variables, **fed.variables}, {})
        return None

    def _fed(self, variable: Variable) -> Bound | None:
        """W x or w x + b, outside of the loop, as `w`, `input` and `b`."""
        for pattern in (_PRODUCT, _PRODUCT_AND_BIAS):
            found = pattern.match(variable, self.flat)
            if found is None or found.variables["x"].owner in self.component:
                continue
            weights = [found.variables[name] for name in ("w", "b") if name in found.variables]
            if all(map(self._is_weight, weights)):
                renamed = dict(found.variables)
                renamed["input"] = renamed.pop("x")
                return Bound(renamed, {})
        return None

    def _biases(self, affine: Bound) -> list[Variable]:
        found = affine.variables.get("b")
        return [found] if found is not None and self._is_weight(found) else []

    def _is_weight(self, variable: Variable) -> bool:
        return variable.value is not None

    def _delay(self, variable: Variable, now: Variable | None) -> Function | None:
        """The delay of one frame that a variable is, if it delays what it should."""
        owner = variable.owner
        if owner not in self.delays or owner.attributes.get("offset") != 1 or now is None:
            return None
        return owner if self.flat.reads(owner)[0] is now else None

    def _activations(self, found: Bound, *names: str) -> list[str] | None:
        types = [found.functions[name].type for name in names]
        return [ACTIVATIONS[one] for one in types] if set(types) <= ACTIVATIONS.keys() else None

    def _input_of(self, function: Function) -> Variable:
        return self.flat.reads(function)[0]

    def _part(self, gate: Variable) -> tuple[Variable, int, Bound | None] | None:
        """Of a gate: the sum that it is a part of, which part, and its peephole."""
        for pattern in (_PART, _PEEPHOLE):
            found = pattern.match(gate, self.flat)
            if found is not None:
                place = _place(found.functions["part"])
                peephole = found if pattern is _PEEPHOLE else None
                return (found.variables["z"], place, peephole) if place is not None else None
        return None

    def _peepholes(
        self, parts: dict[str, Any], cell: Function, state: Variable
    ) -> tuple[Variable, ...] | None:
        """Those of i, o and f, all or none; None where they are others."""
        found = {gate: part[2] for gate, part in parts.items()}
        if all(one is None for one in found.values()):
            return ()
        if found["g"] is not None or any(found[gate] is None for gate in "iof"):
            return None
        seen = {"i": cell.output(), "f": cell.output(), "o": state}
        if any(found[gate].variables["cell"] is not seen[gate] for gate in "iof"):
            return None
        weights = tuple(found[gate].variables["weight"] for gate in "iof")
        return weights if all(map(self._is_weight, weights)) else None


def _place(part: Function) -> int | None:
    """Which part of the last axis a slice is, counted in parts of its own size."""
    begin, end = part.attributes.get("beginIndex"), part.attributes.get("endIndex")
    axis, stride = part.attributes.get("axis"), part.attributes.get("sliceStrides", 1)
    if not (isinstance(begin, int) and isinstance(end, int) and isinstance(axis, Axis)):
        return None
    if axis.index != 0 or stride != 1:
        return None
    size = end - begin
    return begin // size if size > 0 and begin % size == 0 else None
