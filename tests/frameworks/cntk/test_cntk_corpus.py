"""Every model of the corpus as ONNX: what CNTK 2.7 computed, or a refusal with the layer's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SHARED
from helpers.cntk import corpus as cntk_corpus
from helpers.cntk.corpus import REFUSED
from mmdnn.errors import UnsupportedError


@pytest.mark.parametrize("name", [folder.name for folder in cntk_corpus.folders(SHARED)] or [""])
def test_what_cntk_computed(shared: Path, name: str) -> None:
    folder = shared / "corpus" / "cntk" / name
    if name in REFUSED:
        with pytest.raises(UnsupportedError, match="layer '"):
            cntk_corpus.convert(folder)
    else:
        assert cntk_corpus.report(folder) == []


def test_few_are_refused(shared: Path) -> None:
    assert len(REFUSED) <= 0.05 * len(cntk_corpus.folders(shared))


def test_criteria_are_left_out(shared: Path) -> None:
    folder = shared / "corpus" / "cntk" / "train_form"
    model = cntk_corpus.importer.to_ir(cntk_corpus.reader.read(cntk_corpus.source(folder)))
    assert [value.name for value in model.graph.outputs] == ["Block31_Output_0"]
    assert [value.name for value in model.graph.inputs] == ["x"]


def test_a_model_that_has_nothing_but_criteria_gives_what_they_judge(shared: Path) -> None:
    path = shared / "models" / "cntk" / "mnist_cnn_with_loss" / "mnist.cmf"
    found = cntk_corpus.arrange([path])
    assert found is not None
    model = cntk_corpus.importer.to_ir(cntk_corpus.reader.read(found))
    assert [value.name for value in model.graph.outputs] == ["Block633_Output_0"]
