"""Every operator that is read or written is in some test of this repository."""

from __future__ import annotations

import re
from functools import cache

import pytest

from differential.case import cases
from helpers import ROOT
from mmdnn import registry

HERE = "every_operator"
_RANDOM = "no two runs are alike"
_SUITE = "ONNX's backend suite has it: tools/backend_suite.py"
OTHERWISE = {
    **dict.fromkeys(("Bernoulli", "Multinomial", "RandomNormal", "RandomUniform"), _RANDOM),
    **dict.fromkeys(("RandomUniformLike", "SequenceMap"), _SUITE),
    **dict.fromkeys(("ai.onnx.ml::ArrayFeatureExtractor", "ai.onnx.ml::Binarizer"), _SUITE),
    "mmdnn::ProjectedLSTM": "the case seq_lstm_projected of CNTK",
    "mmdnn.caffe::LRNWithinChannel": "tests/frameworks/caffe/test_importer_layers.py reads it",
}
"""Operators that are written, and tested elsewhere or in no way."""


@cache
def written() -> str:
    """The tests of this repository."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    return "\n".join(path.read_text() for path in files if HERE not in path.name)


def is_named(operator: str) -> bool:
    """Whether a test has the operator: its type, a call, or a node of ONNX's text."""
    name = re.escape(operator.rpartition("::")[2])
    return re.search(rf'"{name}"|\b{name} ?[(<\[]', written()) is not None


@pytest.mark.parametrize("framework", ["caffe", "cntk", "mxnet"])
def test_that_is_read(framework: str) -> None:
    """CNTK's and MXNet's are counted as they are read: `conformance.<framework>`."""
    table = registry.framework(framework).room("importer").importer
    if framework == "caffe":
        assert [entry.type for entry in table if not is_named(entry.type)] == []
    else:
        assert (ROOT / "tests" / "conformance" / framework / "cases.tar.xz").is_file()


@pytest.mark.parametrize("framework", ["caffe", "cntk", "mxnet", "pytorch"])
def test_that_is_written(framework: str) -> None:
    """CNTK's and MXNet's own functions are counted as they are written: `conformance.<framework>`."""
    table = registry.framework(framework).room("exporter").exporter
    known = {case.operator for case in cases()} | OTHERWISE.keys()
    own = f"mmdnn.{framework}::" if framework in {"cntk", "mxnet"} else "none"
    missing = [entry.type for entry in table if entry.type not in known]
    assert [t for t in missing if not is_named(t) and not t.startswith(own)] == []
