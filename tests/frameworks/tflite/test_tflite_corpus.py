"""Every case of the conformance corpus: the IR on onnxruntime meets what the interpreter computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SHARED, sampled

pytest.importorskip("onnxruntime")

from helpers import tflite as corpus
from mmdnn.errors import Error

CASES = sorted(path.parent.name for path in (SHARED / "corpus" / "tflite").glob("*/case.json"))
REFUSED = {"q_fc_i16": "kernel for int16"}
"""Cases that are refused, and what the message says."""


@pytest.mark.skipif(not CASES, reason="there is no ../shared beside the checkout")
def test_few_are_refused() -> None:
    assert len(REFUSED) <= 0.03 * len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_meets_the_interpreter(shared: Path, name: str) -> None:
    case = corpus.case(shared / "corpus" / "tflite" / name)
    if case.is_refused or name in REFUSED:
        with pytest.raises(Error, match=REFUSED.get(name)):
            corpus.convert(case.source)
        return
    assert list(corpus.unmet(case)) == []


@pytest.mark.parametrize("name", [name for name in sampled(CASES) if name not in REFUSED])
def test_channels_first(shared: Path, name: str) -> None:
    """Inputs and outputs as other frameworks have them."""
    case = corpus.case(shared / "corpus" / "tflite" / name, keep=False)
    if not case.is_refused:
        assert list(corpus.unmet(case)) == []
