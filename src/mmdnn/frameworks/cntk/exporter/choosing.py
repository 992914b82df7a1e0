"""Truth values, and choosing between numbers; 0 is false, anything else is true."""

from __future__ import annotations

from mmdnn.frameworks.cntk.exporter.guarded import GUARDED, made_by
from mmdnn.frameworks.cntk.exporter.markers import Inside
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writing import Writing


@exporter("Not", doc=f"{API}/cntk.ops#element_not")
def not_(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """Not equal is a function of its own."""
    equal = made_by(x.value, "Equal")
    if equal is not None:
        return cntk.NotEqual(*(cntk.operand(one) for one in equal.inputs if one is not None))
    with cntk.block("Not"):
        above = cntk.Greater(x, cntk.number(0, x))
        return cntk.Plus(cntk.Negate(above), cntk.number(1, x))


_LOGIC = {"And": "ElementTimes", "Or": "Plus"}


@exporter("And", "Or", "Xor", doc=f"{API}/cntk.ops#element_and")
def logic(node: Exporting, cntk: Writing, x: Operand, y: Operand) -> Operand:
    zero = cntk.number(0, x)
    with cntk.block(node.type):
        flags = cntk.Greater(x, zero), cntk.Greater(y, zero)
        if node.type == "Xor":
            return cntk.NotEqual(*flags)
        return cntk.Greater(getattr(cntk, _LOGIC[node.type])(*flags), zero)


@exporter("Where", doc=f"{API}/cntk.ops#element_select")
def where(node: Exporting, cntk: Writing, flag: Operand, x: Operand, y: Operand) -> Operand:
    """Any number but 0 is true in CNTK too. What CNTK masks itself needs no mask."""
    if isinstance(flag, Inside):
        return x
    for op, match in GUARDED.items():
        if found := match(node.node):
            return getattr(cntk, op)(*map(cntk.operand, found))
    cast = flag.producer("Cast")
    if cast is not None and cast.inputs[0] is not None and node.node.inputs[0] is not None:
        flag = cntk.operand(cast.inputs[0])
    return cntk.Select(flag, x, y)


@exporter("Max", "Min", doc=f"{API}/cntk.ops#element_max")
def extreme(node: Exporting, cntk: Writing, *operands: Operand) -> Operand:
    clipped = _clipped(node, cntk)
    if clipped is not None:
        return clipped
    made, *rest = operands
    for one in rest:
        made = larger(cntk, made, one) if node.type == "Max" else smaller(cntk, made, one)
    return made


def _clipped(node: Exporting, cntk: Writing) -> Operand | None:
    """CNTK's own `Clip` by tensors: Min(Max(x, low), high)."""
    most = made_by(node.node.inputs[0], "Max")
    if not (cntk.is_own and node.source_type == "Clip") or most is None or node.type != "Min":
        return None
    values = [*most.inputs, node.node.inputs[1]]
    x, low, high = (cntk.operand(one) for one in values if one is not None)
    return cntk.make("Clip", x, low, high, shape=x.shape)


def larger(cntk: Writing, x: Operand, y: Operand) -> Operand:
    """The larger of two."""
    with cntk.block("ElementMax"):
        return cntk.Select(cntk.Greater(x, y), x, y)


def smaller(cntk: Writing, x: Operand, y: Operand) -> Operand:
    """The smaller of two."""
    with cntk.block("ElementMin"):
        return cntk.Select(cntk.Less(x, y), x, y)


@exporter("Clip", doc=f"{API}/cntk.ops#clip")
def clip(
    node: Exporting,
    cntk: Writing,
    x: Operand,
    low: Operand | None = None,
    high: Operand | None = None,
) -> Operand:
    if low is None or high is None:
        x = x if low is None else larger(cntk, x, low)
        return x if high is None else smaller(cntk, x, high)
    least, most = low.numbers(), high.numbers()
    if least is None or most is None or least > most:
        return smaller(cntk, larger(cntk, x, low), high)
    return cntk.make("Clip", x, low, high, shape=x.shape)
