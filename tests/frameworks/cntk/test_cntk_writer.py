"""Files as CNTK 2.7 writes them: read, written and read again they are the same, and CNTK runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from helpers.cntk import corpus as cntk_corpus
from helpers.cntk.batch import Batch
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import LARGE, graph, reader, writer
from mmdnn.frameworks.cntk.graph import Axis, Block, Function, Kind, Model, Shape, Variable
from mmdnn.registry import Source
from mmdnn.tensors import references

NOT_ON_CPU = {"conv_dilation", "conv_dilation_pad", "conv_op_short_attrs"} | {
    *("rnnstack_gru", "rnnstack_lstm_bi2", "rnnstack_relu")
}

AMBIGUOUS = {"dup_names"}
"""Its outputs have one name."""


def described(model: Model) -> tuple[Any, ...]:
    """Everything that a file says of a model, by uid."""
    functions, variables = {}, {}
    for one in graph.reachable([model.root], blocks=True):
        block = one.block and (
            *(one.block.type, one.block.name, one.block.uid, one.block.root.uid),
            [(inner.uid, outer.uid) for inner, outer in one.block.arguments.items()],
        )
        reads = [variable.uid for variable in one.inputs]
        functions[one.uid] = (one.op, one.name, reads, one.attributes, block)
        for each in (variable for variable in one.inputs if variable.owner is None):
            numbers = None if each.value is None else references.read(each.value).tobytes()
            facts = (each.kind, each.dtype, each.shape, each.axes, each.name, each.sparse)
            variables[each.uid] = (*facts, each.trained, numbers)
    return model.root.uid, model.name, functions, variables


def file_of(folder: Path) -> Source | None:
    found = cntk_corpus.source(folder)
    assert found.network is not None
    with found.network.open("rb") as file:
        return None if file.read(2) == b"B\0" else found


def test_models_come_back_as_they_were(shared: Path, tmp_path: Path) -> None:
    target, count = tmp_path / "net.model", 0
    files = [file_of(folder) for folder in cntk_corpus.folders(shared)]
    others = (shared / "models" / "cntk").rglob("*.*")
    files += [Source(network=path) for path in others if path.suffix != ".bmp"]
    for found in (one for one in files if one is not None):
        model = reader.read(found)
        assert writer.write(model, target) == [target]
        assert described(reader.read(Source(network=target))) == described(model), found
        count += 1
    assert count > 260


@pytest.mark.parametrize("limit", [writer.LIMIT, 0])
def test_cntk_computes_the_same(
    shared: Path, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form for 2 GB and more too, on whatever has weights (a file that large has)."""
    monkeypatch.setattr(writer, "LIMIT", limit)
    batch, wanted = Batch(tmp_path), {}
    for folder in cntk_corpus.folders(shared):
        found = file_of(folder)
        if found is None or folder.name in NOT_ON_CPU | AMBIGUOUS:
            continue
        model, known = reader.read(found), cntk_corpus.golden(folder)
        if limit == 0 and not any(one.value for one in model.variables.values()):
            continue
        lengths = {f"{k}.lengths": v for k, v in known.lengths.items() if k in known.inputs}
        path = batch.add(folder.name, model, known.inputs | lengths)
        assert (path.read_bytes()[:4] == LARGE) == (limit == 0)
        wanted[folder.name] = known
    assert len(wanted) > 100
    for name, found_ in batch.run().items():
        assert not isinstance(found_, str), (name, found_)
        assert list(cntk_corpus.differences(wanted[name], found_, nodes=False)) == [], name


