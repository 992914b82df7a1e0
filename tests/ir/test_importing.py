"""A layer on its way in, of a made-up framework: a network is a list of layers, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import Error, ShapeError, UnsupportedError
from mmdnn.ir.builder import Builder, Op, static
from mmdnn.ir.importing import GraphImporter, ImportedLayer, Importer, open_where_possible
from mmdnn.tensors import references

DEFAULTS = {"slope": 0.5, "seed": 0, "axis": 1}
FILE = Path("net.tiny")

importer = Importer("Tiny")


@dataclass
class Layer:
    name: str
    type: str
    said: dict[str, Any] = field(default_factory=dict)
    others: Sequence[str] = ()


class Imported(ImportedLayer):
    inputs_are = "bottoms"

    def __init__(self, layer: Layer, graph: GraphImporter) -> None:
        super().__init__(layer.name, layer.type, graph)
        self.said = dict(layer.said)
        self.unknown = dict(layer.said)

    def parameter(self, name: str) -> Any:
        self.unknown.pop(name, None)
        return self.said.get(name, DEFAULTS[name])

    def unread(self) -> dict[str, object]:
        return self.unknown


@importer("Leaky", unused="seed")
def leaky(_layer: Imported, op: Op, x: ir.Value, *, slope: float) -> ir.Value:
    return op.LeakyRelu(x, alpha=slope)


@importer("Join")
def join(layer: Imported, op: Op, x: ir.Value, y: ir.Value, *, axis: int) -> ir.Value:
    return op.Concat(x, y, axis=layer.axis(axis, x))


@importer("Flat")
def flat(_layer: Imported, op: Op, x: ir.Value) -> ir.Value:
    return op.Reshape(x, [int(np.prod(static(x)))])


@importer("Halves")
def halves(_layer: Imported, op: Op, x: ir.Value) -> tuple[ir.Value, ...]:
    return op.outputs(2).Split(x, axis=1, num_outputs=2)


@importer("Root")
def root(_layer: Imported, op: Op, x: ir.Value, *, axis: int) -> ir.Value:
    return op.Mul(x, np.float32([0.0][axis]))


def graph(size: int | str = 3) -> tuple[GraphImporter, ir.Value]:
    made = GraphImporter(Builder("mmdnn.tiny"), FILE)
    return made, made.builder.input("x", [size, 4])


def read(*layers: Layer, size: int | str = 3) -> ir.Model:
    made, x = graph(size)
    for layer in layers:
        imported = Imported(layer, made)
        inputs = [x, *(made.builder.constant(np.ones((3, 4), np.float32)) for _ in layer.others)]
        with made.errors_of(imported), made.builder.layer(layer.name, layer.type):
            x = imported.call(importer.entry(layer.type), inputs)[0]
    made.builder.graph.outputs.append(x)
    return made.builder.model()


def test_keywords_are_the_parameters() -> None:
    (node,) = read(Layer("a", "Leaky", {"slope": 0.1, "seed": 7})).graph
    assert node.attributes["alpha"].value == pytest.approx(0.1)


def test_defaults_are_the_frameworks() -> None:
    (node,) = read(Layer("a", "Leaky")).graph
    assert node.attributes["alpha"].value == 0.5


def test_several_outputs() -> None:
    made, x = graph()
    assert len(Imported(Layer("h", "Halves"), made).call(importer.entry("Halves"), [x])) == 2


@pytest.mark.parametrize(
    ("layer", "type_", "message"),
    [
        (Layer("b", "Leaky", {"clip": 6}), UnsupportedError, "its parameter clip = 6 is not known"),
        (Layer("b", "Join"), ShapeError, "it cannot have 1 bottoms"),
        (Layer("b", "Leaky", others="y"), ShapeError, "it cannot have 2 bottoms"),
        (Layer("b", "Join", {"axis": 2}, "y"), ShapeError, "axis 2 is out of range for 2 axes"),
        (Layer("b", "Root", {"axis": 9}), ShapeError, "its parameters do not fit its bottoms"),
    ],
)
def test_an_error_says_what_and_where(layer: Layer, type_: type[Error], message: str) -> None:
    with pytest.raises(type_, match=message) as raised:
        read(Layer("a", "Leaky"), layer)
    error = raised.value
    assert (error.layer, error.operator, error.file) == ("b", layer.type, FILE)


def test_all_unknown_layers_are_listed_at_once() -> None:
    importer.check([("Leaky", "a")], FILE)
    with pytest.raises(UnsupportedError) as raised:
        importer.check([("Leaky", "a"), ("Warp", "b"), ("Weft", "c"), ("Warp", "d")], FILE)
    assert "2 operators cannot be read from Tiny" in str(raised.value)
    assert "Warp x2: b, d" in str(raised.value)
    assert raised.value.file == FILE


def attempts(sizes: dict[int, str], *layers: Layer, size: str | None = None) -> ir.Model:
    return open_where_possible(
        lambda sizes: read(*layers, size=size or sizes.get(3, 3)),
        sizes,
        lambda missing: ShapeError(f"the shape of '{missing}' is not known"),
    )


def test_a_size_stays_open_where_nothing_needs_it() -> None:
    model = attempts({3: "batch"}, Layer("a", "Leaky"))
    assert model.graph.outputs[0].shape == ir.Shape(["batch", 4])


def test_a_size_that_is_needed_is_that_of_the_file() -> None:
    model = attempts({3: "batch", 5: "other"}, Layer("a", "Flat"))
    assert model.graph.outputs[0].shape == ir.Shape([12])


def test_a_size_that_no_file_says_is_an_error() -> None:
    with pytest.raises(ShapeError, match="the shape of 'x' is not known"):
        attempts({3: "batch"}, Layer("a", "Flat"), size="open")


def test_a_weight_is_changed_once_for_all_layers() -> None:
    made, x = graph()
    tensor = ir.tensor(np.arange(6, dtype=np.float32).reshape(2, 3), name="w")
    weight = made.builder.initializer("w", tensor)
    weight.metadata_props["mmdnn.computed"] = "yes"
    turned = made.changed(weight, "turned", references.transpose, (3, 2))
    assert turned is made.changed(weight, "turned", references.transpose, (3, 2))
    flat = made.reshaped(weight, (6,))
    assert turned is not None
    assert flat is not None
    assert (turned.name, flat.name) == ("w_turned", "w_reshaped")
    assert turned.metadata_props == weight.metadata_props
    assert made.sources == {turned: weight, flat: weight}
    assert turned.const_value is not None
    np.testing.assert_array_equal(references.read(turned.const_value), tensor.numpy().T)
    assert made.changed(x, "turned", references.transpose) is None


def test_names_of_the_source_are_given_once() -> None:
    made, x = graph()
    made.reserve(["y"])
    first, second = made.builder.op.Relu(x), made.builder.op.Relu(x)
    made.rename(first, "y")
    made.rename(second, "y")
    assert (first.name, second.name) == ("y", "y_1")
    assert made.named == {first, second}
