"""Loops, which Caffe does not have."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.caffe.exporter.table import exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

MOST_STEPS = 64
"""Steps that are written out one by one, at most."""


@exporter("Scan", doc="https://onnx.ai/onnx/operators/onnx__Scan.html")
def scan(node: ExportedNode, _caffe: Writer, *_inputs: Operand, **_attributes: Any) -> None:
    """Those of few steps have been written out already."""
    node.refuse(
        f"Caffe has no loops, and only up to {MOST_STEPS} steps are written out one by one, "
        "where their number is known"
    )
