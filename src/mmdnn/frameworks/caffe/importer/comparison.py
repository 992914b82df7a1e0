"""Threshold (src/caffe/layers/threshold_layer.cpp)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Op


@importer("Threshold")
def threshold(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    above = op.Greater(x, layer.param().threshold)
    return op.Cast(above, to=ir.DataType.FLOAT)
