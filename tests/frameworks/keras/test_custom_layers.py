"""Layers of the user's, by a file that says what they compute."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("onnxruntime")

from helpers import keras as corpus
from mmdnn.cli import mmconvert
from mmdnn.frameworks.keras.importer import importer
from mmdnn.frameworks.onnx import engine
from mmdnn.registry import Source

DOUBLER = """
from mmdnn.frameworks.keras.importer import importer

@importer("{name}", unused="n")
def doubler(node, op, x):
    return op.Mul(x, float(node.parameter("n")))
"""


def test_a_registered_class(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shared / "corpus" / "keras" / "k3_custom_layer"
    monkeypatch.setattr(importer, "entries", dict(importer.entries))
    monkeypatch.chdir(tmp_path)
    line = f"{folder / 'model.keras'} -df onnx -om net.onnx --noVerify"
    assert mmconvert.main(shlex.split(line)) == 1
    said = capsys.readouterr().err
    assert "--customLayers" in said
    name = next(text.split(" x1")[0].strip() for text in said.splitlines() if " x1: " in text)
    (tmp_path / "own.py").write_text(DOUBLER.format(name=name))
    assert mmconvert.main(shlex.split(f"{line} --customLayers own.py")) == 0
    case = corpus.case(folder)
    found = engine.run(Source(tmp_path / "net.onnx"), case.inputs)
    [wanted] = case.outputs
    assert any(
        a.shape == wanted.shape and np.allclose(a, wanted, 1e-4, 1e-5) for a in found.values()
    )


@pytest.mark.parametrize(
    ("text", "words"), [(None, "no such file"), ("1 / 0", "ZeroDivisionError")]
)
def test_a_file_that_fails(
    tmp_path: Path, text: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "own.py").write_text(text)
    line = f"no.h5 -df onnx -om {tmp_path / 'n.onnx'} --customLayers {tmp_path / 'own.py'}"
    assert mmconvert.main(shlex.split(line)) == 1
    assert words in capsys.readouterr().err
