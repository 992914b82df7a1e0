"""Sums, means, extremes along axes."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.elementwise import is_float
from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer

_ROWS = {
    "ReduceMax": "Max",
    "ReduceMean": "Mean",
    "ReduceMin": "Min",
    "ReduceProd": "Prod",
    "ReduceSum": "Sum",
    "ReduceLogSumExp": "Logsumexp",
    "ReduceL1": "Sum",
    "ReduceL2": "Sum",
    "ReduceSumSquare": "Sum",
    "ReduceLogSum": "Sum",
}
_POOLS = {"ReduceMean": "Average", "ReduceMax": "Max"}
_BEFORE = {"ReduceL1": "Absolute", "ReduceL2": "Square", "ReduceSumSquare": "Square"}
_BEHIND = {"ReduceL2": "Sqrt", "ReduceLogSum": "Log"}


@exporter(*_ROWS, doc="ReduceSum")
def reduction(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    axes: Inputs = None,
    *,
    keepdims: int,
    noop_with_empty_axes: int,
) -> Array:
    said = [] if axes is None else sorted(node.axis(x, a) for a in node.ints(axes, "axes"))
    if not said and noop_with_empty_axes:
        return keras.ops.Copy(x)
    said = said or list(range(node.rank(x)))
    if not said:
        return keras.ops.Copy(x)
    if x.dtype == ir.DataType.BOOL:
        return keras.ops["Any" if node.type == "ReduceMax" else "All"](
            x, axis=said, keepdims=bool(keepdims)
        )
    pool = _POOLS.get(node.type)
    if pool and is_float(x) and said == list(range(1, node.rank(x) - 1)) and len(said) <= 3:
        return keras.layer(f"Global{pool}Pooling{len(said)}D", x, keepdims=bool(keepdims) or None)
    if node.type in _BEFORE:
        x = keras.ops[_BEFORE[node.type]](x)
    y = keras.ops[_ROWS[node.type]](x, axis=said, keepdims=bool(keepdims))
    y = keras.ops[_BEHIND[node.type]](y) if node.type in _BEHIND else y
    kind = node.output.dtype
    whole = kind is not None and not kind.is_floating_point()
    return keras.ops.Cast(y, dtype=keras.named(kind)) if whole and kind is not None else y


@exporter("ArgMax", "ArgMin", doc="ArgMax")
def arg(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    *,
    axis: int,
    keepdims: int,
    select_last_index: int,
) -> Array:
    front = node.axis(x, axis)
    size = (x.shape or ())[front]
    if select_last_index:
        if not isinstance(size, int):
            node.refuse("the last of several, along an axis whose size is not known")
        x = keras.ops.Flip(x, axis=front)
    found = keras.ops[f"Arg{node.type[3:].lower()}"](x, axis=front, keepdims=bool(keepdims))
    whole = keras.ops.Cast(found, dtype="int64")
    return (
        keras.ops.Subtract(size - 1, whole)
        if select_last_index and isinstance(size, int)
        else whole
    )


@exporter("CumSum", doc="CumSum")
def cumsum(
    node: ExportedNode, keras: Writer, x: Array, axis: Array, *, exclusive: int, reverse: int
) -> Array:
    front = node.axis(x, node.ints(axis, "axis")[0])
    first = keras.ops.Flip(x, axis=front) if reverse else x
    y = keras.ops.Cumsum(first, axis=front)
    if exclusive:
        rank = node.rank(x)
        key = [slice(None)] * rank
        key[front] = slice(None, -1)
        width = [[1, 0] if i == front else [0, 0] for i in range(rank)]
        y = keras.ops.Pad(keras.ops.GetItem(y, tuple(key)), pad_width=width)
    return keras.ops.Flip(y, axis=front) if reverse else y
