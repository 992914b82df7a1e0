"""MXNet's files as they are written: symbol, parameters, and where they go."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmdnn.frameworks.mxnet import exporter, reader, writer
from mmdnn.frameworks.mxnet._values import VALUES, renamed
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol
from mmdnn.frameworks.mxnet.reader import ndarray
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source
from mmdnn.tensors import references

TYPES = [np.float32, np.float64, np.float16, np.uint8, np.int8, np.int32, np.int64]


def network(*, name: str = "conv1") -> ir.Model:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", ("batch", 3, 8, 8))
    with builder.layer(name, "Convolution"):
        y = builder.op.Conv(
            x, builder.weight("weight", ir.tensor(np.ones((4, 3, 3, 3), np.float32)))
        )
    with builder.layer("bn", "BatchNorm"):
        weights = [
            builder.weight(role, ir.tensor(np.full(4, i + 1, np.float32)))
            for i, role in enumerate(("scale", "bias", "mean", "var"))
        ]
        y = builder.op.BatchNormalization(y, *weights)
    builder.graph.outputs.append(y)
    return builder.model()


@pytest.mark.parametrize(
    ("target", "files"),
    [
        ("net", ["net-symbol.json", "net-0000.params"]),
        ("net-symbol.json", ["net-symbol.json", "net-0000.params"]),
        ("net.json", ["net.json", "net-0000.params"]),
        ("net-0012.params", ["net-symbol.json", "net-0012.params"]),
        ("net.params", ["net-symbol.json", "net.params"]),
        ("net.v2", ["net.v2-symbol.json", "net.v2-0000.params"]),
        ("net.py", ["net.py", "net-0000.params"]),
    ],
)
def test_names_of_files(tmp_path: Path, target: str, files: list[str]) -> None:
    written = writer.write(exporter.from_ir(network()), tmp_path / target)
    assert [path.name for path in written] == files
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_the_weights_go_where_the_user_says(tmp_path: Path) -> None:
    model = exporter.from_ir(network())
    weights = tmp_path / "mxnet_converted-0000.param"
    assert writer.write(model, tmp_path / "net.py", weights=weights) == [
        tmp_path / "net.py",
        weights,
    ]
    assert ndarray.read(weights).tensors


def test_names_and_kinds_of_parameters(tmp_path: Path) -> None:
    _, weights = writer.write(exporter.from_ir(network()), tmp_path / "net")
    assert list(ndarray.read(weights).tensors) == [
        "arg:conv1_weight",
        "arg:bn_gamma",
        "arg:bn_beta",
        "aux:bn_moving_mean",
        "aux:bn_moving_var",
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    before = exporter.from_ir(network(name="Schicht größer/1"))
    symbol, weights = writer.write(before, tmp_path / "net")
    after = reader.read(Source(network=symbol, weights=weights))
    assert [(n.op, n.name, n.attrs) for n in after.symbol.nodes] == [
        (n.op, n.name, n.attrs) for n in before.symbol.nodes
    ]
    assert after.auxiliary == before.auxiliary
    assert after.inputs == {"data": (None, 3, 8, 8)}


def test_the_symbol_says_the_source_s_names(tmp_path: Path) -> None:
    symbol, _ = writer.write(exporter.from_ir(network()), tmp_path / "net")
    attrs = json.loads(symbol.read_text())["attrs"]
    assert attrs["mxnet_version"] == ["int", 10901]
    said = json.loads(attrs[VALUES][1])
    assert set(said["names"]) == {"conv1_output", "bn_output"}
    arrays = {"conv1_output": np.ones(3), "bn_output": np.zeros(3)}
    found = renamed(symbol.read_bytes(), arrays)
    assert found[said["names"]["bn_output"][0]] is arrays["bn_output"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"attrs": {"mmdnn_values": ["str", "["]}}', b'{"attrs": 1}']
)
def test_a_symbol_that_says_nothing(text: bytes) -> None:
    assert renamed(text, {"a": np.ones(1)}).keys() == {"a"}


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.sampled_from(TYPES).flatmap(
            lambda kind: hnp.arrays(
                kind, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3)
            )
        ),
        max_size=4,
    )
)
def test_any_arrays_are_read_again(arrays: dict[str, np.ndarray]) -> None:
    import tempfile

    names = [Node(VARIABLE, name) for name in arrays]
    model = Model(Symbol(names, [Entry(node) for node in names]))
    model.params = {name: ir.tensor(array) for name, array in arrays.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.params")
        writer.write_params(model, path)
        found = {name: references.read(t) for name, t in ndarray.read(path).tensors.items()}
    expected = {f"arg:{name}": array for name, array in arrays.items() if array.size}
    assert {name for name in found if found[name].size} == set(expected)
    for name, array in expected.items():
        assert found[name].tobytes() == array.tobytes()


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    size = 1 << 24
    data = tmp_path / "data"
    with data.open("wb") as file:
        file.truncate(size * 4)
    tensor = references.external(data, 0, size * 4, ir.DataType.FLOAT, (size,), "w")
    model = Model(Symbol([Node(VARIABLE, "w")], []), params={"w": tensor})
    told: list[int] = []
    tracemalloc.start()
    writer.write_params(model, tmp_path / "net.params", told.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 22
    assert sum(told) == size * 4
    assert (tmp_path / "net.params").stat().st_size > size * 4
