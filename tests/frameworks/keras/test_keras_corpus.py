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
from mmdnn.errors import Error

FOLDER = SHARED / "corpus" / "keras"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/golden.npz"))
REFUSED = {
    "k1th_avgpool_same_tf": "nothing in its file tells Theano",
    "k1th_avgpool_same_th": "nothing in its file tells Theano",
    "k3_hashing_int": "Hashing x1",  # a hash of texts
    "k3_op_affine": "AffineTransform x1",
}
"""Cases that are refused, and what the message says."""


@pytest.mark.skipif(not CASES, reason="there is no ../shared beside the checkout")
def test_few_are_refused() -> None:
    assert len(REFUSED) <= 0.03 * len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_meets_keras(shared: Path, name: str) -> None:
    case = corpus.case(shared / "corpus" / "keras" / name)
    expected = case.info.get("expect", "")
    if expected == "refuse" or name in REFUSED:
        with pytest.raises(Error, match=REFUSED.get(name)):
            corpus.convert(case.source)
        return
    with contextlib.suppress(Error) if expected else contextlib.nullcontext():
        assert corpus.unmet(case) == []


@pytest.mark.parametrize("name", [name for name in sampled(CASES) if name not in REFUSED])
def test_channels_first(shared: Path, name: str) -> None:
    """Inputs and outputs as other frameworks have them."""
    case = corpus.case(shared / "corpus" / "keras" / name)
    case = replace(case, source=replace(case.source, keep_layout=False))
    expected = case.info.get("expect", "")
    with contextlib.suppress(Error) if expected else contextlib.nullcontext():
        assert corpus.unmet(case) == []
