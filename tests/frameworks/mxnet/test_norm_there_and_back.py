"""Batch normalisation keeps what only training reads, and a gamma that nothing reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

import mmdnn
from mmdnn.frameworks.mxnet import reader
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol
from mmdnn.frameworks.mxnet.writer import write
from mmdnn.registry import Source
from mmdnn.tensors import references

STATES = ("gamma", "beta", "moving_mean", "moving_var")


def network(folder: Path, **attrs: str) -> list[Path]:
    """One normalisation, whose arrays are 1, 2, 3, ... in their order, and no gamma is 1."""
    variables = [Node(VARIABLE, "data", {"__shape__": "(0, 3, 4, 4)"})]
    variables += [Node(VARIABLE, f"bn_{name}") for name in STATES]
    norm = Node("BatchNorm", "bn", attrs, [Entry(node) for node in variables])
    arrays = np.arange(12, dtype=np.float32).reshape(4, 3) + 2
    params = {f"bn_{name}": ir.tensor(array) for name, array in zip(STATES, arrays, strict=True)}
    model = Model(Symbol([*variables, norm], [Entry(norm)]), params)
    model.auxiliary = {"bn_moving_mean", "bn_moving_var"}
    return write(model, folder / "net")


def back(files: list[Path], folder: Path) -> Model:
    mmdnn.convert(*files, folder / "back-symbol.json", verify=False)
    model: Model = reader.read(Source(folder / "back-symbol.json", folder / "back-0000.params"))
    return model


@pytest.mark.parametrize("fixed", ["True", "False"])
def test_every_array_is_the_same(fixed: str, tmp_path: Path) -> None:
    files = network(tmp_path, fix_gamma=fixed)
    before, after = reader.read(Source(*files)), back(files, tmp_path)
    assert after.params.keys() == before.params.keys()
    for name, tensor in before.params.items():
        np.testing.assert_array_equal(references.read(after.params[name]), references.read(tensor))
    assert after.symbol.operators[0].param("fix_gamma") is (fixed == "True")


def test_a_fixed_gamma_is_1_elsewhere(tmp_path: Path) -> None:
    model = mmdnn.load(network(tmp_path, fix_gamma="True"))
    scale = next(iter(model.graph)).inputs[1]
    assert scale is not None
    assert scale.const_value is not None
    np.testing.assert_array_equal(scale.const_value.numpy(), np.ones(3))


def test_momentum(tmp_path: Path) -> None:
    files = network(tmp_path, momentum="0.99", fix_gamma="False")
    assert back(files, tmp_path).symbol.operators[0].param("momentum") == pytest.approx(0.99)
    pytest.importorskip("torch")
    mmdnn.convert(*files, tmp_path / "net.py", verify=False)
    assert "momentum=0.01" in (tmp_path / "net.py").read_text()


def test_the_usual_momentum_is_not_said(tmp_path: Path) -> None:
    operator = back(network(tmp_path, momentum="0.9"), tmp_path).symbol.operators[0]
    assert "momentum" not in operator.attrs
