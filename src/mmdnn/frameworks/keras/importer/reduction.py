"""Reductions: operations over some axes, or all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.dtypes import KINDS
from mmdnn.frameworks.keras.importer.elementwise import number, together
from mmdnn.frameworks.keras.importer.table import OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

NUMPY = f"{OPS}/numpy"


def axes_of(node: ImportedNode, axis: Any, x: Value) -> list[int]:
    """The axes said, from the front; all where none is."""
    if axis is None:
        return list(range(rank(x)))
    said = axis if isinstance(axis, (list, tuple)) else [axis]
    return [node.axis(int(each), x) for each in said]


def _reduction(name: str, onnx: str, *, floats: bool = False) -> None:
    @importer(f"ops.{name}", doc=NUMPY)
    def function(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
        [x] = together(node, op, x, floats=floats)
        return reduced(node, op, onnx, x, axis, keepdims)


def reduced(node: ImportedNode, op: Op, onnx: str, x: Value, axis: Any, keepdims: Any) -> Value:
    """One of ONNX's reductions; truth values are counted."""
    x = op.Cast(x, to=KINDS["int32"]) if x.dtype == ir.DataType.BOOL else x
    return op[onnx](x, axes_of(node, axis, x), keepdims=int(bool(keepdims)))


for _name, _onnx in {
    "Sum": "ReduceSum", "Max": "ReduceMax", "Amax": "ReduceMax", "Min": "ReduceMin", "Amin": "ReduceMin",
}.items():  # fmt: skip
    _reduction(_name, _onnx)
_reduction("Mean", "ReduceMean", floats=True)


