"""Broadcasting: ONNX counts the batch among a value's axes, CNTK does not."""

from __future__ import annotations

from collections.abc import Sequence

from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.graph import FREE, Axis


def joint_layout(operands: Sequence[Operand]) -> Layout | None:
    """The layout of what these broadcast to; None where an axis is dynamic in one, not in another."""
    rank = max((one.rank for one in operands), default=0)
    layout: list[Axis | None] = []
    for back in range(rank, 0, -1):
        dims = {one.dims[-back] for one in operands if one.rank >= back}
        dynamic = {dim for dim in dims if isinstance(dim, Axis)}
        if len(dynamic) > 1 or (dynamic and not dims <= {1, *dynamic}):
            return None
        layout.append(dynamic.pop() if dynamic else None)
    taken = [axis for axis in layout if axis is not None]
    return tuple(layout) if len(set(taken)) == len(taken) else None


def could_be_batched(one: Operand, others: Sequence[Operand]) -> bool:
    """Whether it is static and computed, and its first axis stands where another's batch does."""
    if not one.is_static or one.tensor is not None:
        return False
    return any(
        other.is_batched and other.rank == one.rank and not differ([one, other]) for other in others
    )


def differ(operands: Sequence[Operand]) -> bool:
    """Whether their first axes are known to be of several sizes: those are no one batch."""
    sizes = [
        one.value.shape[0]
        if one.is_batched and one.value is not None and one.value.shape
        else next(iter(one.dims), None)
        for one in operands
    ]
    return len({size for size in sizes if isinstance(size, int) and size != FREE}) > 1


def ones_beside(layout: Layout, one: Operand) -> list[int]:
    """The operand's static axes that stand beside dynamic ones of the result."""
    first = len(layout) - one.rank
    return [
        position
        for position, axis in enumerate(one.layout)
        if axis is None and layout[first + position] is not None
    ]
