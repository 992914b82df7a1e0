"""Computing what is already known: constants, and shapes with open dimensions.

Only small integer arithmetic and rearrangement is folded, so that no engine's rounding enters a model.
A shape with open dimensions is a list of sizes and names ("batch", 64, 7, 7); a `Reshape` or `Expand`
to such a shape becomes one with constants where ONNX's 0 and -1 can say it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import ShapeError
from mmdnn.ir import LAYER
from mmdnn.ir.sizes import RULES, Dim, is_of, trace
from mmdnn.ir.values import constant

LIMIT = 1 << 16
"""Elements that are folded at most."""

FILLED = 1 << 31
"""Bytes of a filled tensor that becomes a weight at most; a larger one is left to the model that runs."""


def fold(node: ir.Node) -> np.ndarray | ir.TensorProtocol | None:
    """The node's value where it is known, else None; a `Reshape`'s target may become constant."""
    if node.domain != "":
        return None
    if node.op_type == "Constant":
        return _constant(node)
    if node.op_type == "Shape":
        return _shape(node)
    if node.op_type == "ConstantOfShape":
        return _constant_of_shape(node)
    if len(node.outputs) == 1 and node.op_type in TABLE:
        arrays = [_array(value) for value in node.inputs]
        if all(
            array is not None or value is None
            for array, value in zip(arrays, node.inputs, strict=True)
        ):
            return _evaluate(node, arrays)
    if node.op_type == "Reshape":
        _freeze_target(node)
    return None


def fold_sizes(node: ir.Node) -> np.ndarray | None:
    """The node's value where it is known sizes, though not all that it is made of is known."""
    value = node.outputs[0]
    if node.op_type not in RULES or value.shape is None or value.dtype is None:
        return None
    found = trace(value)
    if found is None or not all(isinstance(size, int) for size in found):
        return None
    shape = tuple(dim for dim in value.shape if isinstance(dim, int))
    fits = len(shape) == len(value.shape) < 2 and math.prod(shape) == len(found)
    return np.asarray(found, value.dtype.numpy()).reshape(shape) if fits else None


def _constant(node: ir.Node) -> np.ndarray | ir.TensorProtocol | None:
    (name, attribute), *_ = node.attributes.items()
    kinds = {
        "value_int": np.int64,
        "value_ints": np.int64,
        "value_float": np.float32,
        "value_floats": np.float32,
    }
    if name == "value":
        return attribute.as_tensor()
    return np.asarray(attribute.value, kinds[name]) if name in kinds else None


def _shape(node: ir.Node) -> np.ndarray | None:
    found = trace(node.outputs[0])
    known = found is not None and all(isinstance(size, int) for size in found)
    return np.asarray(found, np.int64) if known else None


def _constant_of_shape(node: ir.Node) -> ir.TensorProtocol | None:
    """A filled tensor, made when it is needed; None where it is not known, or too large."""
    target = _array(node.inputs[0])
    if target is None:
        return None
    attribute = node.attributes.get("value")
    fill = attribute.as_tensor().numpy().reshape(()) if attribute else np.float32(0)
    shape = tuple(int(dim) for dim in target)
    if any(dim < 0 for dim in shape):
        props = node.metadata_props
        raise ShapeError(
            f"it is to fill the shape {list(shape)}, which has a negative size",
            layer=props.get(LAYER) or node.name,
            operator=node.op_type,
        )
    dtype = attribute.as_tensor().dtype if attribute else ir.DataType.FLOAT
    if math.prod(shape) * dtype.itemsize > FILLED:
        return None
    if math.prod(shape) <= LIMIT >> 6:
        return ir.tensor(np.full(shape, fill), dtype=dtype, name=node.outputs[0].name)
    return ir.LazyTensor(
        lambda: ir.tensor(np.full(shape, fill), dtype=dtype),
        dtype,
        ir.Shape(shape),
        name=node.outputs[0].name,
    )


def _array(value: ir.Value | None) -> np.ndarray | None:
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    tensor = value.const_value
    if (
        tensor.size > LIMIT
        or tensor.dtype == ir.DataType.STRING
        or isinstance(tensor, ir.LazyTensor)
    ):
        return None
    return tensor.numpy()


def _slice(
    _node: ir.Node, x: np.ndarray, starts: Any, ends: Any, axes: Any = None, steps: Any = None
) -> np.ndarray:
    index = [slice(None)] * x.ndim
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop: int | None = int(end)
        if step < 0 and end < -x.shape[axis]:
            stop = None
        index[axis] = slice(int(start), stop, int(step))
    return x[tuple(index)]


