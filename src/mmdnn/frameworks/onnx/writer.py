"""An `onnx_ir.Model` to an ONNX file; beyond 2 GB, weights go to `<name>.onnx.data` beside it."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from mmdnn.ir.storage.writing import store
from mmdnn.tensors.stream import Progress


def write(
    model: ir.Model,
    target: Path,
    *,
    external: bool | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the model; see `mmdnn.ir.storage.writing.store`.

    Raises:
        FormatError: The file that a weight lies in has changed.
        UsageError: One file is asked for, and cannot hold the model.
    """
    return store(model, target, external=external, progress=progress)
