"""Small graphs of TensorFlow in every form, against what TensorFlow computes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from conformance import names, unpack
from helpers import tensorflow as corpus
from mmdnn.errors import Error
from mmdnn.frameworks.tensorflow import arrange, importer, reader

CASES = Path(__file__).with_name("cases.tar.xz")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each graph."""
    root = tmp_path_factory.mktemp("networks")
    unpack(CASES, root)
    return root


@pytest.mark.parametrize("name", names(CASES))
def test_what_tensorflow_computes(networks: Path, name: str) -> None:
    assert corpus.unmet(networks / name, networks / name / "golden.npz") == []


@pytest.mark.parametrize("name", names(CASES))
def test_damaged_files(networks: Path, name: str, tmp_path: Path) -> None:
    """Whatever a byte is, a file is read, or refused by an error of ours."""
    source = corpus.source(networks / name)
    assert source.network is not None
    rng = np.random.default_rng(len(name))
    data = source.network.read_bytes()
    for place in rng.integers(0, len(data), 12):
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(rng.integers(8))
        target = tmp_path / source.network.name
        target.write_bytes(damaged if place % 3 else damaged[:place])
        found = arrange([target])
        if found is not None:
            try:
                importer.to_ir(reader.read(found))
            except Error:
                continue


def test_outputs_and_inputs_that_the_user_names(networks: Path) -> None:
    source = corpus.source(networks / "convolutions")
    model = importer.to_ir(reader.read(replace(source, outputs=("Conv2D",))))
    assert [value.name for value in model.graph.outputs] == ["Conv2D"]
    with pytest.raises(Error, match="the model has no node 'nowhere'"):
        reader.read(replace(source, outputs=("nowhere",)))


def test_a_model_begins_where_the_user_says(networks: Path) -> None:
    source = replace(corpus.source(networks / "branches"), inputs=("Sum",), outputs=("Greater",))
    model = importer.to_ir(reader.read(replace(source, input_shapes={"Sum": ()})))
    assert [value.name for value in model.graph.inputs] == ["Sum"]


def test_signatures(networks: Path) -> None:
    source = corpus.source(networks / "saved_dense")
    with pytest.raises(Error, match=r"(?s)no signature 'other'.*serving_default"):
        reader.read(replace(source, signature="other"))
