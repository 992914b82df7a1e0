"""Comparison, logic and choice."""

from __future__ import annotations

from mmdnn.frameworks.pytorch.exporter.table import (
    ExportedNode,
    Writer,
    exporter,
    functions,
    symbols,
)
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import Raw

functions({"IsNaN": "torch.isnan"})
symbols(
    {
        "And": "&",
        "Or": "|",
        "Xor": "^",
        "Equal": "==",
        "Greater": ">",
        "GreaterOrEqual": ">=",
        "Less": "<",
        "LessOrEqual": "<=",
    }
)


@exporter("Not", doc="Not")
def not_(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.unary("~", x)


@exporter("Where", doc="Where")
def where(
    _node: ExportedNode, torch: Writer, condition: Variable, a: Variable, b: Variable
) -> Code:
    return torch.call("torch.where", condition, torch.scalar(a, b), torch.scalar(b, a))


@exporter("IsInf", doc="IsInf")
def is_inf(
    _node: ExportedNode, torch: Writer, x: Variable, *, detect_negative: int, detect_positive: int
) -> Code:
    signs = (bool(detect_negative), bool(detect_positive))
    if not any(signs):
        return torch.call("torch.zeros_like", x, dtype=Raw("torch.bool"))
    names = {(True, True): "isinf", (True, False): "isneginf", (False, True): "isposinf"}
    return torch.call(f"torch.{names[signs]}", x)
