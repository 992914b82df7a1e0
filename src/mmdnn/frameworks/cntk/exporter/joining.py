"""Operators that cut and join values (Source/ComputationNetworkLib/ReshapingNodes.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.picking import picked
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writing import Writing
from mmdnn.frameworks.cntk.graph import BATCH, FREE


@exporter("Concat", doc=f"{API}/cntk.ops#splice")
def concat(node: Exporting, cntk: Writing, *parts: Operand) -> Operand:
    position = node.position("axis", 1, parts[0].rank)
    kept = [part for part in parts if 0 not in part.shape] or [parts[0]]
    if len(kept) == 1:
        return kept[0]
    return cntk.splice(unified(cntk, kept, position), position)


def unified(cntk: Writing, parts: Sequence[Operand], position: int) -> list[Operand]:
    """Operands of one layout, in which an axis is static."""
    layouts = {part.layout for part in parts}
    if len(layouts) == 1 and parts[0].layout[position] is None:
        return list(parts)
    batched = position > 0 and any(part.is_batched for part in parts)
    if batched and all(part.tensor is None for part in parts):
        return [cntk.batched(part) for part in parts]
    if batched and all(part.is_batched or part.dims[0] == 1 for part in parts):
        rank = parts[0].rank
        layout: Layout = (BATCH, *[None] * (rank - 1))
        return [
            part if part.is_batched else cntk.viewed(cntk.squeezed(part, [0]), layout)
            for part in parts
        ]
    return [cntk.unbatched(part) for part in parts]


@exporter("Split", doc=f"{API}/cntk.ops#slice")
def split(
    node: Exporting, cntk: Writing, x: Operand, given: Operand | None = None
) -> list[Operand]:
    position = node.position("axis", 0, x.rank)
    node.ignore("num_outputs")
    x = cntk.unbatched(x) if x.layout[position] is not None else x
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


@exporter("Slice", doc=f"{API}/cntk.ops#slice")
def slice_(
    node: Exporting,
    cntk: Writing,
    x: Operand,
    starts: Operand,
    ends: Operand,
    axes: Operand | None = None,
    steps: Operand | None = None,
) -> Operand:
    begins, stops = node.ints(starts, "begin"), node.ints(ends, "end")
    which = node.ints(axes, "axes") if axes is not None else list(range(len(begins)))
    strides = node.ints(steps, "steps") if steps is not None else [1] * len(begins)
    for axis, begin, stop, step in zip(which, begins, stops, strides, strict=True):
        position = node.front(axis, x.rank)
        if (begin, step) == (0, 1) and stop >= 1 << 31:
            continue
        x = cntk.unbatched(x) if x.layout[position] is not None else x
        x = sliced(node, cntk, x, position, slice(begin, stop, step))
    return x


def sliced(node: Exporting, cntk: Writing, x: Operand, position: int, where: slice) -> Operand:
    """A slice as Python has it, of a static axis; backwards by a second one."""
    if x.dims[position] == FREE:
        return _of_open(node, cntk, x, position, where)
    found = range(*where.indices(cntk.size(x, position)))
    if not found:
        node.refuse("nothing is left of its input")
    first, last = sorted((found[0], found[-1]))
    x = cntk.cut(x, position, first, last + 1, abs(found.step))
    return x if found.step > 0 or len(found) == 1 else cntk.cut(x, position, 0, len(found), -1)


def _of_open(node: Exporting, cntk: Writing, x: Operand, position: int, where: slice) -> Operand:
    """The last elements of an axis of open size, or elements counted from its front."""
    to_end = where.stop >= 1 << 31
    if where.step == 1 and where.start < 0 and to_end:
        return cntk.cut(x, position, where.start, 0)
    if where.step == 1 and 0 <= where.start < where.stop and not to_end:
        rows = np.arange(where.start, where.stop, dtype=x.dtype.numpy())
        return picked(cntk, x, position, cntk.constant(rows))
    return node.refuse(f"the size of axis {position} is open")
