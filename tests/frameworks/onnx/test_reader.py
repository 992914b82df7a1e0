"""ONNX files by reference: where weights may lie, and what is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmdnn.errors import Error, FormatError, ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.onnx import FRAMEWORK, reader
from mmdnn.frameworks.onnx.importer import to_ir
from mmdnn.frameworks.onnx.writer import write
from mmdnn.registry import Source

W = np.arange(600, dtype=np.float32).reshape(20, 30)
TEXT = (
    '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 20] x) => (float[N, 30] y) '
    "{ h = MatMul (x, w) y = Relu (h) }"
)
MODELS = (Path(onnx.__file__).parent / "backend" / "test" / "data").glob("simple/*/model.onnx")


def proto_with(tensor: onnx.TensorProto) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(TEXT)
    proto.graph.initializer.append(tensor)
    return proto


def weight(**fields: object) -> onnx.TensorProto:
    return onnx.TensorProto(name="w", dims=W.shape, data_type=1, **fields)  # type: ignore[arg-type]


def saved(path: Path, tensor: onnx.TensorProto) -> Path:
    path.write_bytes(proto_with(tensor).SerializeToString())
    return path


def read_weight(path: Path) -> ir.TensorProtocol:
    tensor = reader.read(Source(path)).graph.initializers["w"].const_value
    assert tensor is not None
    return tensor


@pytest.mark.parametrize("fields", [{"raw_data": W.tobytes()}, {"float_data": W.ravel().tolist()}])
def test_weights_stay_in_the_file(tmp_path: Path, fields: dict[str, object]) -> None:
    tensor = read_weight(saved(tmp_path / "net.onnx", weight(**fields)))
    assert isinstance(tensor, ir.ExternalTensor)
    assert tensor.path == str(tmp_path / "net.onnx")
    np.testing.assert_array_equal(tensor.numpy(), W)


def test_unpacked_numbers_are_gathered_when_asked_for(tmp_path: Path) -> None:
    model = proto_with(weight())
    unpacked = b"".join(b"\x25" + struct.pack("<f", number) for number in W.ravel())
    tensor = model.graph.initializer[0].SerializeToString() + unpacked
    model.graph.initializer.pop()
    graph = model.graph.SerializeToString() + _field(5, tensor)
    model.ClearField("graph")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString() + _field(7, graph))
    found = read_weight(tmp_path / "net.onnx")
    assert isinstance(found, ir.LazyTensor)
    np.testing.assert_array_equal(found.numpy(), W)


def _field(number: int, payload: bytes) -> bytes:
    from mmdnn.tensors.wire import encode

    return encode(number << 3 | 2) + encode(len(payload)) + payload


def external(location: str, offset: int = 0, length: int | None = None) -> onnx.TensorProto:
    tensor = weight(data_location=1)
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value=str(offset))
    if length is not None:
        tensor.external_data.add(key="length", value=str(length))
    return tensor


def test_external_data_is_referred_to(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "w.bin").write_bytes(bytes(8) + W.tobytes())
    tensor = read_weight(saved(tmp_path / "net.onnx", external("below/w.bin", 8)))
    assert isinstance(tensor, ir.ExternalTensor)
    np.testing.assert_array_equal(tensor.numpy(), W)


@pytest.mark.parametrize(
    ("location", "offset", "length", "words"),
    [
        ("/etc/passwd", 0, None, "outside the model's folder"),
        ("../w.bin", 0, None, "outside the model's folder"),
        ("link", 0, None, "leads out of the model's folder"),
        ("absent", 0, None, "missing"),
        ("", 0, None, "names no file"),
        ("w.bin", 4, None, "ends before tensor 'w'"),
        ("w.bin", -4, None, "ends before tensor 'w'"),
        ("w.bin", 1 << 70, None, "ends before tensor 'w'"),
        ("w.bin", 0, 1000, "1000 bytes .* takes 2400"),
    ],
)
def test_external_data_elsewhere_is_refused(
    tmp_path: Path, location: str, offset: int, length: int | None, words: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    (folder / "w.bin").write_bytes(W.tobytes())
    (folder / "link").symlink_to(tmp_path / "w.bin")
    path = saved(folder / "net.onnx", external(location, offset, length))
    with pytest.raises(FormatError, match=words):
        reader.read(Source(path))


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (weight(raw_data=W.tobytes()[:-4]), "2396 bytes"),
        (weight(), "holds 0"),
        (weight(float_data=[1.0]), "holds 1"),
        (weight(int64_data=[1] * 600), "of type FLOAT in int64_data"),
        (weight(raw_data=W.tobytes(), float_data=[1.0]), "twice"),
        (onnx.TensorProto(name="w", dims=[-2, -300], data_type=1, raw_data=W.tobytes()), "shape"),
        (onnx.TensorProto(name="w", dims=[600], raw_data=W.tobytes()), "no type"),
        (onnx.TensorProto(name="w", dims=[600], data_type=77, raw_data=W.tobytes()), "77"),
        (onnx.TensorProto(name="v", data_type=1, raw_data=b"1234"), "'w' is used"),
    ],
)
def test_tensors_that_make_no_sense_are_refused(
    tmp_path: Path, tensor: onnx.TensorProto, words: str
) -> None:
    with pytest.raises(FormatError, match=rf"(?s)net\.onnx.*{words}"):
        reader.read(Source(saved(tmp_path / "net.onnx", tensor)))


def test_sparse_tensors_are_refused_by_name(tmp_path: Path) -> None:
    proto = proto_with(weight(raw_data=W.tobytes()))
    proto.graph.sparse_initializer.add(dims=[3]).values.name = "thin"
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UnsupportedError, match="thin"):
        reader.read(Source(tmp_path / "net.onnx"))


def test_weights_among_the_inputs_are_weights(tmp_path: Path) -> None:
    proto = proto_with(weight(raw_data=W.tobytes()))
    proto.ir_version = 3
    proto.graph.input.add(name="w").type.tensor_type.elem_type = 1
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    model = reader.read(Source(tmp_path / "net.onnx"))
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert "w" in model.graph.initializers


def test_nodes_come_in_order(tmp_path: Path) -> None:
    proto = proto_with(weight(raw_data=W.tobytes()))
    first, second = proto.graph.node
    nodes = [second.SerializeToString(), first.SerializeToString()]
    del proto.graph.node[:]
    for node in nodes:
        proto.graph.node.add().ParseFromString(node)
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    assert [n.op_type for n in reader.read(Source(tmp_path / "net.onnx")).graph] == [
        "MatMul",
        "Relu",
    ]


def test_nothing_is_said_of_a_damaged_file_but_the_error(
    tmp_path: Path,
) -> None:
    path = saved(tmp_path / "net.onnx", weight(raw_data=W.tobytes()))
    path.write_bytes(path.read_bytes().replace(b"\n\x01x", b"\n\x01q", 1))
    program = f"import mmdnn; mmdnn.load({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "is used and nothing makes it" in done.stderr


def test_shapes_and_outputs_that_the_user_says(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.onnx", weight(raw_data=W.tobytes()))
    for name in ("x", ""):
        model = reader.read(Source(path, input_shapes={name: (4, 20)}, outputs=("h",)))
        assert model.graph.inputs[0].shape == [4, 20]
        assert [value.name for value in model.graph.outputs] == ["h"]
        assert len(model.graph) == 1
    assert reader.read(Source(path, input_shapes={"x": (4, 20)})).graph.outputs[0].shape == [4, 30]
    with pytest.raises(ShapeError, match="is N,20, which 4,21 contradicts"):
        reader.read(Source(path, input_shapes={"x": (4, 21)}))
    with pytest.raises(ShapeError, match="2 dimensions"):
        reader.read(Source(path, input_shapes={"x": (4,)}))
    with pytest.raises(UsageError, match="'z'"):
        reader.read(Source(path, input_shapes={"z": (4,)}))
    with pytest.raises(UsageError, match="z"):
        reader.read(Source(path, outputs=("z",)))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_mutated_files_are_read_or_refused(tmp_path: Path, choose: st.DataObject) -> None:
    original = choose.draw(st.sampled_from(SOURCES)).read_bytes()
    data = bytearray(original)
    for _ in range(choose.draw(st.integers(1, 4))):
        place = choose.draw(st.integers(0, len(data) - 1))
        change = choose.draw(st.sampled_from(["set", "cut", "insert", "end"]))
        if change == "set":
            data[place] = choose.draw(st.integers(0, 255))
        elif change == "cut":
            del data[place : place + choose.draw(st.integers(1, 8))]
        elif change == "insert":
            data[place:place] = choose.draw(st.binary(min_size=1, max_size=8))
        else:
            del data[max(place, 1) :]
        data = data or bytearray(b"\0")
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    try:
        write(to_ir(reader.read(Source(path))), tmp_path / "out.onnx")
    except Error as error:
        assert str(error)  # noqa: PT017 - any other exception fails the test


SOURCES = sorted(MODELS)


def test_arrange(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.onnx", weight(raw_data=W.tobytes()))
    assert FRAMEWORK.arrange([path]) == Source(path)
    assert FRAMEWORK.arrange([path.rename(tmp_path / "net.bin")]) == Source(tmp_path / "net.bin")
    (tmp_path / "graph.pb").write_bytes(b"\x0a\x05\x0a\x03abc")
    (tmp_path / "empty.x").touch()
    for other in ("graph.pb", "empty.x"):
        assert FRAMEWORK.arrange([tmp_path / other]) is None
    assert FRAMEWORK.arrange([tmp_path / "net.bin", tmp_path / "graph.pb"]) is None
