"""Comparisons, truth values, and choosing by them; 0 is false, anything else is true."""

from __future__ import annotations

from mmdnn.frameworks.cntk.exporter.guards import GUARDED
from mmdnn.frameworks.cntk.exporter.insides import inside
from mmdnn.frameworks.cntk.exporter.markers import Inside
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, ExportedNode, exporter
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.ir.values import producer

COMPARING = {
    "Less": "Less",
    "LessOrEqual": "LessEqual",
    "Greater": "Greater",
    "GreaterOrEqual": "GreaterEqual",
    "Equal": "Equal",
}


@exporter(*COMPARING, doc=f"{API}/cntk.ops#less")
def comparison(node: ExportedNode, cntk: Writer, x: Operand, y: Operand) -> Operand:
    return cntk[COMPARING[node.type]](x, y)


@exporter("IsNaN", doc=f"{API}/cntk.ops#not_equal")
def is_nan(node: ExportedNode, cntk: Writer, x: Operand) -> Operand:
    return cntk.NotEqual(x, x)


@exporter("Not", doc=f"{API}/cntk.ops#element_not")
def not_(node: ExportedNode, cntk: Writer, x: Operand) -> Operand:
    """Not equal is a function of its own."""
    equal = producer(x.value, "Equal")
    if equal is not None:
        return cntk.NotEqual(*(cntk.operand(one) for one in equal.inputs if one is not None))
    return inside(cntk, "Not", x)


@exporter("And", "Or", "Xor", doc=f"{API}/cntk.ops#element_and")
def logic(node: ExportedNode, cntk: Writer, x: Operand, y: Operand) -> Operand:
    return inside(cntk, node.type, x, y)


@exporter("Where", doc=f"{API}/cntk.ops#element_select")
def where(node: ExportedNode, cntk: Writer, flag: Operand, x: Operand, y: Operand) -> Operand:
    """Any number but 0 is true in CNTK too. What CNTK masks itself needs no mask."""
    if isinstance(flag, Inside):
        return x
    for op, match in GUARDED.items():
        if found := match(node.node):
            return cntk[op](*map(cntk.operand, found))
    cast = flag.producer("Cast")
    if cast is not None and cast.inputs[0] is not None and node.node.inputs[0] is not None:
        flag = cntk.operand(cast.inputs[0])
    return cntk.Select(flag, x, y)
