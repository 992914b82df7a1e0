"""Every case of the conformance corpus: the IR on onnxruntime meets what TensorFlow computed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers import SHARED

pytest.importorskip("onnxruntime")

from helpers import tensorflow as corpus
from mmdnn.errors import Error

FOLDER = SHARED / "corpus" / "tensorflow"
GOLDENS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/golden*.npz"))
REFUSALS = sorted(
    path.parent.name
    for path in FOLDER.glob("*/case.json")
    if json.loads(path.read_text())["expect"] == "refuse"
)
PENDING = Path(__file__).parent / "pending.txt"
"""Cases that are refused by name still."""


@pytest.mark.parametrize("name", GOLDENS)
def test_meets_tensorflow(shared: Path, name: str) -> None:
    golden = shared / "corpus" / "tensorflow" / name
    if golden.parent.name in PENDING.read_text().split():
        with pytest.raises(Error):
            corpus.unmet(golden.parent, golden)
        return
    assert corpus.unmet(golden.parent, golden) == []


@pytest.mark.parametrize("name", REFUSALS)
def test_is_refused(shared: Path, name: str) -> None:
    from mmdnn.frameworks.tensorflow import importer, reader

    with pytest.raises(Error):
        importer.to_ir(reader.read(corpus.source(shared / "corpus" / "tensorflow" / name)))
