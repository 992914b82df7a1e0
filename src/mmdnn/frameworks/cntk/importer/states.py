"""The shape of a loop's state, which files do not say: from what is around it."""

from __future__ import annotations

import numpy as np

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk._order import DELAYS
from mmdnn.frameworks.cntk.graph import Axis, Function, Variable
from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.table import GraphImporter
from mmdnn.shapes import Shape

_SAME = frozenset(
    {
        *("Plus", "Minus", "ElementTimes", "Tanh", "Sigmoid", "StableSigmoid", "ReLU", "Select"),
        *("Exp", "Log", "Negate", "Abs", "Sqrt", "NoOp", "StopGradient", "Dropout", "Reciprocal"),
        *("Less", "Greater", "LessEqual", "GreaterEqual", "Equal", "NotEqual", "ELU", "LogPlus"),
        *("PastValue", "FutureValue", "ReconcileDynamicAxis", "Pow", "Clip", "Softmax", "Floor"),
        *("LogSoftmax", "Hardmax", "LeakyReLU", "PReLU", "SELU", "HardSigmoid", "Softplus"),
        *("Softsign", "ElementMax", "ElementMin", "ElementDivide", "StraightThrough"),
    }
)
"""Functions whose result has the shape of their operands, broadcast."""


def state_shape(
    graph: GraphImporter, delay: Function, inner: set[Function], initial: Operand
) -> Shape:
    """The static shape of what a PastValue or FutureValue of a loop delays.

    It is what follows from the functions that compute it; where these go round, from the placeholders
    that stand for the state inside blocks, and from its initial value.

    Raises:
        UnsupportedError: Nothing says it.
    """
    search = _Search(graph, inner)
    found = search.shape(graph.flat.resolve(delay.inputs[0]))
    placed = _placeholder(graph, delay)
    if found is None and placed is not None:
        return placed
    own = tuple(dim for dim in initial.shape if isinstance(dim, int))
    if found is None:
        if not own:
            raise UnsupportedError("the shape of its state cannot be told")
        return own
    return tuple(int(size) for size in np.broadcast_shapes(found, own))


def _placeholder(graph: GraphImporter, delay: Function) -> Shape | None:
    """The shape of a placeholder that stands for what a function computes."""
    for alias in graph.flat.aliases:
        if alias.shape is None or graph.flat.resolve(alias) is not delay.output():
            continue
        if all(size >= 0 for size in alias.shape):
            return tuple(alias.shape)
    return None


class _Search:
    """Shapes of what a loop computes, as far as they follow from what is outside of it."""

    def __init__(self, graph: GraphImporter, inner: set[Function]) -> None:
        self.graph = graph
        self.inner = inner
        self.known: dict[Variable, Shape | None] = {}

    def shape(self, start: Variable) -> Shape | None:
        """A variable's static shape, None where it only follows from itself."""
        pending = [start]
        while pending:
            variable = pending[-1]
            if self._outside(variable):
                pending.pop()
                continue
            owner = variable.owner
            assert owner is not None
            reads = self._reads(owner)
            if variable not in self.known:
                self.known[variable] = None
                pending += [one for one in reads if one not in self.known]
                continue
            pending.pop()
            self.known[variable] = self._of(owner, [self.known.get(one) for one in reads])
        return self.known[start]

    def _reads(self, owner: Function) -> list[Variable]:
        reads = self.graph.flat.reads(owner)
        return reads[:1] if owner.op in DELAYS else reads

    def _outside(self, variable: Variable) -> bool:
        if variable.owner in self.inner:
            return False
        if variable not in self.known:
            dims = self.graph.operand(variable).shape
            fixed = tuple(dim for dim in dims if isinstance(dim, int))
            self.known[variable] = fixed if len(fixed) == len(dims) else None
        return True

    def _of(self, owner: Function, shapes: list[Shape | None]) -> Shape | None:
        if owner.type in _SAME:
            given = [one for one in shapes if one is not None]
            try:
                return tuple(int(size) for size in np.broadcast_shapes(*given)) if given else None
            except ValueError:
                return None
        if owner.op == "Times" and shapes[0] is not None:
            kept = owner.attributes.get("outputRank", 1)
            rank = len(shapes[0])
            if isinstance(kept, int) and 0 < kept <= rank and self._is_vector(owner, rank - kept):
                return shapes[0][rank - kept :]
        if owner.op == "Slice" and shapes[0] is not None:
            return _sliced(owner, shapes[0])
        if owner.op == "Splice" and all(one is not None for one in shapes):
            return _spliced(owner, [one for one in shapes if one is not None])
        return None

    def _is_vector(self, owner: Function, contracted: int) -> bool:
        """Whether a product contracts all that its operand has, as far as is known."""
        operand = self.known.get(self.graph.flat.reads(owner)[1])
        return operand is None or len(operand) == contracted


def _sliced(owner: Function, shape: Shape) -> Shape | None:
    begin, end = owner.attributes.get("beginIndex"), owner.attributes.get("endIndex")
    axis, stride = owner.attributes.get("axis"), owner.attributes.get("sliceStrides", 1)
    if not (isinstance(begin, int) and isinstance(end, int) and stride == 1):
        return None
    column = axis.index if isinstance(axis, Axis) else 0
    place = len(shape) - 1 - (column if column >= 0 else column + len(shape))
    if not 0 <= place < len(shape):
        return None
    size = len(range(shape[place])[begin : end or None])
    return (*shape[:place], size, *shape[place + 1 :])


def _spliced(owner: Function, shapes: list[Shape]) -> Shape | None:
    axis = owner.attributes.get("axis")
    index = axis.index if isinstance(axis, Axis) else -1
    rank = max(map(len, shapes))
    if not 0 <= index < rank or any(len(one) != rank for one in shapes):
        return None
    place = rank - 1 - index
    total = sum(one[place] for one in shapes)
    return (*shapes[0][:place], total, *shapes[0][place + 1 :])
