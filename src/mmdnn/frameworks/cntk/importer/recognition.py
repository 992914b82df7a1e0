"""Loops that are an LSTM, a GRU or a simple RNN: the equations of cntk.layers' blocks.

(bindings/python/cntk/layers/blocks.py of CNTK 2.7.) They are looked for among primitive functions, so that
it does not matter whether a file has blocks, or what these are called. What goes into a gate is a sum of
terms in any order: products with the input and with the state, a bias, a peephole; from matrices of its own
or from parts of one for all gates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mmdnn.frameworks.cntk._matching import Bound, Pattern
from mmdnn.frameworks.cntk._order import DELAYS
from mmdnn.frameworks.cntk.graph import Axis, Function, Variable
from mmdnn.frameworks.cntk.importer.cells import Cell, Gate, Layer, Piece, fits
from mmdnn.frameworks.cntk.importer.flat import Flat
from mmdnn.frameworks.cntk.importer.table import GraphImporter
from mmdnn.tensors import references

ACTIVATIONS = {
    "Tanh": "Tanh",
    "Sigmoid": "Sigmoid",
    "StableSigmoid": "Sigmoid",
    "ReLU": "Relu",
    "Softsign": "Softsign",
    "Softplus": "Softplus",
}
"""What ONNX's recurrent operators have under a name without parameters."""

_LSTM = Pattern("output(o) * hidden(forget(f) * before + input(i) * candidate(g))")
_GRU = Pattern("(1 - update(z)) * candidate(g) + update(z) * before")
_RESET = Pattern("Times(weight, reset(r) * before)")
_PRODUCT = Pattern("Times(weight, x)")
_SCALED = Pattern("factor * x")


def recognized(graph: GraphImporter, component: Sequence[Function]) -> bool:
    """Import a loop that is a recurrent layer; False where it is none."""
    reader = _Reader(graph, component)
    for function in component:
        for read in (reader.lstm, reader.gru, reader.rnn):
            cell = read(function.output()) if function.results else None
            if cell is not None and reader.is_whole(cell):
                Layer(graph, cell).make()
                return True
    return False


