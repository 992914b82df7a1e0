"""The IR's three files: an ONNX model, a numpy record, and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mmdnn.errors import FormatError, UsageError
from mmdnn.frameworks.onnx import FRAMEWORK, engine, reader
from mmdnn.ir.builder import Builder
from mmdnn.ir.storage.files import read_fields, read_ir, write_ir
from mmdnn.registry import Source

W = np.arange(600, dtype=np.float32).reshape(20, 30)
X = np.ones((2, 20), np.float32)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("N", 20))
    y = builder.op.MatMul(x, builder.weight("fc.weight", ir.tensor(W)))
    y = builder.op.Add(y, builder.weight("fc.bias", ir.tensor(W[0])))
    half = ir.tensor(W.astype(ml_dtypes.bfloat16))
    z = builder.op.Cast(builder.weight("half", half), to=1)
    builder.graph.outputs.extend([builder.op.Mul(y, 2.0), z])
    return write_ir(builder.model(), tmp_path / "net.v1")


def test_numpy_opens_the_weights(files: list[Path]) -> None:
    assert [path.name for path in files] == ["net.v1.pb", "net.v1.npy", "net.v1.json"]
    record = np.load(files[1], mmap_mode="r", max_header_size=1 << 30)
    np.testing.assert_array_equal(record["fc.weight"], W)
    np.testing.assert_array_equal(record["fc.bias"], W[0])
    np.testing.assert_array_equal(
        record["half"].view(ml_dtypes.bfloat16), W.astype(ml_dtypes.bfloat16)
    )
    assert all(field.offset % 64 == 0 for field in read_fields(files[1]).values())


def test_it_is_an_onnx_model(files: list[Path]) -> None:
    onnx.checker.check_model(str(files[0]), full_check=True)
    import onnxruntime

    session = onnxruntime.InferenceSession(files[0])
    np.testing.assert_allclose(session.run(None, {"x": X})[0], (X @ W + W[0]) * 2)
    assert [n["opType"] for n in json.loads(files[2].read_text())["graph"]["node"]][:2] == [
        "MatMul",
        "Add",
    ]


def test_it_is_read_from_any_of_its_names(files: list[Path]) -> None:
    for path in (*files, files[0].with_suffix("")):
        model = read_ir(path)
        assert isinstance(model.graph.initializers["fc.bias"].const_value, ir.ExternalTensor)
        np.testing.assert_allclose(next(iter(engine.run(model, {"x": X}).values())), X)
    for some in (files, files[:1], files[1:]):
        source = FRAMEWORK.arrange(some)
        assert source == Source(files[0])
        assert len(reader.read(source).graph) == 4
    with pytest.raises(UsageError, match="no such file"):
        read_ir(files[0].with_name("other.pb"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY\x03\x00",
        b"\x93NUMPY\x03\x00\xff\xff\xff\xffabc",
        b"\x93NUMPY\x03\x00\x04\x00\x00\x00((((",
        b"\x93NUMPY\x01\x00\x04\x00(),1",
        b"\x93NUMPY\x03\x00\x20\x00\x00\x00" + b"__import__('os').abort()".ljust(32),
        b"\x93NUMPY\x03\x00\x00\x10\x00\x00" + (b"[" * 4096),
        b"\x80\x04pickle.",
    ],
)
def test_hostile_headers_are_refused(files: list[Path], data: bytes) -> None:
    size = files[1].stat().st_size
    files[1].write_bytes(data.ljust(size, b"\0"))
    with pytest.raises(FormatError, match=r"net\.v1\.npy"):
        read_ir(files[0])
    with pytest.raises(FormatError, match=r"net\.v1\.npy"):
        read_fields(files[1])


def test_weights_of_another_model_are_refused(files: list[Path]) -> None:
    record = np.zeros((), [("a", "<f4", (100_000,))])
    np.save(files[1], record)
    with pytest.raises(FormatError, match="do not belong together"):
        read_ir(files[0])


def _other(folder: Path, name: str, scale: float, **weights: np.ndarray) -> list[Path]:
    """The same network with other numbers, unless other weights are given."""
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("N", 20))
    for key, array in (weights or {"fc.weight": W, "fc.scale": W[0] * 0 + 1}).items():
        value = builder.weight(key, ir.tensor(array * np.float32(scale)))
        x = builder.op.MatMul(x, value) if array.ndim == 2 else builder.op.Mul(x, value)
    builder.graph.outputs.append(x)
    return write_ir(builder.model(), folder / name)


def test_the_weights_that_are_given_are_used(tmp_path: Path) -> None:
    one, two = _other(tmp_path, "e3", 1), _other(tmp_path, "e8", 2)
    mixed = FRAMEWORK.arrange([one[0], two[1]])
    assert mixed == Source(one[0], two[1])
    (y,) = (engine.run(mixed, {"x": X})[str(v.name)] for v in reader.read(mixed).graph.outputs)
    np.testing.assert_allclose(y, X @ W * 4, rtol=1e-5)
    one[1].unlink()
    assert engine.run(mixed, {"x": X}).keys() >= {"x"}
    with pytest.raises(UsageError, match="no such file"):
        reader.read(Source(one[0], one[1]))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"fc2.weight": W}, r"no weight fc\.weight \(it has fc2\.weight\).*; nobody reads its fc2"),
        ({"fc.weight": W.T, "fc.scale": W[:, 0]}, "fc.weight, fc.scale of another shape"),
        ({"fc.weight": W, "fc.scale": W[0], "more": W[0]}, "nobody reads its more"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, weights, words) -> None:
    one = _other(tmp_path, "one", 1)
    builder = Builder("mmdnn.test")
    x = builder.input("x", (1,))
    held = [builder.weight(name, ir.tensor(np.ascontiguousarray(w))) for name, w in weights.items()]
    builder.graph.outputs.append(builder.op.Sum(x, *(builder.op.ReduceSum(w) for w in held)))
    two = write_ir(builder.model(), tmp_path / "two")
    with pytest.raises(FormatError, match=words) as caught:
        reader.read(Source(one[0], two[1]))
    assert caught.value.file == two[1]


def test_single_numbers_are_weights_too(tmp_path: Path) -> None:
    for name, slope in (("a", 0.5), ("b", 4.0)):
        builder = Builder("mmdnn.test")
        x = builder.input("x", (2,))
        y = builder.op.Mul(x, builder.weight("slope", ir.tensor(np.float32(slope))))
        builder.graph.outputs.append(y)
        write_ir(builder.model(), tmp_path / name)
    model = read_ir(tmp_path / "a.pb", tmp_path / "b.npy")
    (slope,) = (value.const_value.numpy() for value in model.graph.initializers.values())
    assert slope == 4


def test_weights_beside_an_onnx_file_are_its_own(tmp_path: Path) -> None:
    one = _other(tmp_path, "one", 1)
    model = tmp_path / "net.onnx"
    onnx.save(onnx.load(one[0]), model)
    with pytest.raises(UsageError, match="reads no weights from it"):
        reader.read(Source(model, one[1]))
