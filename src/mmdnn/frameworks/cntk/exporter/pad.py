"""Padding (Source/ComputationNetworkLib/ReshapingNodes.h)."""

from __future__ import annotations

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.ir.exporting import ExportedNode

MODES = {"constant": 0, "reflect": 1}
"""CNTK::PaddingMode."""


@exporter("Pad", doc=f"{API}/cntk.ops#pad")
def pad(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    pads: Operand,
    value: Operand | None = None,
    axes: Operand | None = None,
    *,
    mode: str,
) -> Operand:
    """Negative padding cuts; the edge is repeated by hand."""
    amounts = node.ints(pads, "padding")
    which = node.ints(axes, "axes") if axes is not None else list(range(x.rank))
    number = 0.0 if value is None else float(node.numbers(value, "value").reshape(-1)[0])
    if mode not in {*MODES, "edge", "wrap"}:
        node.refuse(f"its mode is {mode}")
    around: dict[int, tuple[int, int]] = {}
    for place, axis in enumerate(which):
        begin, end = amounts[place], amounts[place + len(which)]
        if not (begin or end):
            continue
        x, position = cntk.static(x, axis)
        if min(begin, end) < 0:
            size = cntk.size(x, position)
            x = cntk.cut(x, position, max(-begin, 0), size + min(end, 0))
        around[position] = (max(begin, 0), max(end, 0))
    if mode in MODES:
        return cntk.padded(x, around, number, MODES[mode])
    for position, (begin, end) in around.items():
        x = _surrounded(cntk, x, position, begin, end, mode)
    return x


def _surrounded(cntk: CNTK, x: Operand, position: int, begin: int, end: int, mode: str) -> Operand:
    size = cntk.size(x, position)
    if mode == "edge":
        first, last = cntk.cut(x, position, 0, 1), cntk.cut(x, position, size - 1, size)
        return cntk.splice([*[first] * begin, x, *[last] * end], position)
    if max(begin, end) > size:
        cntk.node.refuse("it wraps around more than once")
    before = [cntk.cut(x, position, size - begin, size)] if begin else []
    behind = [cntk.cut(x, position, 0, end)] if end else []
    return cntk.splice([*before, x, *behind], position)
