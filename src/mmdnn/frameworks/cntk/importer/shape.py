"""Operators that move numbers (Source/ComputationNetworkLib/ReshapingNodes.h)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Axis, Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes, union
from mmdnn.frameworks.cntk.importer.pointwise import dtype_of
from mmdnn.frameworks.cntk.importer.table import API, Importing, importer
from mmdnn.ir.builder import Dimension, NeedsStatic

_END = np.iinfo(np.int64).max


@importer("Reshape", doc=f"{API}/cntk.ops#reshape")
def reshape(f: Importing, op: Any, x: Operand) -> Operand:
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


def _column(f: Importing, axis: Axis, rank: int) -> int:
    if axis.index == graph.END_STATIC:
        return rank
    column = axis.index if axis.index >= 0 else axis.index + rank
    if not 0 <= column <= rank:
        f.refuse(f"an operand of rank {rank} has no axis {axis}")
    return column


@importer("TransposeAxes", doc=f"{API}/cntk.ops#transpose")
def transpose_axes(f: Importing, op: Any, x: Operand) -> ir.Value:
    """A permutation, or two axes that change places."""
    order = list(range(x.leading + x.rank))
    if f.has("axisVec"):
        for place, axis in enumerate(f.axes()):
            order[x.position(Axis(place))] = x.position(axis)
    else:
        one, other = x.position(f.get("axis1", Axis)), x.position(f.get("axis2", Axis))
        order[one], order[other] = order[other], order[one]
    return op.Transpose(x.value, perm=order)


@importer("Slice", doc=f"{API}/cntk.ops#slice")
def slice_(f: Importing, op: Any, x: Operand) -> ir.Value:
    """An end of 0 is the end; a negative stride walks the range backwards."""
    if f.has("axisVec"):
        names = ("beginIndexVec", "endIndexVec", "sliceStridesVec")
        begins, ends, strides = (list(f.get(name, list)) for name in names)
    else:
        begins, ends = [f.get("beginIndex", int)], [f.get("endIndex", int)]
        strides = [f.get("sliceStrides", int, default=1)]
    axes = f.axes()
    if any(axis.is_dynamic for axis in axes):
        f.refuse("it cuts a sequence that is still packed")
    places = [x.position(axis) for axis in axes]
    ends = [end or _END for end in ends]
    forward = [max(step, 1) for step in strides]
    value: ir.Value = op.Slice(x.value, begins, ends, places, forward)
    turned = [(place, step) for place, step in zip(places, strides, strict=True) if step < 0]
    if turned:
        backwards = [place for place, _ in turned]
        steps = [step for _, step in turned]
        count = len(turned)
        value = op.Slice(value, [-1] * count, [-_END] * count, backwards, steps)
    return value


@importer("Splice", doc=f"{API}/cntk.ops#splice")
def splice(f: Importing, op: Any, *operands: Operand) -> Operand:
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
    values = [_padded(op, one, axes, rank) for one in operands]
    values = _repeated(op, values, place, len(axes) + rank)
    return Operand(op.Concat(*values, axis=place), axes)


def _padded(op: Any, x: Operand, axes: tuple[Axis, ...], rank: int) -> ir.Value:
    """All axes there, those that are missing of size 1."""
    missing = [place for place, axis in enumerate(axes) if axis not in x.axes]
    missing += [len(axes) + place for place in range(rank - x.rank)]
    value: ir.Value = op.Unsqueeze(x.value, missing) if missing else x.value
    return value


def _repeated(op: Any, values: list[ir.Value], place: int, rank: int) -> list[ir.Value]:
    """Values that agree on all axes but one."""
    dims = [list(value.shape or []) for value in values]
    wanted = [next((d[axis] for d in dims if d[axis] != 1), 1) for axis in range(rank)]
    found = []
    for value, own in zip(values, dims, strict=True):
        short = [a for a in range(rank) if a != place and own[a] == 1 and wanted[a] != 1]
        found.append(_expanded(op, value, short, values, wanted) if short else value)
    return found


def _expanded(
    op: Any, value: ir.Value, short: list[int], values: list[ir.Value], wanted: list[Any]
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
    made: ir.Value = op.Expand(value, op.Concat(*parts, axis=0))
    made.shape = ir.Shape(
        [wanted[a] if a in short else dim for a, dim in enumerate(value.shape or [])]
    )
    return made


@importer("Squeeze", doc=f"{API}/cntk.ops#squeeze")
def squeeze(f: Importing, op: Any, x: Operand) -> ir.Value:
    """The axes given, or all of size 1."""
    if f.has("axisVec") or f.has("axis"):
        places = [x.position(axis) for axis in f.axes()]
    else:
        places = [x.leading + place for place, size in enumerate(sizes(x)) if size == 1]
    made: ir.Value = op.Squeeze(x.value, places) if places else op.Identity(x.value)
    return made


PADDING = {0: "constant", 1: "reflect"}
_SYMMETRIC = 2


@importer("Pad", doc=f"{API}/cntk.ops#pad")
def pad(f: Importing, op: Any, x: Operand) -> ir.Value:
    """Column-major lists of what comes before and after each axis."""
    before, after = (list(reversed(f.get(n, list))) for n in ("paddingHead", "paddingFoot"))
    mode, number = f.get("paddingMode", int), f.get("paddingConstantValue", float)
    none = [0] * x.leading
    if mode == _SYMMETRIC:
        return _mirrored(op, x, before, after)
    if mode not in PADDING:
        f.refuse(f"the padding mode {mode} is not known")
    pads = [*none, *before, *none, *after]
    fill = np.asarray(number, dtype_of(x.value).numpy()) if mode == 0 else None
    return op.Pad(x.value, pads, fill, mode=PADDING[mode])


def _mirrored(op: Any, x: Operand, before: list[int], after: list[int]) -> ir.Value:
    """The edge itself is repeated as well."""
    value = x.value
    for axis, size in enumerate(sizes(x)):
        if before[axis] or after[axis]:
            order = np.pad(np.arange(size), (before[axis], after[axis]), "symmetric")
            value = op.Gather(value, order, axis=x.leading + axis)
    return value


@importer("Crop", doc=f"{API}/cntk.ops#crop_manual")
def crop(f: Importing, op: Any, x: Operand, like: Operand, *nodes: Operand) -> ir.Value:
    """The last two axes as large as another operand's, from (x, y) on."""
    if nodes or not f.has("offset"):
        f.refuse("it works out itself where it crops")
    columns, rows = (int(place) for place in f.get("offset", list))
    height, width = sizes(like)[-2:]
    last = x.leading + x.rank
    return op.Slice(
        x.value, [rows, columns], [rows + height, columns + width], [last - 2, last - 1]
    )
