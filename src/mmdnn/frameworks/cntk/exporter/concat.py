"""Operators that join values, and split them (Source/ComputationNetworkLib/ReshapingNodes.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmdnn.frameworks.cntk.exporter.axes import differ
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import BATCH, FREE
from mmdnn.ir.exporting import ExportedNode


@exporter("Concat", doc=f"{API}/cntk.ops#splice")
def concat(node: ExportedNode, cntk: CNTK, *parts: Operand, axis: int) -> Operand:
    position = node.front(axis, parts[0].rank)
    kept = [part for part in parts if 0 not in part.shape] or [parts[0]]
    if len(kept) == 1:
        return kept[0]
    kept = unified(cntk, kept, position)
    for axis, sizes in enumerate(zip(*(part.dims for part in kept), strict=True)):
        others = set(sizes) - {FREE}
        if axis != position and FREE in sizes and others:
            node.refuse(f"axis {axis} is open in one input, and {others.pop()} in another")
    return cntk.splice(kept, position)


def unified(cntk: CNTK, parts: Sequence[Operand], position: int) -> list[Operand]:
    """Operands of one layout, in which an axis is static."""
    layouts = {part.layout for part in parts}
    if len(layouts) == 1 and parts[0].layout[position] is None:
        return list(parts)
    batched = position > 0 and any(part.is_batched for part in parts)
    if batched and all(part.tensor is None for part in parts) and not differ(parts):
        return [cntk.batched(part) for part in parts]
    if batched and all(part.is_batched or part.dims[0] == 1 for part in parts):
        rank = parts[0].rank
        layout: Layout = (BATCH, *[None] * (rank - 1))
        return [
            part if part.is_batched else cntk.viewed(cntk.squeezed(part, [0]), layout)
            for part in parts
        ]
    return [cntk.unbatched(part) for part in parts]


@exporter("Split", doc=f"{API}/cntk.ops#slice", unused="num_outputs")
def split(
    node: ExportedNode, cntk: CNTK, x: Operand, given: Operand | None = None, *, axis: int
) -> list[Operand]:
    x, position = cntk.static(x, axis)
    size, count = cntk.size(x, position), len(node.node.outputs)
    step = -(-size // count)
    parts = (
        node.ints(given, "parts")
        if given is not None
        else [min(step, size - i * step) for i in range(count)]
    )
    ends = np.cumsum(parts).tolist()
    return [
        cntk.cut(x, position, end - length, end) for end, length in zip(ends, parts, strict=True)
    ]
