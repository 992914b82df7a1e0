"""LSTM, GRU and RNN against onnxruntime: as torch's layers where the weights are constant, else as loops."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.pytorch import codegen, engine, exporter

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

TIME, BATCH, INPUTS, SIZE = 5, 3, 4, 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
random = np.random.default_rng(1)

CASES = [
    (kind, direction, options)
    for kind in GATES
    for direction in ("forward", "reverse", "bidirectional")
    for options in ({}, {"bias": True, "states": True}, {"bias": True, "lengths": True})
] + [
    ("GRU", "forward", {"linear_before_reset": 1, "bias": True}),
    ("GRU", "bidirectional", {"linear_before_reset": 1, "bias": True, "lengths": True}),
    ("LSTM", "forward", {"clip": 0.3, "bias": True}),
    ("GRU", "forward", {"clip": 0.3}),
    ("RNN", "forward", {"clip": 0.3}),
    ("RNN", "forward", {"activations": ["Relu"]}),
    ("RNN", "reverse", {"activations": ["LeakyRelu"], "activation_alpha": [0.3]}),
    ("LSTM", "forward", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}),
    ("LSTM", "forward", {"peepholes": True, "bias": True}),
    ("LSTM", "forward", {"input_forget": 1}),
]


def model(kind: str, direction: str, options: dict, constant: bool) -> tuple[ir.Model, dict]:
    options = dict(options)
    count, gates = (2 if direction == "bidirectional" else 1), GATES[kind] * SIZE
    arrays = {
        "x": random.standard_normal((TIME, BATCH, INPUTS)),
        "w": random.standard_normal((count, gates, INPUTS)),
        "r": random.standard_normal((count, gates, SIZE)),
        "b": random.standard_normal((count, 2 * gates)) if options.pop("bias", False) else None,
        "lengths": np.array([5, 2, 3], np.int32) if options.pop("lengths", False) else None,
    }
    states = ["h", "c"] if kind == "LSTM" else ["h"]
    given = options.pop("states", False)
    for name in states:
        arrays[name] = random.standard_normal((count, BATCH, SIZE)) if given else None
    if kind == "LSTM":
        peepholes = options.pop("peepholes", False)
        arrays["p"] = random.standard_normal((count, 3 * SIZE)) if peepholes else None
    arrays = {
        name: array if array is None or name == "lengths" else array.astype(np.float32)
        for name, array in arrays.items()
    }
    inputs, values = [], {}
    for name, array in arrays.items():
        if array is None:
            values[name] = None
        elif constant and name in {"w", "r", "b", "p"}:
            values[name] = ir.val(name, const_value=ir.tensor(array, name=name))
        else:
            values[name] = ir.val(
                name, dtype=ir.DataType.from_numpy(array.dtype), shape=array.shape
            )
            inputs.append(values[name])
    node = ir.node(
        kind,
        list(values.values()),
        {"hidden_size": SIZE, "direction": direction, **options},
        num_outputs=1 + len(states),
        name="recurrent",
    )
    for output, name in zip(node.outputs, ["y", *(f"y_{state}" for state in states)], strict=True):
        output.name, output.dtype = name, ir.DataType.FLOAT
    weights = [v for v in values.values() if v is not None and v not in inputs]
    graph = ir.Graph(
        inputs, node.outputs, nodes=[node], initializers=weights, opset_imports={"": 22}, name="net"
    )
    return ir.Model(graph, ir_version=10), {v.name: arrays[v.name] for v in inputs}


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(("kind", "direction", "options"), CASES, ids=str)
def test_recurrent(kind, direction, options, constant):
    made, feeds = model(kind, direction, options, constant)
    session = onnxruntime.InferenceSession(ir.to_proto(made).SerializeToString())
    wanted = session.run(None, feeds)
    found = engine.run(exporter.from_ir(made), feeds)
    for value, array in zip(session.get_outputs(), wanted, strict=True):
        np.testing.assert_allclose(found[value.name], array, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"), [("LSTM", {}), ("GRU", {"linear_before_reset": 1}), ("RNN", {})]
)
def test_torch_has_the_layer(kind, options):
    made, _ = model(kind, "bidirectional", {"bias": True, **options}, True)
    source = codegen.source(exporter.from_ir(made))
    assert f"nn.{kind}({INPUTS}, {SIZE}, bidirectional=True)" in source
    assert "def " not in source.replace("def __init__", "").replace("def forward", "")
