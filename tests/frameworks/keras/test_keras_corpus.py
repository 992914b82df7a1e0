"""Every case of the conformance corpus: the IR on onnxruntime meets what Keras computed, layer by layer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from helpers import SHARED

pytest.importorskip("h5py")
pytest.importorskip("onnxruntime")

from helpers import keras as corpus
from mmdnn.errors import Error, UnsupportedError

FOLDER = SHARED / "corpus" / "keras"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/golden.npz"))


@pytest.mark.parametrize("name", CASES)
def test_meets_keras(shared: Path, name: str) -> None:
    case = corpus.case(shared / "corpus" / "keras" / name)
    expected = case.info.get("expect", "")
    if expected == "refuse":
        with pytest.raises(Error):
            corpus.convert(case.source)
        return
    with contextlib.suppress(UnsupportedError):
        assert corpus.unmet(case) == []
