"""Joining values (Source/ComputationNetworkLib/ReshapingNodes.h's RowStackNode)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.frameworks.cntk.importer.operand import Operand, spread, union
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op


@importer("Splice", doc=f"{API}/cntk.ops#splice")
def splice(f: ImportedFunction, op: Op, *operands: Operand) -> Operand:
    """Along an axis, or a new one before all others; other axes of 1 are repeated."""
    axis = f.get("axis", Axis)
    axes = union(operands)
    rank = max(one.rank for one in operands)
    if axis.is_dynamic:
        f.refuse("it joins sequences")
    if axis.index > graph.MAX_AXES:
        f.refuse(f"it joins along the axis {axis}")
    rank = max(rank, axis.index + 1)
    place = len(axes) + axis.position(rank)
    values = [spread(op, one, axes, rank) for one in operands]
    values = _repeated(op, values, place, len(axes) + rank)
    return Operand(op.Concat(*values, axis=place), axes)


def _repeated(op: Op, values: list[ir.Value], place: int, rank: int) -> list[ir.Value]:
    """Values that agree on all axes but one."""
    dims = [list(value.shape or []) for value in values]
    wanted = [next((d[axis] for d in dims if d[axis] != 1), 1) for axis in range(rank)]
    found = []
    for value, own in zip(values, dims, strict=True):
        short = [a for a in range(rank) if a != place and own[a] == 1 and wanted[a] != 1]
        found.append(_expanded(op, value, short, values, wanted) if short else value)
    return found


def _expanded(
    op: Op, value: ir.Value, short: list[int], values: list[ir.Value], wanted: list[Any]
) -> ir.Value:
    parts: list[Any] = []
    for axis, size in enumerate(wanted):
        if axis not in short:
            parts.append(np.array([1], np.int64))
        elif isinstance(size, int):
            parts.append(np.array([size], np.int64))
        else:
            like = next(v for v in values if (v.shape or [])[axis] == size)
            parts.append(op.Shape(like, start=axis, end=axis + 1))
    made = op.Expand(value, op.Concat(*parts, axis=0))
    made.shape = ir.Shape(
        [wanted[a] if a in short else dim for a, dim in enumerate(value.shape or [])]
    )
    return made