def _without_nan(name: str, onnx: str, fill: float) -> None:
    @importer(f"ops.{name}", doc=NUMPY)
    def function(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
        y = op.Where(op.IsNaN(x), number(x, fill), x)
        found = reduced(node, op, onnx, y, axis, keepdims)
        if name != "Nanmean":
            return found
        count = reduced(node, op, onnx, op.Not(op.IsNaN(x)), axis, keepdims)
        return op.Div(found, op.Cast(count, to=x.dtype))


_without_nan("Nansum", "ReduceSum", 0)
_without_nan("Nanmean", "ReduceSum", 0)
_without_nan("Nanprod", "ReduceProd", 1)
_without_nan("Nanmax", "ReduceMax", -np.inf)
_without_nan("Nanmin", "ReduceMin", np.inf)


@importer("ops.Prod", doc=NUMPY, unused="dtype")
def prod(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
    return reduced(node, op, "ReduceProd", x, axis, keepdims)


@importer("ops.Logsumexp", doc=NUMPY)
def logsumexp(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
    return reduced(node, op, "ReduceLogSumExp", x, axis, keepdims)


@importer("ops.Any", "ops.All", doc=NUMPY)
def any_all(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
    onnx = "ReduceMax" if node.layer.type == "ops.Any" else "ReduceMin"
    return truth(node, op, onnx, x, axis, keepdims)


def truth(node: ImportedNode, op: Op, onnx: str, x: Value, axis: Any, keepdims: Any) -> Value:
    """Whether some, or all, are true."""
    flags = op.Cast(op.Cast(x, to=ir.DataType.BOOL), to=KINDS["int32"])
    found = op[onnx](flags, axes_of(node, axis, x), keepdims=int(bool(keepdims)))
    return op.Cast(found, to=ir.DataType.BOOL)


@importer("ops.CountNonzero", doc=NUMPY)
def count_nonzero(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    flags = op.Cast(op.Cast(x, to=ir.DataType.BOOL), to=KINDS["int32"])
    return op.ReduceSum(flags, axes_of(node, axis, x), keepdims=0)


def variance(op: Op, x: Value, axes: list[int], *, keep: bool) -> Value:
    """The mean square of what is left without the mean."""
    centred = op.Sub(x, op.ReduceMean(x, axes, keepdims=1))
    return op.ReduceMean(op.Mul(centred, centred), axes, keepdims=int(keep))


@importer("ops.Var", "ops.Std", doc=NUMPY)
def var(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
    [x] = together(node, op, x, floats=True)
    found = variance(op, x, axes_of(node, axis, x), keep=bool(keepdims))
    return op.Sqrt(found) if node.layer.type == "ops.Std" else found


@importer("ops.Average", doc=NUMPY)
def average(node: ImportedNode, op: Op, x: Value, *, axis: Any, weights: Any = None) -> Value:
    if weights is None:
        return reduced(node, op, "ReduceMean", x, axis, False)
    axes = axes_of(node, axis, x)
    weights = node.constant(weights) if isinstance(weights, np.ndarray) else weights
    x, weights = together(node, op, x, weights, floats=True)
    if rank(weights) == 1 and rank(x) > 1:
        weights = op.Reshape(weights, [-1, *[1] * (rank(x) - 1 - axes[0])])
    total = op.ReduceSum(op.Mul(x, weights), axes, keepdims=0)
    spread = op.Expand(weights, op.Shape(x)) if rank(weights) < rank(x) else weights
    return op.Div(total, op.ReduceSum(spread, axes, keepdims=0))


@importer("ops.Argmax", "ops.Argmin", doc=NUMPY)
def argmax(
    node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any, output_type: Any = None
) -> Value:
    """Keras gives int32, TensorFlow what it is told."""
    name = "ArgMax" if node.layer.type.endswith("max") else "ArgMin"
    if axis is None:
        x, axis = op.Reshape(x, [-1]), 0
    found = op[name](x, axis=int(axis), keepdims=int(bool(keepdims)))
    return op.Cast(found, to=KINDS[str(output_type or "int32")])


@importer("ops.Cumsum", doc=NUMPY, unused="dtype")
def cumsum(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    if axis is None:
        x, axis = op.Reshape(x, [-1]), 0
    return op.CumSum(x, np.int64(axis))


@importer("ops.Moments", doc=f"{OPS}/nn", unused="synchronized")
def moments(node: ImportedNode, op: Op, x: Value, *, axes: Any, keepdims: Any) -> list[Value]:
    found = axes_of(node, axes, x)
    mean = op.ReduceMean(x, found, keepdims=int(bool(keepdims)))
    return [mean, variance(op, x, found, keep=bool(keepdims))]


@importer("ops.Norm", doc=f"{OPS}/linalg")
def norm(node: ImportedNode, op: Op, x: Value, *, ord: Any, axis: Any, keepdims: Any) -> Value:  # noqa: A002
    axes = axes_of(node, axis, x)
    if ord == "inf" or (isinstance(ord, float) and np.isinf(ord)):
        return op.ReduceMax(op.Abs(x), axes, keepdims=int(bool(keepdims)))
    lengths = dict.fromkeys((None, 2, "fro", "euclidean"), "ReduceL2")
    kinds: dict[Any, str] = {**lengths, 1: "ReduceL1"}
    if ord not in kinds or (ord not in (None, "fro") and len(axes) > 1):
        node.refuse(f"its order is {ord}")
    return op[kinds[ord]](x, axes, keepdims=int(bool(keepdims)))


@importer("ops.Normalize", doc=f"{OPS}/nn")
def normalize(
    node: ImportedNode, op: Op, x: Value, *, axis: Any, order: Any, epsilon: Any
) -> Value:
    """Divided by the length, whose square is no less than epsilon's."""
    if order != 2:
        node.refuse(f"its order is {order}")
    least = 1e-7 if epsilon is None else float(epsilon)
    squares = op.ReduceSum(op.Mul(x, x), axes_of(node, axis, x), keepdims=1)
    return op.Div(x, op.Sqrt(op.Max(squares, number(x, least**2))))


@importer("ops.Ptp", doc=NUMPY)
def ptp(node: ImportedNode, op: Op, x: Value, *, axis: Any, keepdims: Any) -> Value:
    most, least = (reduced(node, op, f"Reduce{k}", x, axis, keepdims) for k in ("Max", "Min"))
    return op.Sub(most, least)


@importer("ops.Median", "ops.Quantile", doc=NUMPY)
def quantile(
    node: ImportedNode, op: Op, x: Value, q: Any = 0.5, *,
    axis: Any, keepdims: Any, method: str | None = None,
) -> Value:  # fmt: skip
    """Between the two nearest of the numbers in order."""
    if isinstance(q, Value) or np.ndim(q) or method not in (None, "linear"):
        node.refuse("its quantiles are computed, or several, or not linear")
    axes = axes_of(node, axis, x)
    if len(axes) != 1:
        node.refuse("it is over several axes")
    size = known(x, axes[0])
    ordered, _ = op.outputs(2).TopK(x, [size], axis=axes[0], largest=0)
    place = float(q) * (size - 1)
    low, high = int(np.floor(place)), int(np.ceil(place))
    first, second = (op.Gather(ordered, np.asarray([i]), axis=axes[0]) for i in (low, high))
    found = op.Add(first, op.Mul(op.Sub(second, first), number(x, place - low)))
    return found if keepdims else op.Squeeze(found, axes)
