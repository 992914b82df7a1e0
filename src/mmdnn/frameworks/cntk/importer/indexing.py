"""Operators that choose by place (ReshapingNodes.h, LinearAlgebraNodes.h, DeprecatedNodes.h)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.frameworks.cntk.importer.elementwise import dtype_of
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.reduction import reduced_axes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op


@importer("Gather", doc=f"{API}/cntk.ops#gather")
def gather(f: ImportedFunction, op: Op, places: Operand, x: Operand) -> Operand:
    """Along the first static axis: [*places, *x without its first]."""
    if f.get("axis", Axis, default=Axis(-1)).position(x.rank) != 0:
        f.refuse("it picks along another axis than the first")
    whole = op.Cast(places.value, to=ir.DataType.INT64)
    if not x.axes:
        return Operand(op.Gather(x.value, whole, axis=0), places.axes)
    if places.axes != x.axes:
        f.refuse("its operands have different dynamic axes")
    each = op.Unsqueeze(whole, [places.leading + places.rank])
    return Operand(op.GatherND(x.value, each, batch_dims=x.leading), x.axes)


_MOST_CLASSES = 1 << 22


@importer("OneHot", doc=f"{API}/cntk.ops#one_hot")
def one_hot(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """A class beyond the number of classes is all 0; so is a negative one."""
    count, axis = f.get("numClass", int), f.get("onehotAxis", Axis)
    f.get("oneHotOutputSparse", bool, default=False)
    if not 0 < count <= _MOST_CLASSES:
        f.refuse(f"it has {count} classes")
    place = x.leading + axis.position(x.rank + 1)
    shape = [1] * (x.leading + x.rank + 1)
    shape[place] = count
    classes = np.arange(count, dtype=np.int64).reshape(shape)
    whole = op.Unsqueeze(op.Cast(op.Floor(x.value), to=ir.DataType.INT64), [place])
    return op.Cast(op.Equal(whole, classes), to=dtype_of(x.value))


@importer("TopK", doc=f"{API}/cntk.ops#top_k")
def top_k(f: ImportedFunction, op: Op, x: Operand) -> list[ir.Value]:
    """The largest numbers and their places, largest first."""
    count = f.get("numItems", int)
    (axis,) = reduced_axes(f, x)
    values, places = op.outputs(2).TopK(x.value, [count], axis=axis)
    return [values, op.Cast(places, to=dtype_of(x.value))]


@importer("Slice", doc=f"{API}/cntk.ops#slice")
def slice_(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
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
    value = op.Slice(x.value, begins, ends, places, forward)
    turned = [(place, step) for place, step in zip(places, strides, strict=True) if step < 0]
    if turned:
        backwards = [place for place, _ in turned]
        steps = [step for _, step in turned]
        count = len(turned)
        value = op.Slice(value, [-1] * count, [-_END] * count, backwards, steps)
    return value


@importer("Crop", doc=f"{API}/cntk.ops#crop_manual")
def crop(f: ImportedFunction, op: Op, x: Operand, like: Operand, *nodes: Operand) -> ir.Value:
    """The last two axes as large as another operand's, from (x, y) on."""
    if nodes or not f.has("offset"):
        f.refuse("it works out itself where it crops")
    columns, rows = (int(place) for place in f.get("offset", list))
    height, width = sizes(like)[-2:]
    last = x.leading + x.rank
    return op.Slice(
        x.value, [rows, columns], [rows + height, columns + width], [last - 2, last - 1]
    )


_END = np.iinfo(np.int64).max
