"""Networks as CNTK's examples build them: layers are read as what they are, with CNTK's figures."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

import mmdnn
from helpers.cntk import zoo as cntk_zoo
from mmdnn.frameworks.cntk import engine as cntk
from mmdnn.frameworks.onnx import engine
from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.exporter import from_ir
from mmdnn.registry import Source

LAYERS = {
    "resnet18": {
        "Conv": 20,
        "BatchNormalization": 20,
        "Relu": 17,
        "Add": 8,
        "MaxPool": 1,
        "AveragePool": 1,
        "Flatten": 1,
        "Gemm": 1,
    },
    "resnet20": {
        "Conv": 9,
        "BatchNormalization": 9,
        "Relu": 7,
        "Add": 3,
        "AveragePool": 1,
        "Flatten": 1,
        "Gemm": 1,
    },
    "inception_v3": {
        "Sub": 1,
        "Mul": 1,
        "Conv": 96,
        "BatchNormalization": 96,
        "Relu": 96,
        "MaxPool": 4,
        "AveragePool": 11,
        "Concat": 15,
        "Dropout": 1,
        "Flatten": 2,
        "Gemm": 2,
    },
    "alexnet": {
        "Sub": 1,
        "Conv": 5,
        "Relu": 7,
        "LRN": 2,
        "MaxPool": 3,
        "Flatten": 1,
        "Gemm": 3,
        "Dropout": 2,
    },
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return cntk_zoo.build(tmp_path_factory.mktemp("zoo"), cntk_zoo.SMALL)


def _pictures(model: Path) -> dict[str, np.ndarray]:
    with np.load(model.with_suffix(".npz")) as known:
        return {"features": known["x"]}


@pytest.mark.parametrize("name", list(cntk_zoo.SMALL))
def test_layers_are_what_they_are(name: str, models: dict[str, Path]) -> None:
    model = mmdnn.load(models[name])
    found = Counter(node.op_type for node in model.graph)
    assert found == LAYERS[name.removesuffix("_blocks")]
    values = engine.run(model, _pictures(models[name]))
    with np.load(models[name].with_suffix(".npz")) as known:
        wanted = known["y"]
    first = str(model.graph.outputs[0].name)
    np.testing.assert_allclose(values[first], wanted, rtol=0, atol=1e-4 * wanted.std())


def test_names_and_biases(models: dict[str, Path]) -> None:
    model = mmdnn.load(models["alexnet"])
    nodes = {str(node.outputs[0].name): node for node in model.graph}
    for name, weights in {
        "conv2": ["conv2.W", "conv2.b"],
        "fc6": ["fc6.W", "fc6.b"],
    }.items():
        assert [str(value.name) for value in nodes[name].inputs[1:]] == weights
        assert isinstance(nodes[name].inputs[2].const_value, ir.ExternalTensor)
    assert {"relu1", "norm1", "pool1", "drop6", "fc8"} <= nodes.keys()
    ratio = nodes["drop6"].inputs[1].const_value
    assert ratio.numpy() == np.float32(0.5)


def test_a_block_keeps_its_name_from_what_is_inside(models: dict[str, Path]) -> None:
    """CNTK gives the name of a quotient to the product inside as well."""
    found = cntk.run(Source(models["alexnet"]), _pictures(models["alexnet"]))
    assert found["norm1"].shape == (1, 6, 15, 15)


def test_layers_that_nobody_named_are_called_by_their_kind(models: dict[str, Path]) -> None:
    """CNTK numbers them: Block22, Plus250; what the user has named keeps its name."""
    model = mmdnn.load(models["resnet20"])
    program = from_ir(model)
    names = re.findall(r"self\.(\w+) = \w+(?:\.\w+)?\(", codegen.source(program))
    assert names[-6:] == ["conv", "bn", "block1", "block2", "block3", "z"]
