"""A node on its way out: its attributes become parameters, or the node is refused by name."""

from functools import partial
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mmdnn import registry
from mmdnn.errors import UnsupportedError
from mmdnn.ir import LAYER, OPSET, TYPE
from mmdnn.ir.builder import Builder
from mmdnn.ir.exporting import WINDOW, ExportedNode, Exporter, Held, Refusals, shortest
from mmdnn.ir.operators import Entry
from mmdnn.ir.passes.defaults import LEFT_OUT

NEWEST = 28
"""The opset that the table of exporters was written with."""


def written(exporter: Exporter, op_type: str, domain: str = "", **attributes: Any) -> Any:
    """What the function returns for a node with these attributes, and the schema's defaults."""
    x = ir.val("x", dtype=ir.DataType.FLOAT, shape=ir.Shape([2, 3]))
    props = {LAYER: "act1", TYPE: "Activation"}
    node = ir.node(op_type, [x], attributes, domain=domain, metadata_props=props)
    graph = ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": OPSET}, name="g")
    (node,) = exporter.canonical(ir.Model(graph, ir_version=10)).graph
    return exporter.write(ExportedNode(node), "x")


@pytest.fixture
def exporter() -> Exporter:
    return Exporter("Elsewhere")


def test_keywords_are_the_attributes(exporter: Exporter) -> None:
    @exporter("Elu")
    def elu(_node: Any, x: str, *, alpha: float) -> Any:
        return x, alpha

    assert written(exporter, "Elu", alpha=0.1) == ("x", 0.1)
    assert written(exporter, "Elu") == ("x", 1.0)


def test_an_attribute_that_nobody_names_is_refused_by_name(exporter: Exporter) -> None:
    exporter("Elu")(lambda _node, x: x)
    with pytest.raises(
        UnsupportedError, match="its attribute alpha is not handled for Elsewhere"
    ) as e:
        written(exporter, "Elu", alpha=0.5)
    assert (e.value.layer, e.value.operator) == ("act1", "Activation")


def test_it_may_be_what_it_is_by_default(exporter: Exporter) -> None:
    exporter("Elu")(lambda _node, x: x)
    assert written(exporter, "Elu", alpha=1.0) == written(exporter, "Elu") == "x"


def test_it_may_be_anything_where_it_is_unused(exporter: Exporter) -> None:
    exporter("LayerNormalization", unused="stash_type axis")(lambda _node, x, *, epsilon: epsilon)
    assert written(exporter, "LayerNormalization", stash_type=10, axis=0) == 1e-5
    with pytest.raises(UnsupportedError, match="its attribute odd is not handled"):
        written(exporter, "LayerNormalization", odd=1)


def test_none_is_for_an_attribute_without_a_default(exporter: Exporter) -> None:
    exporter("Transpose")(lambda _node, _x, *, perm=None: perm)
    assert written(exporter, "Transpose") is None
    assert written(exporter, "Transpose", perm=[1, 0]) == [1, 0]


def test_an_attribute_that_must_be_there_is_missed_by_name(exporter: Exporter) -> None:
    exporter("mmdnn.test::Crop")(lambda _node, _x, *, offset: offset)
    assert written(exporter, "Crop_2", "mmdnn.test", offset=3) == 3
    with pytest.raises(UnsupportedError, match="its attribute offset is missing"):
        written(exporter, "Crop", "mmdnn.test")


def test_no_function_has_a_default_of_its_own(exporter: Exporter) -> None:
    with pytest.raises(ValueError, match="a default of its own for alpha"):
        exporter("Elu")(lambda _node, x, *, alpha=1.0: x * alpha)


def test_a_window_is_in_numbers(exporter: Exporter) -> None:
    exporter("MaxPool", unused="storage_order")(lambda _node, x, *, window: window)
    x = ir.val("x", dtype=ir.DataType.FLOAT, shape=ir.Shape([1, 2, 7, 8]))
    node = ir.node("MaxPool", [x], {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"})
    graph = ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": OPSET}, name="g")
    (node,) = exporter.canonical(ir.Model(graph, ir_version=10)).graph
    window = exporter.write(ExportedNode(node), "x")
    assert (window.pads, window.sizes, window.counts) == ([1, 1, 1, 1], [7, 8], [7, 8])


def test_a_function_for_all_attributes_minds_them_itself(exporter: Exporter) -> None:
    exporter("mmdnn.test::Any", unused="hint")(lambda _node, _x, **attributes: attributes)
    assert written(exporter, "Any", "mmdnn.test", a=1, b="b", hint=3) == {"a": 1, "b": "b"}


def test_values_are_pythons_own(exporter: Exporter) -> None:
    exporter("mmdnn.test::Any")(lambda _node, _x, **attributes: attributes)
    given = {"f": 0.1, "fs": [0.1, 2.0], "i": 1, "s": "s", "ss": ["a"]}
    found = written(exporter, "Any", "mmdnn.test", **given, t=ir.tensor(np.ones(2, np.float32)))
    assert found.pop("t").numpy().tolist() == [1, 1]
    assert found == given


@pytest.mark.parametrize(
    ("number", "expected"),
    [(np.float32(0.1), 0.1), (0.1, 0.1), (1e-5, 1e-5), (3, 3.0), (float("inf"), float("inf"))],
)
def test_floats_are_the_shortest_decimals(number: float, expected: float) -> None:
    assert shortest(number) == expected


def test_the_largest_float_is_not_made_larger() -> None:
    largest = float(np.finfo(np.float32).max)
    assert shortest(largest) == largest
    assert shortest(-largest) == -largest


def test_operators_that_there_are_not_are_listed_at_once(exporter: Exporter) -> None:
    exporter("Relu")(lambda _node, x: x)
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3))
    y = builder.op.Relu(builder.op.Sin(builder.op.Cos(x)))
    builder.graph.outputs.append(y)
    with pytest.raises(UnsupportedError) as error:
        exporter.check(exporter.canonical(builder.model()))
    assert "2 operators cannot be written as Elsewhere" in error.value.message
    assert "Cos x1" in error.value.message
    assert "Sin x1" in error.value.message


