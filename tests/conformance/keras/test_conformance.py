"""Each layer and operation of Keras by itself, as Keras saves it, against what Keras computes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("h5py")
pytest.importorskip("onnxruntime")

from conformance import names, observed, unpack
from conformance.keras.make import CASES
from helpers import keras as corpus
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras.importer import importer

REFUSED = {
    "op_b_cross": "Cross x1",
    "op_b_nextafter": "Nextafter x1",
    "op_erfinv": "Erfinv x1",
    "op_gauss": "GaussianBlur x1",
    "op_inv": "Inv x1",
    "op_r_cumprod": "Cumprod x1",
    "op_rgb2hsv": "RGBToHSV x1",
    "op_unfold": "Unfold x1",
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each network."""
    root = tmp_path_factory.mktemp("networks")
    unpack(CASES, root)
    return root


@pytest.mark.parametrize("name", names(CASES))
def test_what_keras_computes(networks: Path, name: str) -> None:
    case = corpus.case(networks / name)
    if name in REFUSED:
        with pytest.raises(UnsupportedError, match=REFUSED[name]):
            corpus.convert(case.source)
        return
    assert corpus.unmet(case) == []


def test_most_operators_are_read(networks: Path) -> None:
    with observed(importer) as used:
        for folder in networks.iterdir():
            if folder.name not in REFUSED:
                corpus.convert(corpus.case(folder).source)
    assert len(used) > 0.75 * len(importer)
