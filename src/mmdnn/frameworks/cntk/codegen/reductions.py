"""Reductions as calls of CNTK's Python functions."""

from __future__ import annotations

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, literal
from mmdnn.frameworks.cntk.codegen.table import Node, printer, python_axis
from mmdnn.frameworks.cntk.graph import ALL, ALL_STATIC, Axis

REDUCTIONS = {
    "Sum": "C.reduce_sum", "Mean": "C.reduce_mean", "Max": "C.reduce_max", "Min": "C.reduce_min",
    "Prod": "C.reduce_prod", "LogSum": "C.reduce_log_sum_exp",
    "Argmax": "C.argmax", "Argmin": "C.argmin",
}  # fmt: skip


def is_whole(axes: list[Axis]) -> bool:
    """Whether the axes of a reduction are all, so that Python's functions keep none."""
    return len(axes) == 1 and axes[0].index in (ALL_STATIC, ALL)


def python_axes(axes: list[Axis], node: Node) -> Raw | None:
    """Axes of a reduction as an argument; None where they are all static ones."""
    if len(axes) == 1:
        return None if axes[0].index == ALL_STATIC else python_axis(axes[0], node)
    return Raw(f"[{', '.join(python_axis(axis, node).text for axis in axes)}]")


@printer("ReduceElements")
def _reduce_elements(node: Node, x: Expr) -> Call:
    """Python's functions put blocks around it; over all axes none is kept."""
    reduction = node.take("reductionOpName")
    if reduction not in REDUCTIONS:
        node.refuse(f"there is no reduction '{reduction}'")
    keep = node.take("reductionKeepDimensions", True)
    axes = node.take("axisVec", None) or [node.take("axis")]
    written = python_axes(axes, node)
    whole = is_whole(axes)
    if whole == keep and (whole or reduction in ("Argmax", "Argmin")):
        node.refuse("it keeps the axes that it reduces, or drops them, as Python's does not")
    drops = literal(False) if not keep and not whole else None
    return node.call(REDUCTIONS[reduction], x, axis=written, keepdims=drops)
