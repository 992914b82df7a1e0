"""Defaults of attributes: what the schema says is in the nodes, and nothing else."""

import onnx_ir as ir
import pytest

from mmdnn.ir.builder import Builder
from mmdnn.ir.passes.canonical import canonical
from mmdnn.ir.passes.defaults import add_defaults, defaults, integer


def model_of(node: ir.Node, opset: int = 22, **opsets: int) -> ir.Model:
    inputs = [value for value in node.inputs if value is not None and value.producer() is None]
    graph = ir.Graph(
        inputs, node.outputs, nodes=[node], opset_imports={"": opset, **opsets}, name="g"
    )
    return ir.Model(graph, ir_version=10)


def node_of(op_type: str, domain: str = "", **attributes: object) -> ir.Node:
    x = ir.val("x", dtype=ir.DataType.FLOAT, shape=ir.Shape([2, 3]))
    return ir.node(op_type, [x], attributes, domain=domain)


def found(node: ir.Node) -> dict[str, object]:
    return {name: attribute.value for name, attribute in node.attributes.items()}


def test_an_attribute_that_is_said_stays() -> None:
    node = node_of("Elu", alpha=0.5)
    add_defaults(model_of(node))
    assert found(node) == {"alpha": 0.5}


@pytest.mark.parametrize(
    ("op_type", "expected"),
    [
        ("Elu", {"alpha": 1.0}),
        ("Softmax", {"axis": -1}),
        ("Shape", {"start": 0}),
        ("Transpose", {}),
        ("ConstantOfShape", {}),
        ("Split", {"axis": 0}),
        ("Conv", {"auto_pad": "NOTSET", "group": 1}),
    ],
)
def test_what_the_schema_says_is_put_in_and_nothing_else(
    op_type: str, expected: dict[str, object]
) -> None:
    node = node_of(op_type)
    add_defaults(model_of(node))
    assert found(node) == expected


@pytest.mark.parametrize(("opset", "axis"), [(12, 1), (13, -1), (22, -1)])
def test_the_default_is_that_of_the_models_opset(opset: int, axis: int) -> None:
    node = node_of("Softmax")
    add_defaults(model_of(node, opset))
    assert found(node) == {"axis": axis}
    assert node.version == opset
    assert defaults(node)["axis"].value == axis


def test_a_reshape_before_opset_14_has_no_allowzero() -> None:
    node = node_of("Reshape")
    add_defaults(model_of(node, 13))
    assert found(node) == {}


def test_activations_of_an_rnn_are_as_many_as_its_directions() -> None:
    """The schema's default is two of them, whatever the direction."""
    node = node_of("RNN", hidden_size=2)
    add_defaults(model_of(node))
    assert found(node) == {"hidden_size": 2, "direction": "forward", "layout": 0}


def test_operators_of_other_domains_have_theirs() -> None:
    node = node_of("Normalizer", domain="ai.onnx.ml")
    add_defaults(model_of(node, **{"ai.onnx.ml": 3}))
    assert found(node) == {"norm": "MAX"}


def test_local_functions_and_unknown_operators_are_left_alone() -> None:
    for node in (node_of("PriorBox", domain="mmdnn.caffe", clip=1), node_of("NoSuchOperator")):
        before = found(node)
        add_defaults(model_of(node))
        assert found(node) == before


def test_graphs_inside_a_node_have_them_too() -> None:
    inner = ir.node("LeakyRelu", [ir.val("x", dtype=ir.DataType.FLOAT)])
    body = ir.Graph([], inner.outputs, nodes=[inner], name="then")
    other = ir.node("Identity", [inner.inputs[0]])
    otherwise = ir.Graph([], other.outputs, nodes=[other], name="else")
    condition = ir.val("c", dtype=ir.DataType.BOOL)
    node = ir.node("If", [condition], {"then_branch": body, "else_branch": otherwise})
    add_defaults(model_of(node))
    assert inner.attributes["alpha"].as_float() == pytest.approx(0.01)


def test_the_canonical_form_has_them_and_the_model_given_has_not() -> None:
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3, 4, 4))
    builder.graph.outputs.append(builder.op.Gelu(x))
    model = builder.model()
    (node,) = canonical(model, keep={"Gelu"}).graph
    assert found(node) == {"approximate": "none"}
    assert not model.graph[0].attributes


def test_what_the_passes_take_out_is_put_in_again() -> None:
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3, 4, 4))
    numbers = [builder.constant([1.0, 2.0, 3.0], "float32") for _ in range(4)]
    y = builder.op.BatchNormalization(x, *numbers)
    builder.graph.outputs.append(builder.op.MaxPool(y, kernel_shape=[2, 2], auto_pad="VALID"))
    for node in canonical(builder.model(), keep={"BatchNormalization", "MaxPool"}).graph:
        assert defaults(node).keys() <= node.attributes.keys()


def test_what_an_operator_is_spelled_out_as_has_them_too() -> None:
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3))
    builder.graph.outputs.append(builder.op.ThresholdedRelu(x))
    nodes = list(canonical(builder.model(), keep=set()).graph)
    assert len(nodes) > 1
    for node in nodes:
        assert defaults(node).keys() <= node.attributes.keys()


def test_an_integer_of_a_node_of_any_model() -> None:
    assert integer(node_of("Gather"), "axis") == 0
    assert integer(node_of("Gather", axis=1), "axis") == 1
    with pytest.raises(KeyError):
        integer(node_of("Transpose"), "perm")
