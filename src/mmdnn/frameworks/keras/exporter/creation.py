"""Tensors of numbers that nothing is computed of."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.ir.sizes import trace


@exporter("ConstantOfShape", doc="ConstantOfShape")
def constant_of_shape(
    node: ExportedNode, keras: Writer, _shape: Array, *, value: ir.TensorProtocol | None = None
) -> Array:
    """As large as an axis of another tensor."""
    sizes = trace(node.node.inputs[0])
    kind = node.output.dtype or ir.DataType.FLOAT
    zeros = None if sizes is None or kind == ir.DataType.BOOL else keras.zeros(sizes, kind)
    if sizes is None or zeros is None:
        node.refuse("its size is computed while the model runs")
    number = np.float32(0) if value is None else value.numpy().reshape(())
    known = [size if isinstance(size, int) else 1 for size in sizes]
    return keras.ops.Add(zeros, np.full(known, number, kind.numpy()))
