"""Operators that choose by place (ReshapingNodes.h, LinearAlgebraNodes.h, DeprecatedNodes.h)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Axis, Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.pointwise import dtype_of, number
from mmdnn.frameworks.cntk.importer.reduction import reduced_axes
from mmdnn.frameworks.cntk.importer.table import API, Importing, importer


@importer("Gather", doc=f"{API}/cntk.ops#gather")
def gather(f: Importing, op: Any, places: Operand, x: Operand) -> Operand:
    """Along the first static axis: [*places, *x without its first]."""
    whole = op.Cast(places.value, to=ir.DataType.INT64)
    if not x.axes:
        return Operand(op.Gather(x.value, whole, axis=0), places.axes)
    if places.axes != x.axes:
        f.refuse("its operands have different dynamic axes")
    each = op.Unsqueeze(whole, [places.leading + places.rank])
    return Operand(op.GatherND(x.value, each, batch_dims=x.leading), x.axes)


_MOST_CLASSES = 1 << 22


@importer("OneHot", doc=f"{API}/cntk.ops#one_hot")
def one_hot(f: Importing, op: Any, x: Operand) -> ir.Value:
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
def top_k(f: Importing, op: Any, x: Operand) -> list[ir.Value]:
    """The largest numbers and their places, largest first."""
    count = f.get("numItems", int)
    (axis,) = reduced_axes(f, x)
    values, places = op.TopK(x.value, [count], axis=axis, outputs=2)
    return [values, op.Cast(places, to=dtype_of(x.value))]


@importer("CosDistance", doc=f"{API}/cntk.ops#cosine_distance")
def cosine(f: Importing, op: Any, x: Operand, y: Operand) -> Operand:
    """The cosine over all static axes, one number a sample; 0 where an operand is 0."""
    axes, (one, other) = align(op, [x, y])
    places = list(range(len(axes), len(axes) + max(x.rank, y.rank)))
    product = op.ReduceSum(op.Mul(one, other), places, keepdims=0)
    lengths = [op.ReduceL2(value, places, keepdims=0) for value in (one, other)]
    divisor = op.Mul(*lengths)
    zero = number(divisor, 0)
    return Operand(op.Where(op.Equal(divisor, zero), zero, op.Div(product, divisor)), axes)


@importer("Constant", doc=f"{API}/cntk.ops#zeros_like")
def constant(f: Importing, op: Any, like: Operand | None = None) -> Operand:
    """One number everywhere, in a shape of its own or in another operand's."""
    fill = f.get("fillValue", float)
    if like is not None:
        made = op.Expand(number(like.value, fill), op.Shape(like.value))
        made.shape = like.value.shape
        return Operand(made, like.axes)
    shape = f.get("newShape", Shape)
    if any(size in (graph.FREE, graph.INFERRED) for size in shape):
        f.refuse("its shape is open")
    return Operand(f.builder.constant(np.full(shape, fill, np.float32)))


@importer("RandomDistribution", doc=f"{API}/cntk.random")
def random_distribution(f: Importing, op: Any, *like: Operand) -> Operand:
    """Refused: no two runs give the same numbers, so nothing can be compared."""
    f.refuse("random numbers, other ones in each run")
