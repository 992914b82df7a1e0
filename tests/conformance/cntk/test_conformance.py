"""Each layer and function of CNTK by itself, as CNTK 2.7 saves it, against what CNTK computes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import names, noting, observed, unpack
from conformance.cntk.make import CASES
from helpers.cntk import brainscript_versions, corpus
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import exporter, importer, reader
from mmdnn.frameworks.cntk.importer.flat import blocks
from mmdnn.registry import Source

RANDOM = "random"
OTHERWISE = {
    "EyeLike": "it wants two axes, the batch among them: tests/frameworks/cntk/test_cntk_outputs.py",
    "RandomDistribution": "refused",
    "LogSoftmax": "inside the block of its name only",
    "LocalResponseNormalization (block)": "CNTK's Python calls the block ElementDivide",
}
"""Operators that no case reads, and why."""


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each network."""
    root = tmp_path_factory.mktemp("networks")
    unpack(CASES, root)
    return root


@pytest.mark.parametrize("name", names(CASES))
def test_what_cntk_computes(networks: Path, name: str) -> None:
    if name == RANDOM:
        with pytest.raises(UnsupportedError, match="random numbers"):
            corpus.convert(networks / name)
    else:
        assert corpus.report(networks / name) == []


@contextmanager
def observed_blocks() -> Iterator[set[str]]:
    """The same for blocks that are read as what they are called."""
    used: set[str] = set()
    before = dict(blocks)
    for type_, known in before.items():
        blocks[type_] = [replace(named, entry=noting(used, named.entry)) for named in known]
    try:
        yield used
    finally:
        blocks.update(before)


def test_every_operator_is_read(networks: Path, tmp_path: Path) -> None:
    """What no Python of CNTK 2.7 makes is in the files of CNTK 1."""
    with observed(importer.importer) as used, observed_blocks() as named:
        for folder in networks.iterdir():
            if folder.name != RANDOM:
                corpus.convert(folder)
        for name, function, version in brainscript_versions.all_nets():
            file, *_ = function(version)
            importer.to_ir(reader.read(Source(file.write(tmp_path / name))))
    used |= {f"{type_} (block)" for type_ in named}
    assert {entry.type for entry in importer.importer} - used == set(OTHERWISE)


def test_own_functions_are_written(networks: Path) -> None:
    """What ONNX has no operator for goes back as it came."""
    with observed(exporter.exporter) as used:
        for folder in networks.iterdir():
            if folder.name != RANDOM:
                exporter.from_ir(corpus.convert(folder))
    own = {entry.type for entry in exporter.exporter if entry.type.startswith("mmdnn.cntk::")}
    assert own - used == {"mmdnn.cntk::FirstWhere"}
