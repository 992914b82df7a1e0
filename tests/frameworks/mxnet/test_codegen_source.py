"""The Python source that builds a symbol. (That it runs and gives the same is tested with the exporter.)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from helpers.mxnet.batch import mxnet_model
from mmdnn.frameworks.mxnet import codegen, exporter, importer
from mmdnn.ir.builder import Builder

SMALL = '''"""A network as an MXNet symbol.

Its weights are in net-0000.params:

    symbol, parameters, states = load("net-0000.params")
"""

import mxnet as mx


def network(train=False):
    """The outputs as a symbol; with `train`, the loss, which reads `prob_label`."""
    data = mx.sym.Variable("data", shape=(0, 3, 8, 8))
    conv1 = mx.sym.Convolution(
        data, kernel=(3, 3), num_filter=4, no_bias=True, name="conv1"
    )
    relu1 = mx.sym.Activation(conv1, act_type="relu", name="relu1")
    drop = mx.sym.Dropout(relu1, p=0.4, name="drop")
    fc = mx.sym.FullyConnected(drop, num_hidden=5, name="fc")
    if train:
        prob_label = mx.sym.Variable("prob_label")
        prob_loss = mx.sym.SoftmaxOutput(fc, prob_label, name="prob")
        return prob_loss
    prob = mx.sym.softmax(fc, axis=-1, name="prob")
    return prob


def load(weights, train=False):
    """The symbol, its parameters and its auxiliary states, for `mx.mod.Module` and others."""
    arrays = mx.nd.load(weights)
    parameters = {key[4:]: array for key, array in arrays.items() if key[:4] == "arg:"}
    states = {key[4:]: array for key, array in arrays.items() if key[:4] == "aux:"}
    return network(train), parameters, states
'''


def ones(*shape: int) -> ir.Tensor:
    return ir.tensor(np.ones(shape, np.float32))


def classifier(*, softmax: bool = True) -> ir.Model:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", ("batch", 3, 8, 8))
    op: Any = builder.op
    with builder.layer("conv1", "Convolution"):
        x = op.Conv(x, builder.weight("weight", ones(4, 3, 3, 3)))
    with builder.layer("relu1", "ReLU"):
        x = op.Relu(x)
    with builder.layer("drop", "Dropout"):
        x = op.Dropout(x, np.float32(0.4))
    with builder.layer("fc", "InnerProduct"):
        x = op.Flatten(x)
        x = op.Gemm(
            x, builder.weight("weight", ones(5, 144)), builder.weight("bias", ones(5)), transB=1
        )
    if softmax:
        with builder.layer("prob", "Softmax"):
            x = op.Softmax(x)
    builder.graph.outputs.append(x)
    return builder.model()


def test_source_of_a_classifier() -> None:
    assert codegen.source(exporter.from_ir(classifier()), weights="net-0000.params") == SMALL


def test_a_network_without_its_softmax_is_trained_with_one() -> None:
    text = codegen.source(exporter.from_ir(classifier(softmax=False)))
    assert 'mx.sym.SoftmaxOutput(fc, softmax_label, name="softmax")' in text
    assert text.index("if train:") < text.index("    return fc")


def build(function: Any, shape: tuple[int, ...] = (2, 3)) -> str:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", shape)
    with builder.layer("layer", "Layer"):
        made = function(builder.op, x)
    builder.graph.outputs.extend(made if isinstance(made, (list, tuple)) else [made])
    return codegen.source(exporter.from_ir(builder.model()))


def test_outputs_of_which_there_are_several() -> None:
    text = build(lambda op, x: op.outputs(3).Split(x, axis=1, num_outputs=3))
    assert "return mx.sym.Group([layer[0], layer[1], layer[2]])" in text
    assert text.count("LinearRegressionOutput") == 3


def test_numbers_are_written_as_arithmetic_where_no_layer_is_named() -> None:
    text = build(lambda op, x: op.Relu(op.Add(op.Mul(x, np.float32(0.1)), np.float32(2))))
    assert "layer_mul_scalar = data * 0.1" in text
    assert "layer_plus_scalar = layer_mul_scalar + 2.0" in text


def test_names_that_python_does_not_take() -> None:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("1/class", (2, 3))
    for name in ("class", "mx", "a b", "a-b", "größe", "lambda"):
        with builder.layer(name, "ReLU"):
            x = builder.op.Relu(x)
    builder.graph.outputs.append(x)
    text = codegen.source(exporter.from_ir(builder.model()))
    compile(text, "net.py", "exec")
    for line in ("class_ = mx", "mx_ = mx", "a_b = mx", "a_b_2 = mx", 'name="größe"'):
        assert line in text


@pytest.mark.parametrize("quote", ['"', "'", "\\", '"""', "\n"])
def test_names_with_quotes_do_no_harm(quote: str) -> None:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", (2, 3))
    with builder.layer(f"a{quote}b", "ReLU"):
        x = builder.op.Relu(x)
    builder.graph.outputs.append(x)
    model = exporter.from_ir(builder.model())
    text = codegen.source(model, weights=f"net{quote}.params")
    names: list[str] = []

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *args: Any, name: str = "", **kwargs: Any) -> Any:
            names.append(name)
            return self

    sys.modules["mxnet"] = Recorder()  # type: ignore[assignment]
    try:
        space: dict[str, Any] = {}
        exec(compile(text, "net.py", "exec"), space)
        space["network"]()
    finally:
        del sys.modules["mxnet"]
    assert f"a{quote}b" in names


def test_source_is_formatted(shared: Path, tmp_path: Path) -> None:
    for name in ("net_inception", "net_resnet_v2", "net_bert", "foreach", "rnn_lstm_l2_bi"):
        model = importer.to_ir(mxnet_model(shared / "corpus" / "mxnet" / name))
        text = codegen.source(exporter.from_ir(model), weights="net.params")
        (tmp_path / f"{name}.py").write_text(text)
    for command in (
        ["format", "--diff", "--isolated"],
        ["check", "--isolated", "--select", "E,F,I,B,W", "--line-length", "100"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(tmp_path)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