class _Reader:
    """Recognises cells in a loop."""

    def __init__(self, graph: GraphImporter, component: Sequence[Function]) -> None:
        self.graph = graph
        self.flat = graph.flat
        self.component = set(component)
        self.delays = {one for one in component if one.op in DELAYS}

    def is_whole(self, cell: Cell) -> bool:
        """Whether the loop has nothing else, and gives nothing but the layer's output.

        A loop's delays must be the cell's, what is read outside its output, and what it reads a
        vector a frame, all of which goes into the products.
        """
        x = self.graph.operand(cell.x)
        if x.sequence is None or not fits(cell, x.rank):
            return False
        mine = {one for one in (cell.hidden, cell.cell) if one is not None}
        if mine != self.delays or len({one.op for one in mine}) != 1:
            return False
        read = {self.flat.resolve(one) for one in self.graph.outputs}
        for function in self.graph.order:
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
        state = self.flat.reads(found["hidden"])[0]
        cell = self._delay(found["before"], state)
        hidden = self._delay_of(variable)
        names = self._activations(found, "forget", "candidate", "hidden")
        same = self._activations(found, "input", "output", "forget")
        if cell is None or hidden is None or names is None or len(set(same or "ab")) != 1:
            return None
        seen = {"i": cell.output(), "o": state, "f": cell.output(), "g": None}
        terms = [_Terms(self, hidden, seen[gate], found[gate]) for gate in "iofg"]
        return self._cell("LSTM", variable, hidden, terms, names, cell)

    def gru(self, variable: Variable) -> Cell | None:
        found = _GRU.match(variable, self.flat)
        hidden = self._delay_of(variable)
        if found is None or hidden is None:
            return None
        fresh = _Terms(self, hidden, None, found["g"])
        reset = fresh.reset
        if reset is None or found["before"] is not hidden.output():
            return None
        names = self._activations(found, "update", "candidate")
        same = [found["update"].type, reset["reset"].type]
        if names is None or len(set(same)) != 1:
            return None
        terms = [_Terms(self, hidden, None, one) for one in (found["z"], reset["r"])]
        return self._cell("GRU", variable, hidden, [*terms, fresh], names)

    def rnn(self, variable: Variable) -> Cell | None:
        owner, hidden = variable.owner, self._delay_of(variable)
        if owner is None or hidden is None or owner.type not in ACTIVATIONS:
            return None
        terms = _Terms(self, hidden, None, self.flat.reads(owner)[0])
        return self._cell("RNN", variable, hidden, [terms], [ACTIVATIONS[owner.type]])

    def _cell(
        self,
        op: str,
        variable: Variable,
        hidden: Function,
        terms: list[_Terms],
        names: list[str],
        cell: Function | None = None,
    ) -> Cell | None:
        gates = [one.gate() for one in terms]
        inputs = {one.x for one in terms}
        whole = [gate for gate in gates if gate is not None]
        if len(whole) != len(gates) or len(inputs) != 1:
            return None
        x = inputs.pop()
        peepholes = [gate.peephole is not None for gate in whole]
        if op == "LSTM" and peepholes not in ([False] * 4, [True, True, True, False]):
            return None
        if op != "LSTM" and any(peepholes):
            return None
        return None if x is None else Cell(op, variable, hidden, x, whole, names, cell)

    def _delay(self, variable: Variable, now: Variable) -> Function | None:
        """The delay of one frame that a variable is, if it delays what it should."""
        owner = variable.owner
        if owner not in self.delays or owner.attributes.get("offset") != 1:
            return None
        return owner if self.flat.reads(owner)[0] is now else None

    def _delay_of(self, now: Variable) -> Function | None:
        """The delay of one frame of a variable."""
        found = [one for one in self.delays if self._delay(one.output(), now) is not None]
        return found[0] if len(found) == 1 else None

    def _activations(self, found: Bound, *names: str) -> list[str] | None:
        types = [found[name].type for name in names]
        return [ACTIVATIONS[one] for one in types] if set(types) <= ACTIVATIONS.keys() else None

    def unscaled(self, variable: Variable) -> tuple[Variable, float]:
        """What a variable is a multiple of, by a number that the model always has, and the number."""
        found = _SCALED.match(variable, self.flat) or Bound()
        for factor, x in (("factor", "x"), ("x", "factor")) if found else ():
            number = scalar(self.flat, found[factor])
            if number is not None:
                return found[x], number
        return variable, 1.0


