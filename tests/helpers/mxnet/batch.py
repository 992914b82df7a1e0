"""Models written for MXNet, run in MXNet together."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers.mxnet.corpus import golden, source
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.mxnet import engine, exporter, reader, writer
from mmdnn.frameworks.mxnet.graph import Model

PROGRAM = Path(__file__).with_name("batch_program.py")


class Batch:
    """Models that wait to be run.

    Args:
        root: A folder for their files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, name: str, model: ir.Model, feeds: Mapping[str, np.ndarray]) -> None:
        """Write a model as files and as source code.

        Raises:
            UnsupportedError: MXNet has no counterpart for something in it.
        """
        native = exporter.from_ir(model)
        folder = self.root / name
        folder.mkdir(parents=True)
        writer.write(native, folder / "net")
        writer.write(native, folder / "net.py", weights=folder / "net-0000.params")
        np.savez(folder / "in.npz", **feeds)

    def run(self, *, train: bool = False) -> dict[str, list[np.ndarray] | str]:
        """Each model's outputs, or why there are none."""
        try:
            engine.interpreter()
        except MissingExtraError:
            pytest.skip("MXNet is not installed: mmengine install mxnet")
        folders = sorted(self.root.iterdir())
        run_all(folders, train=train)
        return {folder.name: result(folder) for folder in folders}


def run_all(folders: Sequence[Path], *, train: bool = False) -> None:
    """Run what lies in these folders in one process, or one more for each time that it ends early."""
    waiting = list(folders)
    while waiting:
        root = str(waiting[0].parent)
        command = [engine.interpreter(), "-W", "ignore", str(PROGRAM), root, *(["train"] * train)]
        names = "\n".join(folder.name for folder in waiting)
        done = subprocess.run(command, input=names, capture_output=True, text=True)
        waiting = [folder for folder in waiting if not _is_answered(folder)]
        if waiting:
            reason = done.stderr.strip().splitlines() or [f"MXNet ended: {done.returncode}"]
            (waiting[0] / "error.txt").write_text(reason[-1])


def _is_answered(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("error.txt", "out.npz"))


def result(folder: Path) -> list[np.ndarray] | str:
    """The outputs of what was run, or why there are none."""
    if (folder / "error.txt").exists():
        return (folder / "error.txt").read_text()
    with np.load(folder / "out.npz") as data:
        return [data[f"arr_{i}"] for i in range(len(data.files))]


def mxnet_model(folder: Path) -> Model:
    """A model of the corpus, for inputs of the shapes that it was fed."""
    shapes = {name: array.shape for name, array in golden(folder).inputs.items()}
    files = source(folder)
    known = reader.read(files).inputs
    said = {name: shape for name, shape in shapes.items() if name in known}
    return reader.read(replace(files, input_shapes=said))


def difference(found: list[np.ndarray] | str, wanted: list[np.ndarray]) -> str:
    """What is wrong with a model's outputs; "" if nothing is. MXNet's scalars are arrays of one element."""
    if isinstance(found, str):
        return found
    if len(found) != len(wanted):
        return f"{len(found)} outputs, not {len(wanted)}"
    for index, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        ours = ours.reshape(()) if theirs.shape == () and ours.size == 1 else ours
        if ours.shape != theirs.shape:
            return f"output {index}: shape {ours.shape}, not {theirs.shape}"
        if ours.dtype != theirs.dtype:
            return f"output {index}: type {ours.dtype}, not {theirs.dtype}"
        loose = 4e-3 if theirs.dtype == np.float16 else 0.0
        if not np.allclose(
            ours, theirs, rtol=max(1e-4, loose), atol=max(1e-5, loose), equal_nan=True
        ):
            gap = np.abs(ours.astype(float) - theirs.astype(float))
            return f"output {index}: off by {np.nanmax(gap):.3g}"
    return ""
