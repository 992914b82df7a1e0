"""Comparisons, truth values, and choosing by them; 0 is false, anything else is true."""

from __future__ import annotations

from mmdnn.frameworks.cntk._operators import COMPARISONS
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import formula, inside
from mmdnn.frameworks.cntk.exporter.markers import Inside
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.ir.exporting import ExportedNode

GUARDED = {
    "Reciprocal(x)": "Where(Equal(x, 0), 0, Reciprocal(x))",
    "Log(x)": "Where(Less(x, 1e-37), -85.1, Log(x))",
    "StraightThrough(x)": "Where(Greater(x, 0), 1, -1)",
    "Pow(x, y)": "Where(And(Equal(x, 0), Less(y, 0)), 0, Pow(x, y))",
    "Select(flag, x, y)": "Where(Cast(flag), x, y)",
}
"""CNTK's own arithmetic with its guards, as the IR spells it out. Any number but 0 is true in CNTK too."""


@exporter(*COMPARISONS, doc=f"{API}/cntk.ops#less")
def comparison(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    return cntk[COMPARISONS[node.type]](x, y)


@exporter("IsNaN", doc=f"{API}/cntk.ops#not_equal")
def is_nan(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return cntk.NotEqual(x, x)


@exporter("Not", doc=f"{API}/cntk.ops#element_not")
def not_(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    """Not equal is a function of its own."""
    found = cntk.matched("Not(Equal(x, y))")
    return cntk.NotEqual(found["x"], found["y"]) if found else inside(cntk, "Not", x)


@exporter("And", "Or", "Xor", doc=f"{API}/cntk.ops#element_and")
def logic(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    return inside(cntk, node.type, x, y)


@exporter("Where", doc=f"{API}/cntk.ops#element_select")
def where(node: ExportedNode, cntk: CNTK, flag: Operand, x: Operand, y: Operand) -> Operand:
    """What CNTK masks itself needs no mask."""
    if isinstance(flag, Inside):
        return x
    for text, spelled in GUARDED.items():
        if found := cntk.matched(spelled):
            return formula(cntk, text, **found)
    return cntk.Select(flag, x, y)
