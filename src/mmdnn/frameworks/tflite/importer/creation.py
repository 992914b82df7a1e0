"""Tensors made of nothing but sizes and numbers."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer, like
from mmdnn.ir.builder import Op, rank
from mmdnn.ir.folding import vector

_SCALAR = np.zeros(0, np.int64)


@importer("FILL", doc=DOC)
def fill(node: ImportedNode, op: Op, dims: Value, value: Value) -> Value:
    return op.Expand(value, vector(op, dims))


@importer("RANGE", doc=DOC)
def range_(node: ImportedNode, op: Op, start: Value, limit: Value, delta: Value) -> Value:
    numbers = [op.Reshape(x, _SCALAR) if rank(x) else x for x in (start, limit, delta)]
    return op.Range(*numbers)


@importer("ZEROS_LIKE", doc=DOC)
def zeros_like(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Expand(like(0, x), op.Shape(x))