class _Terms:
    """What a gate is the sum of.

    Attributes:
        x: What it reads, besides the states.
        reset: Of a GRU's candidate, the product with what its reset gate lets through.
    """

    def __init__(
        self, reader: _Reader, hidden: Function, cell: Variable | None, gate: Variable
    ) -> None:
        self.reader = reader
        self.hidden = hidden.output()
        self.cell = cell
        self.x: Variable | None = None
        self.reset: Bound | None = None
        self.w: list[Piece] = []
        self.r: list[Piece] = []
        self.bias: list[Piece] = []
        self.peepholes: list[Piece] = []
        self.whole = all(self._take(leaf, part) for leaf, part in self._leaves(gate))

    def gate(self) -> Gate | None:
        """The gate, if its terms are what they should be."""
        counts = [len(self.w), len(self.r)]
        if not self.whole or counts != [1, 1] or len(self.bias) > 1 or len(self.peepholes) > 1:
            return None
        bias = self.bias[0] if self.bias else None
        return Gate(self.w[0], self.r[0], bias, self.peepholes[0] if self.peepholes else None)

    def _leaves(self, gate: Variable) -> Iterator[tuple[Variable, tuple[int, int] | None]]:
        """The terms; of parts of a sum, the part of each term."""
        for one in self._sum(gate):
            owner = one.owner
            if owner is not None and owner.op == "Slice":
                for inner in self._sum(self.reader.flat.reads(owner)[0]):
                    yield inner, _span(owner)
            else:
                yield one, None

    def _sum(self, variable: Variable) -> Iterator[Variable]:
        pending = [variable]
        while pending:
            one = pending.pop()
            if one.owner is not None and one.owner.op == "Plus":
                pending += reversed(self.reader.flat.reads(one.owner))
            else:
                yield one

    def _take(self, leaf: Variable, part: tuple[int, int] | None) -> bool:
        """Put a term where it belongs; False for one that belongs nowhere."""
        flat = self.reader.flat
        if leaf.value is not None:
            self.bias.append(Piece(leaf, part))
            return True
        reset = _RESET.match(leaf, flat)
        if reset is not None and reset["before"] is self.hidden and part is None:
            self.reset = reset
            self.r.append(Piece(reset["weight"], None))
            return reset["weight"].value is not None
        product = _PRODUCT.match(leaf, flat)
        if product is not None:
            return self._product(product["weight"], product["x"], part)
        peephole = _SCALED.match(leaf, flat)
        return peephole is not None and part is None and self._peephole(peephole)

    def _product(self, weight: Variable, x: Variable, part: tuple[int, int] | None) -> bool:
        if weight.value is None:
            return False
        state, factor = self.reader.unscaled(x)
        if state is self.hidden:
            self.r.append(Piece(weight, part, factor))
            return True
        if x.owner in self.reader.component:
            return False
        self.x = x
        self.w.append(Piece(weight, part))
        return True

    def _peephole(self, found: Bound) -> bool:
        for name, other in (("factor", "x"), ("x", "factor")):
            weight = found[name]
            state, factor = self.reader.unscaled(found[other])
            if weight.value is not None and self.cell is not None and state is self.cell:
                self.peepholes.append(Piece(weight, None, factor))
                return True
        return False


def _span(part: Function) -> tuple[int, int]:
    """From where to where a slice takes the last axis; (0, 0) for a slice of another kind."""
    begin, end = part.attributes.get("beginIndex"), part.attributes.get("endIndex")
    axis, stride = part.attributes.get("axis"), part.attributes.get("sliceStrides", 1)
    if not (isinstance(begin, int) and isinstance(end, int) and isinstance(axis, Axis)):
        return 0, 0
    return (begin, end) if axis.index == 0 and stride == 1 and 0 <= begin < end else (0, 0)


_MOST = 64
"""Functions that such a number is computed by at most."""

_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Plus": np.add,
    "Minus": np.subtract,
    "ElementTimes": np.multiply,
    "ElementDivide": np.divide,
    "Exp": np.exp,
    "Log": np.log,
    "Negate": np.negative,
    "Reciprocal": np.reciprocal,
    "LogPlus": np.logaddexp,
    "Softplus": lambda x, *_: np.logaddexp(x, 0.0),
}


def scalar(flat: Flat, variable: Variable) -> float | None:
    """The one number that a variable is, whatever it is fed; None where it is no such thing."""
    known: dict[Variable, np.ndarray] = {}
    pending = [flat.resolve(variable)]
    for _ in range(_MOST):
        if not pending:
            break
        one = pending[-1]
        reads = flat.reads(one.owner) if one.owner is not None else []
        missing = [each for each in reads if each not in known]
        if missing:
            pending += missing
            continue
        made = _value(one, [known[each] for each in reads])
        if made is None:
            return None
        known[one] = made
        pending.pop()
    found = known.get(flat.resolve(variable))
    return None if found is None or not np.isfinite(found) else float(found)


def _value(variable: Variable, arguments: list[np.ndarray]) -> np.ndarray | None:
    owner, tensor = variable.owner, variable.value
    if owner is None:
        if tensor is None or int(np.prod(tensor.shape.numpy())) != 1:
            return None
        return references.read(tensor).astype(np.float64).reshape(())
    function = _FUNCTIONS.get(owner.type)
    if function is None or variable.index or not arguments:
        return None
    with np.errstate(all="ignore"):
        return np.asarray(function(*arguments))
