"""Poolings: padding never counts in an average."""

from __future__ import annotations

from mmdnn.frameworks.tflite.importer.convolution import windows
from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, first, importer, last
from mmdnn.ir.builder import Op


@importer("MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D", doc=DOC)
def pool(
    node: ImportedNode, op: Op, x: Value, *,
    padding: str, stride_w: int, stride_h: int, filter_width: int, filter_height: int,
) -> Value:  # fmt: skip
    x = first(op, x)
    size, strides = [filter_height, filter_width], [stride_h, stride_w]
    said = windows(x, padding, size, strides, [1, 1])
    if node.type == "MAX_POOL_2D":
        return last(op, op.MaxPool(x, **said))
    if node.type == "AVERAGE_POOL_2D":
        return last(op, op.AveragePool(x, **said))
    return last(op, op.Sqrt(op.AveragePool(op.Mul(x, x), **said)))
