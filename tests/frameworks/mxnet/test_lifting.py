"""Operators that come back as they were, if what is said of them is what the nodes compute."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

import mmdnn
from mmdnn.frameworks.mxnet import exporter, importer
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol
from mmdnn.ir import PARAMETERS

Change = Callable[[dict[str, Any]], Any]


def network(op: str, *labels: str, **attrs: str) -> Model:
    """One operator, whose arrays are of ones."""
    data, *others = [Node(VARIABLE, name) for name in ("data", *labels)]
    layer = Node(op, "layer", attrs, [Entry(data), *map(Entry, others)])
    model = Model(Symbol([data, *others, layer], [Entry(layer)]))
    model.inputs = {"data": (2, 3, 4, 4)}
    model.labels = tuple(name for name in labels if name.endswith("label"))
    model.params = {
        name: ir.tensor(np.ones(3, np.float32)) for name in labels if name not in model.labels
    }
    return model


def operators(model: ir.Model) -> list[tuple[str, dict[str, str], list[str]]]:
    return [
        (node.op, node.attrs, [entry.node.name for entry in node.inputs])
        for node in exporter.from_ir(model).symbol.operators
    ]


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("L2Normalization", {"mode": "channel", "eps": "1e-5"}),
        ("_div_scalar", {"scalar": "255.0"}),
        ("SwapAxis", {"dim1": "1", "dim2": "3"}),
        ("expand_dims", {"axis": "-1"}),
        ("MakeLoss", {"grad_scale": "0.1"}),
        ("BlockGrad", {}),
        ("Pooling", {"kernel": "(7, 7)", "global_pool": "True", "pool_type": "avg"}),
    ],
)
def test_parameters_are_what_they_were(op: str, attrs: dict[str, str]) -> None:
    assert operators(importer.to_ir(network(op, **attrs))) == [(op, attrs, ["data"])]


def test_a_label_comes_back() -> None:
    model = importer.to_ir(network("SoftmaxOutput", "softmax_label", multi_output="True"))
    assert operators(model) == [
        ("SoftmaxOutput", {"multi_output": "True"}, ["data", "layer_label"])
    ]


def test_it_comes_back_from_a_file(tmp_path: Path) -> None:
    model = importer.to_ir(network("L2Normalization", mode="spatial"))
    mmdnn.save(model, tmp_path / "net.onnx")
    assert operators(mmdnn.load(tmp_path / "net.onnx")) == [
        ("L2Normalization", {"mode": "spatial"}, ["data"])
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["attrs"].update(mode="instance"),
        lambda said: said["attrs"].update(eps="0.5"),
        lambda said: said["attrs"].update(mode=["channel"]),
        lambda said: said.update(op="no such operator"),
        lambda said: said.update(op="abs"),
        lambda said: said.update(attrs=None),
        lambda said: said.update(outputs=7),
        lambda said: said.update(inputs=["data", "data"]),
        lambda said: said.clear(),
    ],
)
def test_what_is_said_is_not_trusted(change: Change) -> None:
    """It is written operator by operator then, and computes the same."""
    model = importer.to_ir(network("L2Normalization", mode="channel"))
    plain = operators(_told(model, lambda _said: "no JSON"))
    assert len(plain) > 1
    assert operators(_told(model, change)) == plain


def _told(model: ir.Model, change: Change) -> ir.Model:
    model = model.clone()
    for node in model.graph:
        said = json.loads(node.metadata_props[PARAMETERS])
        text = change(said)
        node.metadata_props[PARAMETERS] = text if isinstance(text, str) else json.dumps(said)
    return model


def test_deep_nesting_is_no_proposal() -> None:
    model = importer.to_ir(network("_div_scalar", scalar="255.0"))
    made = operators(_told(model, lambda _said: "[" * 100_000))
    assert [op for op, _, _ in made] != []
