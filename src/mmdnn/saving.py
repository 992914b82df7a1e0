"""An IR to a framework's files, written where they are staged until they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UsageError
from mmdnn.opening import PathLike
from mmdnn.progress import Silent
from mmdnn.registry import Framework


def write(
    model: ir.Model,
    to: Framework,
    target: Path,
    weights: PathLike | None,
    place: Callable[[PathLike], Path],
    progress: Silent,
    options: Mapping[str, str] | None = None,
) -> list[tuple[Path, Path]]:
    """Write a model's files where `place` says.

    Args:
        model: The IR.
        to: For which framework.
        target: The main file.
        weights: Where the weights go, for formats that keep them apart.
        place: Says where to write until all is complete.
        progress: Told how far the work is.
        options: What the framework's exporter is told besides, e.g. {"fork": "ssd"} for Caffe.

    Returns:
        For each file the place where it will be, and the one where it is until then.

    Raises:
        UsageError: One file is to be two.
    """
    native = model
    if to.has("exporter"):
        native = to.room("exporter").from_ir(model.clone(), **(options or {}))
    staged = place(target)
    settings: dict[str, Any] = {}
    if weights is not None:
        settings["weights"] = place(weights)
        if settings["weights"] == staged:
            raise UsageError("cannot hold both the model and its weights", file=target)
    with progress.bytes(size_of(model), f"writing {target.name}") as wrote:
        written = to.room("writer").write(native, staged, progress=wrote, **settings)
    return [(_final(path, staged, target, settings, weights, place), path) for path in written]


def write_representation(
    model: ir.Model, prefix: Path, place: Callable[[PathLike], Path], progress: Silent
) -> list[Path]:
    """Write `<prefix>.pb`, `<prefix>.npy` and `<prefix>.json` where `place` says; returns their places."""
    from mmdnn.ir.storage.files import write_ir

    staged = place(prefix.with_name(f"{prefix.name}.pb")).with_name(prefix.name)
    with progress.bytes(size_of(model), f"writing {prefix.name}") as wrote:
        written = [prefix.parent / path.name for path in write_ir(model, staged, wrote)]
    for path in written:
        place(path)
    return written


def size_of(model: ir.Model) -> int:
    """The bytes of a model's weights."""
    tensors = [value.const_value for value in model.graph.initializers.values()]
    return sum(t.nbytes for t in tensors if t is not None and t.dtype != ir.DataType.STRING)


def files_of(model: ir.Model) -> list[Path]:
    """The files that a model's weights lie in."""
    tensors = [value.const_value for value in model.graph.initializers.values()]
    return [Path(path) for path in {t.path for t in tensors if isinstance(t, ir.ExternalTensor)}]


def _final(
    path: Path,
    staged: Path,
    target: Path,
    options: Mapping[str, Any],
    weights: PathLike | None,
    place: Callable[[PathLike], Path],
) -> Path:
    if weights is not None and path == options.get("weights"):
        return Path(weights)
    final = target.parent / path.relative_to(staged.parent)
    place(final)
    return final
