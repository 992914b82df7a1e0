"""Every case of the conformance corpus: the IR on onnxruntime meets what Keras computed, layer by layer."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import SHARED, sampled

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


@pytest.mark.parametrize("name", sampled(CASES))
def test_channels_first(shared: Path, name: str) -> None:
    """Inputs and outputs as other frameworks have them."""
    case = corpus.case(shared / "corpus" / "keras" / name)
    case = replace(case, source=replace(case.source, keep_layout=False))
    with contextlib.suppress(Error):
        assert corpus.unmet(case) == []
