"""Small versions of the networks of CNTK's examples, built and saved by CNTK itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers import ROOT
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.cntk import engine

PROGRAM = ROOT / "tools" / "cntk_models.py"
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet18": ("resnet18", {"pixels": 65, "maps": 4, "classes": 7}),
    "resnet20": ("resnet20", {"pixels": 16, "maps": 4, "classes": 5, "count": 1}),
    "inception_v3": ("inception_v3", {"pixels": 139, "divisor": 16, "classes": 6}),
    "alexnet": ("alexnet", {"pixels": 67, "divisor": 16, "classes": 5}),
    "alexnet_blocks": ("alexnet", {"pixels": 67, "divisor": 16, "classes": 5, "blocks": True}),
}
Jobs = Mapping[str, tuple[str, dict[str, Any]]]


def build(folder: Path, jobs: Jobs) -> dict[str, Path]:
    """Each network's `.model`, by name; beside each is its `.npz` with `x` and `y`.

    The test is skipped where there is no CNTK.
    """
    try:
        python = engine.interpreter()
    except MissingExtraError as error:
        pytest.skip(f"CNTK is not installed: {error.message}")
    (folder / "job.json").write_text(json.dumps(jobs))
    command = [python, "-W", "ignore", str(PROGRAM), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: folder / f"{name}.model" for name in jobs}
