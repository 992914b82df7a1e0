"""Operators that change a shape or the order of axes (Source/ComputationNetworkLib/ReshapingNodes.h)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Axis, Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Dimension, NeedsStatic, Op


@importer("Reshape", doc=f"{API}/cntk.ops#reshape")
def reshape(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    """Some axes become others; `beginAxis` and `endAxis` count from the last one."""
    new = list(f.get("newShape", Shape))
    begin = _column(f, f.get("beginAxis", Axis, default=Axis(0)), x.rank)
    end = _column(f, f.get("endAxis", Axis, default=Axis(graph.END_STATIC)), x.rank)
    if begin > end:
        f.unfit(f"its axes {begin} to {end} are none")
    before, after = x.shape[: x.rank - end], x.shape[x.rank - begin :]
    if sum(size == graph.INFERRED for size in new) > 1:
        f.unfit(f"it cannot work out {new}")
    if graph.FREE in new:
        f.refuse("it leaves a size open")
    inferred = graph.INFERRED in new
    shape = [*[0] * (x.leading + len(before)), *new, *_known(x, after, inferred)]
    if 0 in new:
        f.refuse("it makes an axis of size 0")
    return Operand(op.Reshape(x.value, shape), x.axes)


def _known(x: Operand, dims: tuple[Dimension, ...], inferred: bool) -> list[int]:
    """Sizes as numbers; one that is open may be left to be worked out."""
    found: list[int] = []
    for dim in dims:
        if isinstance(dim, int):
            found.append(dim)
        elif inferred:
            raise NeedsStatic(x.value.name, [dim] if dim else [])
        else:
            inferred = True
            found.append(-1)
    return found


def _column(f: ImportedFunction, axis: Axis, rank: int) -> int:
    if axis.index == graph.END_STATIC:
        return rank
    column = axis.index if axis.index >= 0 else axis.index + rank
    if not 0 <= column <= rank:
        f.refuse(f"an operand of rank {rank} has no axis {axis}")
    return column


@importer("TransposeAxes", doc=f"{API}/cntk.ops#transpose")
def transpose_axes(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """A permutation, or two axes that change places."""
    order = list(range(x.leading + x.rank))
    if f.has("axisVec"):
        for place, axis in enumerate(f.axes()):
            order[x.position(Axis(place))] = x.position(axis)
    else:
        one, other = x.position(f.get("axis1", Axis)), x.position(f.get("axis2", Axis))
        order[one], order[other] = order[other], order[one]
    return op.Transpose(x.value, perm=order)


@importer("Squeeze", doc=f"{API}/cntk.ops#squeeze")
def squeeze(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """The axes given, or all of size 1."""
    if f.has("axisVec") or f.has("axis"):
        places = [x.position(axis) for axis in f.axes()]
    else:
        places = [x.leading + place for place, size in enumerate(sizes(x)) if size == 1]
    return op.Squeeze(x.value, places) if places else op.Identity(x.value)
