"""Reductions over static axes (Source/ComputationNetworkLib/LinearAlgebraNodes.h, ReduceElementsNode)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._operators import REDUCTIONS
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.frameworks.cntk.importer.elementwise import dtype_of, number
from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op

CHOICES = {"Argmax": "ArgMax", "Argmin": "ArgMin"}


def reduced_axes(f: ImportedFunction, x: Operand) -> list[int]:
    """The positions of the static axes that a reduction takes."""
    axes = f.axes()
    if axes == [Axis(graph.ALL_STATIC)]:
        return list(range(x.leading, x.leading + x.rank))
    if any(axis.is_dynamic or axis.index == graph.ALL for axis in axes):
        f.refuse("it reduces the batch, or a sequence that is still packed, and more")
    return sorted(x.position(axis) for axis in axes)


@importer("ReduceElements", doc=f"{API}/cntk.ops#reduce_sum")
def reduce_elements(f: ImportedFunction, op: Op, x: Operand) -> ir.Value | Operand:
    """Over one, some or all static axes.

    All static axes together leave an axis of 1 where the sizes are kept, and a scalar where not:
    CNTK has no shape between the two.
    """
    name = f.get("reductionOpName", str)
    if f.axes() in ([Axis(graph.ALL)], [graph.BATCH]):
        return _over_batch(f, op, x, name)
    keep = int(f.get("reductionKeepDimensions", bool, default=True))
    axes = reduced_axes(f, x)
    everything = f.axes() == [Axis(graph.ALL_STATIC)]
    if name in CHOICES:
        return _choice(f, op, x, axes, name, keep)
    if name not in REDUCTIONS:
        f.refuse(f"the reduction {name} is not known")
    if not axes:
        return op.Identity(x.value)
    made = op[REDUCTIONS[name]](x.value, axes, keepdims=0 if everything else keep)
    return op.Unsqueeze(made, [x.leading]) if everything and keep else made


def _choice(
    f: ImportedFunction, op: Op, x: Operand, axes: list[int], name: str, keep: int
) -> ir.Value:
    """The first place of the largest or smallest number, as a number of the input's type."""
    if axes == list(range(x.leading, x.leading + x.rank)) and len(axes) > 1:
        value = op.Reshape(x.value, [*[0] * x.leading, -1])
    elif len(axes) == 1:
        value = x.value
    else:
        f.refuse("the place of the largest of several axes")
    made = op[CHOICES[name]](value, axis=axes[0], keepdims=keep)
    return op.Cast(made, to=dtype_of(x.value))


def _over_batch(f: ImportedFunction, op: Op, x: Operand, name: str) -> Operand:
    """Over all samples, and all static axes where these are asked for."""
    if x.leading != 1 or name not in REDUCTIONS:
        f.refuse("it reduces a sequence that is still packed")
    f.get("reductionKeepDimensions", bool, default=True)
    axes = [0] if f.axes() == [graph.BATCH] else list(range(1 + x.rank))
    return Operand(op[REDUCTIONS[name]](x.value, axes, keepdims=0))


@importer("CosDistance", doc=f"{API}/cntk.ops#cosine_distance")
def cosine(f: ImportedFunction, op: Op, x: Operand, y: Operand) -> Operand:
    """The cosine over all static axes, one number a sample; 0 where an operand is 0."""
    axes, (one, other) = align(op, [x, y])
    places = list(range(len(axes), len(axes) + max(x.rank, y.rank)))
    product = op.ReduceSum(op.Mul(one, other), places, keepdims=0)
    lengths = [op.ReduceL2(value, places, keepdims=0) for value in (one, other)]
    divisor = op.Mul(*lengths)
    zero = number(divisor, 0)
    return Operand(op.Where(op.Equal(divisor, zero), zero, op.Div(product, divisor)), axes)
