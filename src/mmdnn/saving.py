"""An IR to a framework's files, written where they are staged until they are complete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.opening import PathLike
from mmdnn.outputs import Staging
from mmdnn.progress import Silent
from mmdnn.registry import Framework


def write(
    model: ir.Model,
    to: Framework,
    target: Path,
    weights: PathLike | None,
    place: Staging,
    progress: Silent,
) -> list[tuple[Path, Path]]:
    """Write a model's files where `place` says.

    Returns:
        For each file the place where it will be, and the one where it is until then.
    """
    native = to.room("exporter").from_ir(model.clone()) if to.has("exporter") else model
    staged = place(target)
    options: dict[str, Any] = {}
    if weights is not None:
        options["weights"] = place(weights)
    with progress.bytes(size_of(model), f"writing {target.name}") as wrote:
        written = to.room("writer").write(native, staged, progress=wrote, **options)
    return [(_final(path, staged, target, options, weights, place), path) for path in written]


def size_of(model: ir.Model) -> int:
    """The bytes of a model's weights."""
    tensors = [value.const_value for value in model.graph.initializers.values()]
    return sum(t.nbytes for t in tensors if t is not None and t.dtype != ir.DataType.STRING)


def _final(
    path: Path,
    staged: Path,
    target: Path,
    options: Mapping[str, Any],
    weights: PathLike | None,
    place: Staging,
) -> Path:
    if weights is not None and path == options.get("weights"):
        return Path(weights)
    final = target.parent / path.relative_to(staged.parent)
    place(final)
    return final
