"""The IR's files (being written)."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from mmdnn.ir.reading import load


def read_ir(path: Path) -> ir.Model:
    """Read."""
    return load(path.with_suffix(".pb"))
