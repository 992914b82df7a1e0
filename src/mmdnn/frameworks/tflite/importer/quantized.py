"""What integers stand for, and weights as ONNX has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite.graph import Quantization, Tensor
from mmdnn.ir import importing, values
from mmdnn.ir.builder import Op, rank
from mmdnn.shapes import closed

_QUANTIZED = {
    ir.DataType.INT4, ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.INT32,
    ir.DataType.INT64,
}  # fmt: skip


def is_quantized(tensor: Tensor | None) -> bool:
    """Whether its integers stand for other numbers."""
    return tensor is not None and tensor.quantization is not None and tensor.dtype in _QUANTIZED


def in_floats(
    graph: importing.GraphImporter, value: ir.Value, how: Quantization
) -> ir.Value | None:
    """A weight as the floats that it stands for, made when it is written; None for no weight."""
    shape = [1] * rank(value)
    if len(how.scale) > 1:
        shape[how.axis] = -1
    scale, zero = how.scale.reshape(shape), how.zero_point.reshape(shape)

    def real(array: np.ndarray) -> np.ndarray:
        return np.asarray((array.astype(np.int64) - zero) * scale, np.float32)

    return graph.changed(value, "real", real, dtype=ir.DataType.FLOAT)


def dequantized(
    graph: importing.GraphImporter, op: Op, value: ir.Value, how: Quantization
) -> ir.Value:
    """The numbers that integers stand for; long ones, which are biases, in one step."""
    if value.dtype == ir.DataType.INT64:
        scale = how.scale.astype(np.float64)

        def wide(array: np.ndarray) -> np.ndarray:
            return np.asarray(array * scale, np.float32)

        changed = graph.changed(value, "real", wide, dtype=ir.DataType.FLOAT)
        return changed or op.Mul(op.Cast(value, to=ir.DataType.FLOAT), how.scale[0])
    return op.DequantizeLinear(value, *_scales(graph, value.dtype, how), axis=_axis(how))


def _axis(how: Quantization) -> int | None:
    return how.axis if len(how.scale) > 1 else None


def _scales(
    graph: importing.GraphImporter, dtype: ir.DataType | None, how: Quantization
) -> list[Any]:
    """Scale and zero point as inputs; the latter is left out for int32, which has none."""
    shape = () if len(how.scale) == 1 else (-1,)
    kind = dtype or ir.DataType.INT8
    scale = how.scale.reshape(shape)
    if kind == ir.DataType.INT32:
        return [scale]
    zero = ir.tensor(how.zero_point.reshape(shape).astype(kind.numpy()), dtype=kind)
    return [scale, graph.builder.initializer(graph.builder.unique("zero_point"), zero)]


def quantized(node: importing.ImportedLayer, op: Op, value: ir.Value, tensor: Tensor) -> ir.Value:
    """Numbers as the integers that a tensor holds, where it does."""
    how, floats = tensor.quantization, value.dtype is not None and value.dtype.is_floating_point()
    if how is None or not is_quantized(tensor) or not floats:
        return value
    if tensor.dtype not in (ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16):
        node.refuse(f"it gives quantised numbers of {tensor.dtype}")
    return op.QuantizeLinear(value, *_scales(node.graph, tensor.dtype, how), axis=_axis(how))


def permuted(node: importing.ImportedLayer, op: Op, x: ir.Value, perm: Sequence[int]) -> ir.Value:
    """A weight with its axes in ONNX's order; where it is a constant, when it is written."""
    producer = values.producer(x, "DequantizeLinear")
    if producer is not None and producer.inputs[0] is not None:
        held = producer.inputs[0]
        if values.constant(held) is None:
            return op.Transpose(x, perm=list(perm))
        axis = producer.attributes.get_int("axis", 0)
        scales = [value for value in producer.inputs[1:] if value is not None]
        channels = rank(scales[0]) == 1
        turned = permuted(node, op, held, perm)
        return op.DequantizeLinear(turned, *scales, axis=perm.index(axis) if channels else None)
    found = node.graph.permuted(x, perm)
    return op.Transpose(x, perm=list(perm)) if found is None else found


def empty(tensor: Tensor) -> ir.TensorProtocol | None:
    """A tensor without numbers, which needs no buffer."""
    sizes = closed(tensor.shape)
    if sizes is None or tensor.dtype is None or tensor.dtype == ir.DataType.STRING:
        return None
    return ir.tensor(np.zeros(sizes, tensor.dtype.numpy()), dtype=tensor.dtype)
