"""Each operator of TensorFlow Lite by itself, against what its interpreter computes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

from conformance import names, unpack
from helpers import tflite as corpus

CASES = Path(__file__).with_name("cases.tar.xz")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each model."""
    root = tmp_path_factory.mktemp("networks")
    unpack(CASES, root)
    return root


@pytest.mark.parametrize("name", names(CASES))
def test_what_the_interpreter_computes(networks: Path, name: str) -> None:
    assert list(corpus.unmet(corpus.case(networks / name))) == []
