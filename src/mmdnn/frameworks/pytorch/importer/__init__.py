"""From PyTorch's programs to the IR; one short function for each operator of ATen."""

from __future__ import annotations

from mmdnn.frameworks.pytorch.importer.model import input_shapes, to_ir
from mmdnn.frameworks.pytorch.importer.table import importer
from mmdnn.ir.operators import load_families

__all__ = ["importer", "input_shapes", "to_ir"]

load_families(__name__, __path__)