def _unsqueeze(_node: ir.Node, x: np.ndarray, axes: Any) -> np.ndarray:
    rank = x.ndim + axes.size
    return np.expand_dims(x, tuple(int(axis) % rank for axis in axes.reshape(-1)))


def _squeeze(_node: ir.Node, x: np.ndarray, axes: Any = None) -> np.ndarray:
    return np.squeeze(x, None if axes is None else tuple(int(axis) for axis in axes.reshape(-1)))


def _cast(node: ir.Node, x: np.ndarray) -> np.ndarray | None:
    target = ir.DataType(node.attributes["to"].as_int())
    plain = {
        ir.DataType.INT64,
        ir.DataType.INT32,
        ir.DataType.BOOL,
        ir.DataType.FLOAT,
        ir.DataType.DOUBLE,
    }
    if target not in plain or x.dtype.kind not in "iub":
        return None
    return x.astype(target.numpy())


def _integers(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(_node: ir.Node, *arrays: np.ndarray) -> Any:
        return function(*arrays) if all(array.dtype.kind in "iu" for array in arrays) else None

    return evaluate


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    if not np.all(b) or np.any((a < 0) | (b < 0)):
        return None
    return np.asarray(np.floor_divide(a, b))


def _range(start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray | None:
    if not delta or abs(int(limit) - int(start)) > LIMIT * abs(int(delta)):
        return None
    return np.asarray(range(int(start), int(limit), int(delta)), start.dtype)


def _gather(node: ir.Node, x: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.take(x, index, axis=node.attributes["axis"].as_int())


def _expand(_node: ir.Node, x: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    shape = np.broadcast_shapes(x.shape, tuple(target))
    return np.broadcast_to(x, shape) if x.dtype.kind in "iu" and math.prod(shape) <= LIMIT else None


def _reshape(node: ir.Node, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    zero = node.attributes.get_int("allowzero")
    return x.reshape(
        [x.shape[i] if size == 0 and not zero else size for i, size in enumerate(target)]
    )


TABLE: dict[str, Callable[..., Any]] = {
    "Add": _integers(np.add),
    "Cast": _cast,
    "Concat": lambda node, *arrays: np.concatenate(arrays, node.attributes["axis"].as_int()),
    "Div": _integers(_divide),
    "Equal": _integers(np.equal),
    "Expand": _expand,
    "Gather": _gather,
    "Greater": _integers(np.greater),
    "Less": _integers(np.less),
    "Max": _integers(lambda *arrays: np.maximum.reduce(np.broadcast_arrays(*arrays))),
    "Min": _integers(lambda *arrays: np.minimum.reduce(np.broadcast_arrays(*arrays))),
    "Mul": _integers(np.multiply),
    "Range": _integers(_range),
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": _integers(np.subtract),
    "Transpose": lambda node, x: np.transpose(
        x, node.attributes["perm"].as_ints() if "perm" in node.attributes else None
    ),
    "Unsqueeze": _unsqueeze,
    "Where": lambda _node, c, a, b: np.where(c, a, b) if a.dtype.kind in "iu" else None,
}


def _evaluate(node: ir.Node, arrays: list[np.ndarray | None]) -> np.ndarray | None:
    try:
        found = TABLE[node.op_type](node, *arrays)
    except (KeyError, ValueError, IndexError, TypeError):
        return None  # a faulty node is reported where it is converted
    if found is None or np.size(found) > LIMIT:
        return None
    return np.ascontiguousarray(found).reshape(np.shape(found))


def _freeze_target(node: ir.Node) -> None:
    """A target with at most one size that ONNX's 0 cannot say, as a constant."""
    data, found = node.inputs[0], trace(node.inputs[1])
    if data is None or found is None or constant(node.inputs[1]) is not None:
        return
    if not all(isinstance(size, (int, Dim)) and size != 0 for size in found):
        return
    sizes = [
        size if isinstance(size, int) else 0 if is_of(size, data, axis) else -1
        for axis, size in enumerate(found)
    ]
    if sizes.count(-1) > 1 or node.attributes.get_int("allowzero"):
        return
    array = np.asarray(sizes, np.int64)
    name = f"{node.outputs[0].name}_shape"
    value = ir.Value(
        name=name, const_value=ir.tensor(array, name=name), type=ir.TensorType(ir.DataType.INT64)
    )
    value.shape = ir.Shape(array.shape)
    if node.graph is not None:
        node.graph.register_initializer(value)
        node.replace_input_with(1, value)