def small_model(dtype: ir.DataType = ir.DataType.FLOAT, **attributes: Any) -> Model:
    """A Scaled block, x * weight, and a loop that adds up a sequence: sum = past(sum) + x * weight."""
    axes = (graph.BATCH, graph.SEQUENCE)
    x = Variable("Input1", Kind.INPUT, dtype, Shape((2, 3)), axes, "x")
    numbers = ir.tensor(np.arange(6).reshape(2, 3).astype(dtype.numpy()))
    weight = Variable("Parameter2", Kind.PARAMETER, dtype, Shape((2, 3)), (), "w", value=numbers)
    weight.trained = True
    zero = ir.tensor(np.asarray(0, dtype.numpy()))
    start = Variable("Constant3", Kind.CONSTANT, dtype, Shape(()), value=zero)
    inner = Variable("Placeholder4", Kind.PLACEHOLDER, dtype, None, None)
    times = Function("ElementTimes", "ElementTimes5", inputs=[inner, weight])
    block = Function(
        *("Block", "Block6", "scaled", [weight, x]),
        block=Block("Scaled", times, {inner: x}, "Composite9"),
    )
    past = Function("PastValue", "PastValue7", attributes={"offset": 1, **attributes})
    total = Function("Plus", "Plus8", "total", [block.output(), past.output()])
    past.inputs = [total.output(), start]
    variables = {one.uid: one for one in (x, weight, start, inner)}
    return Model(total, graph.reachable([total]), variables, "small")


@pytest.mark.parametrize("dtype", [ir.DataType.FLOAT, ir.DataType.DOUBLE])
def test_blocks_and_loops(tmp_path: Path, dtype: ir.DataType) -> None:
    model = small_model(dtype)
    rows = np.ones((2, 3, 2, 3)) * [[[[1.0]]], [[[2.0]]]]
    batch = Batch(tmp_path)
    path = batch.add("small", model, {"x": rows, "x.lengths": np.array([3, 1])})
    assert described(reader.read(Source(network=path))) == described(model)
    found = batch.run()["small"]
    assert not isinstance(found, str)
    sums = np.cumsum(rows * np.arange(6).reshape(2, 3), 1)
    sums[1, 1:] = 0
    np.testing.assert_array_equal(found["total"], sums)


def test_values_of_every_type(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "axis": Axis(-2),
        "axisVec": [Axis(graph.ALL_STATIC), graph.BATCH],
        "beginIndex": -1,
        "spatial": True,
        "epsilon": 1,
        "reductionOpName": "Süm",
        "newShape": Shape((graph.INFERRED, graph.FREE, 0)),
        "customAttributes": {"a": ir.tensor(np.float32([1, 2])), "b": [1.5, None, {}]},
    }
    writer.write(small_model(**said), tmp_path / "net.model")
    functions = reader.read(Source(network=tmp_path / "net.model")).functions
    (found,) = (one.attributes for one in functions if one.op == "PastValue")
    numbers = found["customAttributes"].pop("a")  # type: ignore[union-attr, call-arg]
    said["customAttributes"].pop("a")
    assert found == {"offset": 1, **said}
    assert isinstance(found["epsilon"], float)
    np.testing.assert_array_equal(references.read(numbers), [1, 2])  # type: ignore[arg-type]


def test_half_floats_and_small_integers(tmp_path: Path) -> None:
    arrays = [
        np.float16([[1.5, -2]]),
        np.int8([[-3, 4]]),
        np.int16([[5, -600]]),
        np.zeros((0, 2), "f"),
    ]
    for array in arrays:
        model = small_model()
        weight = model.variables["Parameter2"]
        weight.value = ir.tensor(array)
        weight.dtype, weight.shape = weight.value.dtype, Shape(array.shape)
        writer.write(model, tmp_path / "net.model")
        back = reader.read(Source(network=tmp_path / "net.model")).variables["Parameter2"].value
        assert back is not None
        np.testing.assert_array_equal(references.read(back), array)
        assert back.dtype == weight.dtype


def test_what_files_cannot_hold(tmp_path: Path) -> None:
    model = small_model()
    model.variables["Parameter2"].dtype = ir.DataType.INT64
    with pytest.raises(UnsupportedError, match="INT64"):
        writer.write(model, tmp_path / "net.model")
    with pytest.raises(UnsupportedError, match="no such function"):
        writer.write(Model(Function("Relu6", "Relu6")), tmp_path / "net.model")
    with pytest.raises(UnsupportedError, match="numItems is -1"):
        writer.write(small_model(numItems=-1), tmp_path / "net.model")
