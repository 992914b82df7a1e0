"""Each layer and function of CNTK by itself, built and run in CNTK 2.7, against its ONNX form."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from helpers import HELPERS
from helpers.cntk import corpus as cntk_corpus
from helpers.cntk.layer_cases import all_cases
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.cntk import engine

RUNNER = HELPERS / "cntk" / "layer_runner.py"


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each network, with what CNTK computes."""
    try:
        python = engine.interpreter()
    except MissingExtraError as missing:
        pytest.skip(f"CNTK is not installed: {missing.hint}")
    root = tmp_path_factory.mktemp("networks")
    command = [python, "-W", "ignore", str(RUNNER), str(root)]
    subprocess.run(command, check=True, capture_output=True)
    return root


@pytest.mark.parametrize("name", sorted(all_cases()))
def test_layer(networks: Path, name: str) -> None:
    folder = networks / name
    error = folder / "error.txt"
    assert not error.exists(), error.read_text()
    assert cntk_corpus.report(folder) == []
