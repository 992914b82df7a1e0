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
REFUSED = {
    "bitcast": "it makes INT32 of FLOAT",
    "conv_double": "onnxruntime: Could not find an implementation for Conv",
    "nms_v5": "it lowers scores",
    "projective": "ImageProjectiveTransformV2 x1",
    "saved2_bf16": "onnxruntime: Could not find an implementation for MatMul",
}
"""Cases that are refused, two of them by the engine, and what the message says."""


def test_few_are_refused() -> None:
    assert len(REFUSED) <= 0.03 * max(len(GOLDENS), 400)


@pytest.mark.parametrize("name", GOLDENS)
def test_meets_tensorflow(shared: Path, name: str) -> None:
    golden = shared / "corpus" / "tensorflow" / name
    if golden.parent.name in REFUSED:
        with pytest.raises(Error, match=REFUSED[golden.parent.name]):
            corpus.unmet(golden.parent, golden)
        return
    assert corpus.unmet(golden.parent, golden) == []


@pytest.mark.parametrize("name", REFUSALS)
def test_is_refused(shared: Path, name: str) -> None:
    from mmdnn.frameworks.tensorflow import importer, reader

    with pytest.raises(Error):
        importer.to_ir(reader.read(corpus.source(shared / "corpus" / "tensorflow" / name)))
