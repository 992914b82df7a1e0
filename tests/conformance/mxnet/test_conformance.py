"""Each operator of MXNet by itself, as MXNet 1.9.1 saves it, against what MXNet computes of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import onnx_ir as ir
import pytest

from conformance import names, observed, unpack
from conformance.mxnet.make import CASES
from helpers.mxnet import corpus
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet import exporter, reader
from mmdnn.frameworks.mxnet.importer import importer
from mmdnn.ir import PARAMETERS


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each network."""
    root = tmp_path_factory.mktemp("networks")
    unpack(CASES, root)
    return root


REFUSED = {
    "_npi_share_memory": "no function of its inputs' numbers",
    "_npx_constraint_check": "no function of its inputs' numbers",
}


def convert(folder: Path) -> ir.Model:
    """The IR for the inputs that the case was fed; a loss has no labels there."""
    feeds = corpus.golden(folder).inputs
    source = corpus.source(folder)
    known = reader.read(source).inputs
    return corpus.convert(source, {name: feeds[name] for name in feeds if name in known})


@pytest.mark.parametrize("name", names(CASES))
def test_what_mxnet_computes(networks: Path, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(UnsupportedError, match=REFUSED[name]):
            convert(networks / name)
        return
    known, model = corpus.golden(networks / name), convert(networks / name)
    outputs = [str(value.name) for value in model.graph.outputs]
    wanted = dict(zip(outputs, known.outputs, strict=True))
    assert list(corpus.differences(wanted, corpus.run(model, known.inputs))) == []


def test_every_operator_is_read(networks: Path) -> None:
    with observed(importer) as used:
        for folder in networks.iterdir():
            if folder.name not in REFUSED:
                convert(folder)
    assert {entry.type for entry in importer} - used == set(REFUSED)


def test_own_functions_are_written(networks: Path) -> None:
    """What ONNX has no operator for goes back as it came, without a note of what it was too."""
    with observed(exporter.exporter) as used:
        for folder in networks.iterdir():
            if folder.name not in REFUSED:
                model = convert(folder)
                for node in model.graph:
                    node.metadata_props.pop(PARAMETERS, None)
                with suppress(UnsupportedError):
                    exporter.from_ir(model)
    own = {entry.type for entry in exporter.exporter if entry.type.startswith("mmdnn.mxnet::")}
    assert own - used == set()
