"""MXNet's fused RNN there and back: one node, the same packed parameters, and the same numbers elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from helpers.mxnet.batch import Batch, difference
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet import engine, exporter, importer, writer
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol
from mmdnn.frameworks.onnx import engine as onnxruntime
from mmdnn.registry import Source

STEPS, BATCH, INPUTS, SIZE = 4, 2, 3, 5
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}

CASES: dict[str, Mapping[str, Any]] = {
    "lstm": {"mode": "lstm"},
    "gru_two_both_ends": {
        "mode": "gru",
        "num_layers": 2,
        "bidirectional": True,
        "state_outputs": True,
    },
    "lstm_three_ends": {"mode": "lstm", "num_layers": 3, "state_outputs": True, "p": 0.25},
    "lstm_both": {"mode": "lstm", "bidirectional": True, "num_layers": 2, "p": 0.5},
    "relu_two": {"mode": "rnn_relu", "num_layers": 2},
    "tanh_ends": {"mode": "rnn_tanh", "state_outputs": True},
    "projected": {"mode": "lstm", "projection_size": 2, "state_outputs": True},
    "projected_wide": {"mode": "lstm", "projection_size": SIZE, "state_outputs": True},
    "projected_two": {
        "mode": "lstm",
        "projection_size": 2,
        "num_layers": 2,
        "p": 0.25,
        "bidirectional": True,
        "state_outputs": True,
    },
}


def model(options: Mapping[str, Any]) -> tuple[Model, dict[str, np.ndarray]]:
    """A model of one RNN node, and what to feed it."""
    random = np.random.default_rng(1)
    layers, ways = options.get("num_layers", 1), 2 if options.get("bidirectional") else 1
    seen = options.get("projection_size") or SIZE
    rows = GATES[options["mode"]] * SIZE
    count = 0
    for layer in range(layers):
        columns = (INPUTS if layer == 0 else seen * ways) + seen + 2
        projected = seen * SIZE if "projection_size" in options else 0
        count += ways * (rows * columns + projected)
    feeds = {
        "x": random.standard_normal((STEPS, BATCH, INPUTS)),
        "h": random.standard_normal((layers * ways, BATCH, seen)),
        "c": random.standard_normal((layers * ways, BATCH, SIZE)),
    }
    if options["mode"] != "lstm":
        del feeds["c"]
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    inputs = {name: Node("null", name) for name in ("x", "parameters", "h", "c")}
    attributes = {"state_size": SIZE, "num_layers": layers, **options}
    given = [Entry(node) for name, node in inputs.items() if name in feeds or name == "parameters"]
    node = Node("RNN", "rnn", {key: str(value) for key, value in attributes.items()}, given)
    outputs = len(feeds) if options.get("state_outputs") else 1
    nodes = [entry.node for entry in given]
    symbol = Symbol([*nodes, node], [Entry(node, index) for index in range(outputs)])
    made = Model(symbol)
    numbers = (0.5 * random.standard_normal(count)).astype(np.float32)
    made.params = {"parameters": ir.tensor(numbers, name="parameters")}
    made.inputs = {name: array.shape for name, array in feeds.items()}
    return made, feeds


def numbers(source: Source, feeds: Mapping[str, np.ndarray], outputs: int) -> list[np.ndarray]:
    """MXNet's own."""
    found = engine.run(source, feeds)
    return [found["rnn_output" if outputs == 1 else f"rnn_output{i}"] for i in range(outputs)]


def test_there_and_back(tmp_path: Path) -> None:
    before, after = Batch(tmp_path / "before"), Batch(tmp_path / "after")
    wanted = {}
    for name, options in CASES.items():
        native, feeds = model(options)
        folder = tmp_path / "before" / name
        folder.mkdir(parents=True)
        writer.write(native, folder / "net")
        writer.write(native, folder / "net.py", weights=folder / "net-0000.params")
        np.savez(folder / "in.npz", **feeds)
        again = importer.to_ir(native)
        after.add(name, again, feeds)
        (node,) = exporter.from_ir(again).symbol.operators
        said = {"num_layers": "1", **{key: str(value) for key, value in options.items()}}
        assert {key: node.attrs[key] for key in said} == said
        vector = exporter.from_ir(again).params["parameters"]
        np.testing.assert_array_equal(vector.numpy(), native.params["parameters"].numpy())
        found = onnxruntime.run(again, feeds)
        wanted[name] = [found[str(value.name)] for value in again.graph.outputs]
    mxnet, back = before.run(), after.run()
    for name in CASES:
        assert difference(mxnet[name], wanted[name]) == "", name
        assert difference(back[name], wanted[name]) == "", name


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", CASES)
def test_to_pytorch(name: str) -> None:
    pytest.importorskip("torch")
    from mmdnn.frameworks.pytorch import codegen
    from mmdnn.frameworks.pytorch import engine as torch
    from mmdnn.frameworks.pytorch import exporter as out

    native, feeds = model(CASES[name])
    made = importer.to_ir(native)
    program = out.from_ir(made)
    source, wanted = codegen.source(program), onnxruntime.run(made, feeds)
    found = torch.run(program, feeds)
    for value in made.graph.outputs:
        key = str(value.name)
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-4, atol=1e-5, strict=True)
    assert source.count(" = nn.") == CASES[name].get("num_layers", 1) + source.count(
        "nn.Dropout("
    ) or (name == "projected_wide")
    assert ("proj_size=2" in source) is ("projection_size" in CASES[name] and "wide" not in name)


@pytest.mark.parametrize(
    "option", ["use_sequence_length", "lstm_state_clip_min", "lstm_state_clip_max"]
)
def test_what_works_on_gpus_only_is_refused(option: str) -> None:
    native, _ = model({"mode": "lstm", option: "True" if "use" in option else "-1.0"})
    with pytest.raises(UnsupportedError, match="GPUs only"):
        importer.to_ir(native)


def test_a_projection_gives_its_states_too() -> None:
    """Without them MXNet 1.9.1 ends its process."""
    native, _ = model({"mode": "lstm", "projection_size": 2})
    (node,) = exporter.from_ir(importer.to_ir(native)).symbol.operators
    assert node.attrs["state_outputs"] == "True"
