"""Reductions; those of all axes give an array of one element, as a scalar is here."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


def _axes(node: ExportedNode, x: Array, found: list[int], keep: bool) -> dict[str, Any]:
    """`axis` and `keepdims` for MXNet; of all axes where none are told."""
    if not found and keep:
        found = list(range(node.rank(x)))
    if found and not keep and len({a % max(node.rank(x), 1) for a in found}) == node.rank(x):
        found = []
    return {"axis": tuple(found) if found else None, "keepdims": keep or None}


def _reduction(op: str, before: str = "", after: str = "") -> Any:
    def reduce(
        node: ExportedNode,
        mx: Writer,
        x: Array,
        axes: Array | None = None,
        *,
        keepdims: int,
        noop_with_empty_axes: int,
    ) -> Array:
        y = mx.make(before, x) if before else x
        places = [] if axes is None else node.ints(axes, "axes")
        if places or not noop_with_empty_axes:
            y = mx.make(op, y, **_axes(node, x, places, bool(keepdims)))
        y = mx.make(after, y) if after else y
        return mx.make("_copy", y) if y is x else y

    return reduce


for _type, _how in {
    "ReduceSum": ("sum",),
    "ReduceMean": ("mean",),
    "ReduceMax": ("max",),
    "ReduceMin": ("min",),
    "ReduceProd": ("prod",),
    "ReduceL1": ("sum", "abs"),
    "ReduceL2": ("sum", "square", "sqrt"),
    "ReduceSumSquare": ("sum", "square"),
    "ReduceLogSum": ("sum", "", "log"),
}.items():
    exporter(_type, doc=_type)(_reduction(*_how))


@exporter("ArgMax", "ArgMin", doc="ArgMax")
def arg_extreme(
    node: ExportedNode, mx: Writer, x: Array, *, axis: int, keepdims: int, select_last_index: int
) -> Array:
    """MXNet gives floats, and the first of several."""
    axis = node.axis(x, axis)
    source = mx.reverse(x, axis=(axis,)) if select_last_index else x
    found = mx.make(node.type.lower(), source, axis=axis, keepdims=bool(keepdims) or None)
    if select_last_index:
        size = (x.shape or ())[axis]
        if not isinstance(size, int):
            node.refuse("the last of several maxima, of a number that is not known")
        found = mx._rminus_scalar(found, scalar=size - 1)
    return as_index(mx, found)


def as_index(mx: Writer, x: Array) -> Array:
    x.dtype = None
    return mx.cast(x, ir.DataType.INT64)


@exporter("CumSum", doc="CumSum")
def cum_sum(
    node: ExportedNode, mx: Writer, x: Array, axis: Array, *, exclusive: int, reverse: int
) -> Array:
    if exclusive:
        node.refuse("exclusive sums")
    place = node.ints(axis, "axis")[0] % node.rank(x)
    x = mx.reverse(x, axis=(place,)) if reverse else x
    y = mx.cumsum(x, axis=place)
    return mx.reverse(y, axis=(place,)) if reverse else y
