"""Local functions that multiply are refused before they are inlined."""

from __future__ import annotations

import time

import onnx_ir as ir
import pytest

from mmdnn import FormatError, UnsupportedError
from mmdnn.ir.passes import functions


def _function(name: str, calls: list[str]) -> ir.Function:
    x = ir.Value(name="x")
    value, nodes = x, []
    for i, call in enumerate(calls):
        domain = "" if call == "Relu" else "local"
        nodes.append(ir.Node(domain, call, [value]))
        value = nodes[-1].outputs[0]
        value.name = f"v{i}"
    graph = ir.Graph([x], [value], nodes=nodes, opset_imports={"": 22, "local": 1})
    return ir.Function("local", name, graph=graph, attributes=[])


def _model(*made: ir.Function, call: str) -> ir.Model:
    x = ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([1]))
    node = ir.Node("local", call, [x])
    node.outputs[0].name = "y"
    graph = ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": 22, "local": 1}, name="g")
    return ir.Model(graph, ir_version=10, functions=list(made))


def _levels(count: int, often: int) -> ir.Model:
    made = [_function("f0", ["Relu"])]
    made += [_function(f"f{i}", [f"f{i - 1}"] * often) for i in range(1, count)]
    return _model(*made, call=f"f{count - 1}")


def test_what_is_used_as_people_do_passes() -> None:
    functions.check(_levels(1000, 1))
    functions.check(_levels(12, 2))


def test_levels_are_inlined_from_the_inside_out() -> None:
    model = _levels(8, 3)
    begun = time.process_time()
    functions.inline(model, lambda function: function.name != "f1")
    assert time.process_time() - begun < 5
    assert [node.op_type for node in model.graph] == ["f1"] * 3**6
    assert len({node.outputs[0].name for node in model.graph}) == 3**6
    assert list(model.functions) == [("local", "f1", "")]
    deep = _levels(100, 1)
    functions.inline(deep, lambda _: True)
    assert [node.op_type for node in deep.graph] == ["Relu"]


@pytest.mark.parametrize(("levels", "often"), [(12, 10), (30, 2), (500, 2)])
def test_what_multiplies_is_refused(levels: int, often: int) -> None:
    with pytest.raises(UnsupportedError, match="call each other so often"):
        functions.check(_levels(levels, often))


def test_a_circle_is_refused() -> None:
    made = [_function("a", ["Relu", "b"]), _function("b", ["a"])]
    with pytest.raises(FormatError, match="calls itself"):
        functions.check(_model(*made, call="a"))
