"""Keras itself: what it gives for its own files, by the importer's names; what is not run in it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("h5py")

from helpers import keras as corpus
from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.keras import engine
from mmdnn.verify import environments

HERE = all(importlib.util.find_spec(name) for name in ("keras", "tensorflow"))


def old() -> bool:
    try:
        environments.interpreter("keras-old")
    except Error:
        return False
    return True


def unmet(folder: Path) -> list[str]:
    case = corpus.case(folder)
    found = engine.run(case.source, case.inputs)
    return list(corpus.differences(case.layers, found, case.bound))


@pytest.mark.skipif(not HERE, reason="Keras 3 is not installed")
@pytest.mark.parametrize(
    "name",
    ["k3_nested_deep", "k3_shared_thrice", "k3_avgpool2d_cf", "k3_weights_sharded", "tk_form_h5"],
)
def test_keras_3(shared: Path, name: str) -> None:
    assert unmet(shared / "corpus" / "keras" / name) == []


@pytest.mark.skipif(not old(), reason="there is no environment keras-old")
@pytest.mark.parametrize("name", ["k2_nested", "k2_net_inception"])
def test_keras_2(shared: Path, name: str) -> None:
    assert unmet(shared / "corpus" / "keras" / name) == []


@pytest.mark.skipif(not HERE, reason="Keras 3 is not installed")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("k3_lambda", "its Python code is not run"),
        ("k1_bn_tf", "no engine here runs what Keras 1 has saved"),
        ("tk_lstm_hardsig", "computes it otherwise than tf.keras"),
        ("tk_op_math", "computes it otherwise than tf.keras"),
    ],
)
def test_what_is_not_run(shared: Path, name: str, words: str) -> None:
    case = corpus.case(shared / "corpus" / "keras" / name)
    with pytest.raises(UnsupportedError, match=words):
        engine.run(case.source, case.inputs)