def test_nodes_that_do_not_fit_are_spelled_out(exporter: Exporter) -> None:
    exporter("Gelu")(lambda _node, x: x)
    exporter.unfit("Gelu")(lambda node: node.attributes["approximate"].as_string() != "none")
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3))
    builder.graph.outputs.extend([builder.op.Gelu(x), builder.op.Gelu(x, approximate="tanh")])
    types = [node.op_type for node in exporter.canonical(builder.model()).graph]
    assert types.count("Gelu") == 1
    assert "Tanh" in types


def test_a_domain_may_be_written_without_the_table() -> None:
    exporter = Exporter("Elsewhere", domain="mmdnn.lifted")
    assert "mmdnn.lifted::Convolution" in exporter
    assert "mmdnn.other::Convolution" not in exporter


def test_axes_are_counted_from_the_front() -> None:
    node = ExportedNode(ir.node("Softmax", [], name="n"))
    assert [node.front(axis, 3) for axis in (-3, -1, 0, 2)] == [0, 2, 0, 2]
    assert node.front(0, 0) == 0
    with pytest.raises(UnsupportedError, match="there is no axis 3 among 3"):
        node.front(3, 3)


def functions() -> list[Any]:
    """Every function of the exporters that is for ONNX's own operators, with all its entries."""
    found: dict[tuple[str, Any], list[Entry]] = {}
    for name in ("caffe", "cntk", "mxnet", "pytorch"):
        for entry in registry.framework(name).room("exporter").exporter:
            found.setdefault((name, entry.function), []).append(entry)
    return [
        pytest.param(entries, id=f"{name}-{entries[0].type}")
        for (name, _), entries in found.items()
        if "mmdnn" not in entries[0].type
    ]


def attributes_of(type_: str, *, latest: bool = False) -> dict[str, bool]:
    """The attributes in the schema of the IR's opset, or of a later one; whether one may be absent."""
    domain, _, name = type_.rpartition("::")
    version = 1000
    if not latest and not domain and onnx.defs.has(name, OPSET):
        version = OPSET
    schema: Any = onnx.defs.get_schema(name, version, domain)
    return {
        key: (not value.required and not value.default_value.type) or (name, key) in LEFT_OUT
        for key, value in schema.attributes.items()
    }


@pytest.mark.parametrize("entries", functions())
def test_a_signature_is_the_schema(entries: list[Entry]) -> None:
    """A keyword is an attribute, and None by default where one of its operators may be without it."""
    schemas = [attributes_of(entry.type) for entry in entries]
    keywords = entries[0].keywords
    assert not keywords.unused & keywords.names.keys()
    later = [attributes_of(entry.type, latest=True) for entry in entries]
    if onnx.defs.onnx_opset_version() >= NEWEST:  # an older onnx does not know them all
        assert keywords.unused <= {name for schema in (*schemas, *later) for name in schema}
    for name, optional in keywords.names.items():
        if name == WINDOW:
            assert all("strides" in schema for schema in schemas)
            continue
        assert any(name in schema for schema in schemas), name
        assert optional == any(schema.get(name, True) for schema in schemas), name


def test_refusals_are_told_together() -> None:
    def refuse(node: ExportedNode, error: Exception) -> None:
        raise error

    nodes = [ExportedNode(ir.node("Relu", [], name=f"r{i}")) for i in range(3)]
    refusals = Refusals("Caffe")
    refusals.check()
    assert refusals.attempt(nodes[0], lambda: None)
    errors = UnsupportedError("no", layer="r1", operator="Relu"), ValueError("3 for 4")
    for node, error in zip(nodes[1:], errors, strict=True):
        assert not refusals.attempt(node, partial(refuse, node, error))
    with pytest.raises(UnsupportedError, match="2 layers cannot be written as Caffe") as caught:
        refusals.check()
    assert "layer 'r1' (Relu): no" in str(caught.value)
    assert "layer 'r2' (Relu): its sizes do not fit (3 for 4)" in str(caught.value)
    assert "mmlist caffe" in str(caught.value)


def test_a_weight_is_a_constant_that_no_source_code_holds() -> None:
    class Operand(Held):
        def __init__(self, value: ir.Value | None) -> None:
            self.value = value

    builder = Builder("test")
    weight = builder.initializer("w", ir.tensor(np.ones(3, np.float32)))
    assert Operand(weight).is_weight
    assert not Operand(builder.constant([1.0, 2.0])).is_weight
    assert not Operand(builder.input("x", [3])).is_weight
    assert not Operand(None).is_weight
