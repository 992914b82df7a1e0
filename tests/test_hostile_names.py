"""Names that would end a string, a comment or a line are words in the source that is made, never code."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

import mmdnn
from mmdnn import registry

HOSTILE = [
    'a"""\npwned("x")\n"""',
    "a'''\npwned('x')\n'''",
    'a"\npwned("x")\n#',
    "a'); pwned('x'); print('",
    'a\\"""; pwned("x")\\',
    "a\rpwned('x')\r\x0cpwned(1)",
    "{pwned}\\N{pwned}%(pwned)s",
    "a\u2028pwned(1)\u2029\x85pwned(2)",
]
TARGETS = ["pytorch", "caffe", "mxnet", "cntk"]


def _model(name: str) -> ir.Model:
    """Every kind of name there is, all of them this one."""
    rng = np.random.default_rng(0)

    def weight(kind: str, *shape: int) -> ir.Value:
        array = rng.standard_normal(shape).astype("f4")
        return ir.Value(
            name=f"{kind}{name}", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape),
            const_value=ir.tensor(array, name=f"{kind}{name}"),
        )  # fmt: skip

    x = ir.Value(
        name=f"x{name}", type=ir.TensorType(ir.DataType.FLOAT),
        shape=ir.Shape([ir.SymbolicDim(f"N{name}"), 4, 6, 6]),
    )  # fmt: skip
    nodes, value, weights = [], x, []
    for i in range(4):
        weights += [weight(f"w{i}", 4, 4, 3, 3), weight(f"b{i}", 4)]
        pads = [ir.AttrInt64s("pads", [1] * 4)]
        conv = ir.Node("", "Conv", [value, *weights[-2:]], pads, name=f"conv{i}{name}")
        conv.outputs[0].name = f"c{i}{name}"
        relu = ir.Node("", "Relu", [conv.outputs[0]], name=f"relu{i}{name}")
        relu.outputs[0].name = f"r{i}{name}"
        nodes += [conv, relu]
        value = relu.outputs[0]
    value.shape = ir.Shape([ir.SymbolicDim(f"N{name}"), 4, 6, 6])
    value.type = ir.TensorType(ir.DataType.FLOAT)
    graph = ir.Graph(
        [x], [value], nodes=nodes, initializers=weights, name=name, opset_imports={"": 22},
        doc_string=name,
    )  # fmt: skip
    return ir.Model(graph, ir_version=10, producer_name=name, doc_string=name)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("to", TARGETS)
def test_names_are_words(to: str, name: str) -> None:
    framework = registry.framework(to)
    native = framework.room("exporter").from_ir(_model(name).clone())
    source = framework.room("codegen").source
    texts = (
        [source(native)]
        if to == "caffe"
        else [source(native), source(native, weights=name + ".npy")]
    )
    texts += [source(native, weights=name + ".safetensors")] if to == "pytorch" else []
    for text in texts:
        tree = ast.parse(text)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert "pwned" not in names
        text.encode("utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_files_may_be_called_anything(name: str, tmp_path: Path) -> None:
    """And what is run to prove it executes nothing of the name."""
    pytest.importorskip("torch")
    target = tmp_path / f"{name}.py".replace("/", "_")
    source = tmp_path / "m.onnx"
    ir.save(_model("m"), source)
    result = mmdnn.convert(source, target)
    assert result.report is not None
    assert result.report.ok


@pytest.mark.parametrize(
    "name", ["None", "F", "nn", "torch", "True", "Exception", "class", "record"]
)
def test_graphs_may_be_called_as_what_the_source_uses(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    source = tmp_path / "m.onnx"
    model = _model("m")
    model.graph.name = name
    ir.save(model, source)
    result = mmdnn.convert(source, tmp_path / "net.py")
    assert result.report is not None
    assert result.report.ok
