"""Nodes that say what cannot be: an error with the layer's name, whatever they are written as."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest

from helpers.recurrent.recurrence import Case
from mmdnn.errors import Error
from mmdnn.frameworks.caffe import exporter as caffe
from mmdnn.frameworks.mxnet import exporter as mxnet

Damage = Callable[[ir.Node], None]


def weight(place: int, *shape: int) -> Damage:
    def damage(node: ir.Node) -> None:
        value = node.inputs[place]
        assert value is not None
        value.const_value = ir.tensor(np.zeros(shape, np.float32), name=value.name)
        value.shape = ir.Shape(shape)

    return damage


def fed(place: int, *shape: int) -> Damage:
    def damage(node: ir.Node) -> None:
        value = node.inputs[place]
        assert value is not None
        value.shape = ir.Shape(shape)

    return damage


def attribute(name: str, value: object) -> Damage:
    def damage(node: ir.Node) -> None:
        node.attributes[name] = ir.convenience.convert_attribute(name, value)

    return damage


def missing(place: int) -> Damage:
    return lambda node: node.replace_input_with(place, None)


CASES: dict[str, tuple[str, Damage]] = {
    "no_input": ("it has no X", missing(0)),
    "no_weights": ("it has no W", missing(1)),
    "no_recurrence": ("it has no R", missing(2)),
    "flat_input": ("its X has the shape", fed(0, 5, 8)),
    "rows": ("its W has the shape", weight(1, 1, 13, 4)),
    "features": ("its W has the shape", weight(1, 1, 12, 5)),
    "directions": ("its W has the shape", weight(1, 2, 12, 4)),
    "state": ("its R has the shape", weight(2, 1, 12, 4)),
    "no_rows": ("its R has the shape", weight(2, 1, 0, 0)),
    "scalar_bias": ("its B has the shape", weight(3)),
    "half_bias": ("its B has the shape", weight(3, 1, 12)),
    "streams": ("its initial_h has the shape", fed(5, 1, 3, 3)),
    "lengths": ("its sequence_lens has the shape", fed(4, 3)),
    "size": ("its W has the shape", attribute("hidden_size", 4)),
    "no_size": ("has the shape", attribute("hidden_size", 0)),
    "direction": ("the direction up is unknown", attribute("direction", "up")),
    "direction_number": ("direction is of type int", attribute("direction", 1)),
    "activation": ("the activation Foo is unknown", attribute("activations", ["Foo"] * 3)),
    "activations": ("it has 2 activations", attribute("activations", ["Tanh"] * 2)),
    "alpha": ("Affine has no alpha", attribute("activations", ["Tanh", "Affine", "Tanh"])),
    "clip": ("its clip is", attribute("clip", -1.0)),
    "clip_text": ("clip is of type string", attribute("clip", "1")),
    "of_another": ("linear_before_reset is unknown", attribute("linear_before_reset", 1)),
    "unknown": ("its attribute speed is unknown", attribute("speed", 1)),
}


def written_as(framework: str) -> Callable[[ir.Model], object]:
    if framework == "pytorch":
        pytest.importorskip("torch")
        from mmdnn.frameworks.pytorch import exporter

        return exporter.from_ir
    return {"mxnet": mxnet, "caffe": caffe}[framework].from_ir


@pytest.mark.parametrize("framework", ["pytorch", "mxnet", "caffe"])
@pytest.mark.parametrize("name", CASES)
def test_damaged(name: str, framework: str) -> None:
    reason, damage = CASES[name]
    model, _ = Case("LSTM", inputs=("B", "lengths", "h", "c")).model()
    damage(model.graph[0])
    write = written_as(framework)
    with pytest.raises(Error, match=reason) as caught:
        write(model)
    assert caught.value.layer == "layer"
