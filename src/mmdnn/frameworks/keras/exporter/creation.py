"""Tensors of numbers that nothing is computed of."""

from __future__ import annotations

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer


@exporter("ConstantOfShape", "Range", "EyeLike", doc="ConstantOfShape", unused="value dtype k")
def creation(node: ExportedNode, keras: Writer, *_inputs: Array) -> Array:
    node.refuse("its size is computed while the model runs")
