"""Models written for CNTK, run in CNTK together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from mmdnn.frameworks.cntk import writer
from mmdnn.frameworks.cntk.graph import Model

PROGRAM = Path(__file__).with_name("cntk_batch.py")
ENVIRONMENT = Path(".venv-cntk", "bin", "python")

Outputs = dict[str, np.ndarray | list[np.ndarray]]


def interpreter() -> Path:
    """The Python that has CNTK; the test is skipped where there is none."""
    if "MMDNN_CNTK_PYTHON" in os.environ:
        return Path(os.environ["MMDNN_CNTK_PYTHON"])
    for folder in (Path(sys.prefix).parent, Path.cwd()):
        if (folder / ENVIRONMENT).is_file():
            return folder / ENVIRONMENT
    pytest.skip("CNTK is not installed: tools/make_cntk_env.py")


class Batch:
    """Models that wait to be run.

    Args:
        root: A folder for their files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, name: str, model: Model, feeds: Mapping[str, np.ndarray]) -> Path:
        """Write a model, and what it will be fed; the place of its file."""
        folder = self.root / name
        folder.mkdir(parents=True)
        writer.write(model, folder / "net.model")
        np.savez(folder / "in.npz", **feeds)
        return folder / "net.model"

    def run(self) -> dict[str, Outputs | str]:
        """Each model's outputs by name (sequences as lists), or why there are none."""
        command = [str(interpreter()), "-W", "ignore", str(PROGRAM), str(self.root)]
        subprocess.run(command, check=True, capture_output=True)
        return {folder.name: _result(folder) for folder in sorted(self.root.iterdir())}


def _result(folder: Path) -> Outputs | str:
    if (folder / "error.txt").exists():
        return (folder / "error.txt").read_text(encoding="utf-8")
    names = (folder / "names.txt").read_text(encoding="utf-8").split("\n")
    found: Outputs = {}
    with np.load(folder / "out.npz") as data:
        for index, name in enumerate(names):
            rows = [data[key] for key in data.files if key.startswith(f"{index}/seq")]
            found[name] = rows or data[str(index)]
    return found
