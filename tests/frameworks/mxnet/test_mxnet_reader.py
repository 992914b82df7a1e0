"""MXNet's files: arrays in every format, symbols of every age, archives, and damage."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmdnn.errors import Error, FormatError, UsageError
from mmdnn.frameworks.mxnet import arrange, importer, reader
from mmdnn.frameworks.mxnet.reader import ndarray, symbol
from mmdnn.ir import notes
from mmdnn.registry import Source
from mmdnn.tensors import references

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
CPU = struct.pack("<ii", 1, 0)


def shape(*sizes: int) -> bytes:
    return struct.pack(f"<i{len(sizes)}q", len(sizes), *sizes)


def saved(*arrays: bytes, names: tuple[str, ...]) -> bytes:
    head = struct.pack("<QQQ", 0x112, 0, len(arrays))
    tail = b"".join(struct.pack("<Q", len(name)) + name.encode() for name in names)
    return head + b"".join(arrays) + struct.pack("<Q", len(names)) + tail


def dense(array: np.ndarray, flag: int, magic: int = V2) -> bytes:
    if magic == 0:
        head = struct.pack(f"<{1 + array.ndim}I", array.ndim, *array.shape)
    else:
        head = struct.pack("<I", magic) + (struct.pack("<i", 0) if magic != V1 else b"")
        head += shape(*array.shape)
    return head + CPU + struct.pack("<i", flag) + array.tobytes()


def read(tmp_path: Path, data: bytes) -> ndarray.Arrays:
    path = tmp_path / "net-0000.params"
    path.write_bytes(data)
    return ndarray.read(path)


@pytest.mark.parametrize("magic", [0, V1, V2, V3])
def test_every_format_is_found_in_place(tmp_path: Path, magic: int) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = read(tmp_path, saved(dense(weight, 0, magic), names=("arg:w",)))
    tensor = found.tensors["arg:w"]
    assert isinstance(tensor, ir.ExternalTensor)
    np.testing.assert_array_equal(references.read(tensor), weight)
    assert found.numpy == (magic == V3)


@pytest.mark.parametrize(
    ("flag", "dtype"),
    [
        *((0, "<f4"), (1, "<f8"), (2, "<f2"), (3, "u1"), (4, "<i4"), (5, "i1"), (6, "<i8")),
        *((7, "?"), (8, "<i2")),
    ],
)
def test_every_type(tmp_path: Path, flag: int, dtype: str) -> None:
    array = np.asarray([[1, 0, 3]]).astype(dtype)
    tensor = read(tmp_path, saved(dense(array, flag), names=("w",))).tensors["w"]
    np.testing.assert_array_equal(references.read(tensor), array)


def test_bfloat16(tmp_path: Path) -> None:
    bits = np.asarray([0x3FC0, 0xC000], "<u2")
    tensor = read(tmp_path, saved(dense(bits, 12), names=("w",))).tensors["w"]
    assert tensor.dtype == ir.DataType.BFLOAT16
    assert references.read(tensor).astype(np.float32).tolist() == [1.5, -2.0]


def test_sparse_arrays_become_dense(tmp_path: Path) -> None:
    values = np.asarray([[1, 2], [3, 4]], np.float32)
    rows = struct.pack("<Ii", V2, 1) + shape(2, 2) + shape(4, 2) + CPU + struct.pack("<i", 0)
    rows += struct.pack("<i", 6) + shape(2) + values.tobytes() + np.asarray([1, 3]).tobytes()
    csr = struct.pack("<Ii", V2, 2) + shape(3) + shape(2, 3) + CPU + struct.pack("<i", 0)
    csr += struct.pack("<i", 6) + shape(3) + struct.pack("<i", 6) + shape(3)
    csr += np.asarray([5, 6, 7], np.float32).tobytes()
    csr += np.asarray([0, 1, 3]).tobytes() + np.asarray([2, 0, 1]).tobytes()
    found = read(tmp_path, saved(rows, csr, names=("rows", "csr"))).tensors
    dense_rows = [[0, 0], [1, 2], [0, 0], [3, 4]]
    assert references.read(found["rows"]).tolist() == dense_rows
    assert references.read(found["csr"]).tolist() == [[0, 0, 5], [6, 7, 0]]


def test_scalars_and_nothing(tmp_path: Path) -> None:
    scalar = dense(np.asarray(2.5, np.float32), 0, V3)
    nothing = struct.pack("<Ii", V2, 0) + shape()
    found = read(tmp_path, saved(scalar, nothing, names=("s", "n"))).tensors
    assert list(found) == ["s"]
    assert references.read(found["s"]).tolist() == 2.5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the header at byte 0: the file ends too early"),
        (struct.pack("<QQQ", 0x113, 0, 0), "not a list"),
        (struct.pack("<QQQ", 0x112, 0, 1 << 40), "array 1 of"),
        (saved(dense(np.zeros(3, np.float32), 77), names=("w",)), "type 77"),
        (saved(dense(np.zeros(3, np.float32), 0), names=()), "no names"),
        (saved(dense(np.zeros(3, np.float32), 0), names=("a", "b")), "2 names"),
        (
            saved(struct.pack("<Ii", V2, 0) + shape(1 << 40), names=("w",)),
            "ends too early|promised",
        ),
        (saved(struct.pack("<Ii", V2, 7), names=("w",)), "storage type 7"),
    ],
)
def test_damage_is_told(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read(tmp_path, data)
    assert "net-0000.params" in str(caught.value)


def node(op: str, name: str, inputs: list[list[int]], **more: object) -> dict[str, object]:
    return {"op": op, "name": name, "inputs": inputs, **more}


def parse(*nodes: dict[str, object], heads: list[list[int]], **more: object) -> symbol.Symbol:
    return symbol.parse(json.dumps({"nodes": nodes, "heads": heads, **more}).encode())


@pytest.mark.parametrize("key", ["attrs", "attr", "param"])
def test_parameters_under_every_name(key: str) -> None:
    graph = parse(
        node("null", "data", []),
        node("LeakyReLU", "act", [[0, 0]], **{key: {"act_type": "elu", "slope": "0.5"}}),
        heads=[[1, 0]],
    )
    act = graph.nodes[1]
    assert (act.param("act_type"), act.param("slope"), act.param("lower_bound")) == (
        "elu",
        0.5,
        0.125,
    )


def test_old_files_get_their_auxiliary_inputs() -> None:
    nodes = [node("null", name, []) for name in ("data", "bn_gamma", "bn_beta")]
    nodes.append(node("BatchNorm", "bn", [[0, 0], [1, 0], [2, 0]], param={}))
    old = parse(*nodes, heads=[[3, 0]])
    names = [entry.node.name for entry in old.operators[0].inputs]
    assert names[3:] == ["bn_moving_mean", "bn_moving_var"]
    new = parse(*nodes, heads=[[3, 0]], attrs={"mxnet_version": ["int", 10500]})
    assert len(new.operators[0].inputs) == 3


def test_an_old_axis_of_minus_one_is_none() -> None:
    nodes = [node("null", "data", []), node("argmax", "a", [[0, 0]], param={"axis": "-1"})]
    assert parse(*nodes, heads=[[1, 0]]).nodes[1].param("axis") is None
    new = parse(*nodes, heads=[[1, 0]], attrs={"mxnet_version": ["int", 10000]})
    assert new.nodes[1].param("axis") == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100000, "not JSON"),
        ("[]", "no list of nodes"),
        ('{"nodes": [], "heads": []}', "no outputs"),
        ('{"nodes": [{"op": "null", "name": 3}], "heads": []}', "no operator and name"),
        ('{"nodes": [{"op": "relu", "name": "r", "inputs": [[0, 0]]}]}', "does not come before"),
        ('{"nodes": [{"op": "null", "name": "r"}], "heads": [[1, 0]]}', "the heads reads node 1"),
        ('{"nodes": [{"op": "null", "name": "r"}], "heads": [[0, -1]]}', "not \\[node, output\\]"),
        ('{"nodes": [{"op": "null", "name": "r", "attrs": {"a": []}}], "heads": []}', "is no text"),
    ],
)
def test_damaged_symbols(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        symbol.parse(text.encode())


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("suffix", [".mar", ".model"])
def test_archives(tmp_path: Path, packing: int, suffix: str) -> None:
    weight = np.arange(8, dtype=np.float32).reshape(2, 4)
    graph = {
        "nodes": [
            node("null", "data", []),
            node("null", "w", []),
            node(
                "FullyConnected", "f", [[0, 0], [1, 0]], attrs={"num_hidden": "2", "no_bias": "1"}
            ),
        ],
        "heads": [[2, 0]],
    }
    path = tmp_path / f"net{suffix}"
    with zipfile.ZipFile(path, "w", packing) as file:
        file.writestr("MAR-INF/MANIFEST.json", "{}")
        file.writestr("net-symbol.json", json.dumps(graph))
        file.writestr("net-0000.params", saved(dense(weight, 0), names=("arg:w",)))
        said = {"inputs": [{"data_name": "data", "data_shape": [0, 4]}]}
        file.writestr("signature.json", json.dumps(said))
        file.writestr("../../escape.py", "raise SystemExit")
    source = arrange([path])
    assert source is not None
    model = reader.read(source)
    assert model.inputs == {"data": (None, 4)}
    np.testing.assert_array_equal(references.read(model.params["w"]), weight)
    assert not (tmp_path.parent.parent / "escape.py").exists()


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "net.mar"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 40)
    with pytest.raises(FormatError, match="unpacked"):
        reader.read(Source(path))


def test_inputs_are_what_no_file_holds(shared: Path) -> None:
    folder = shared / "models" / "mxnet" / "mobilefacenet_y1"
    source = arrange(sorted(folder.iterdir()))
    assert source is not None
    assert reader.read(source).inputs == {"data": (None, 3, 112, 112)}


def test_an_unknown_input_is_refused(shared: Path) -> None:
    folder = shared / "corpus" / "mxnet" / "conv"
    source = Source(folder / "net-symbol.json", folder / "net-0000.params", {"other": (1, 2)})
    with pytest.raises(UsageError, match="no input 'other'"):
        reader.read(source)


def test_one_file_finds_the_other(shared: Path) -> None:
    folder = shared / "corpus" / "mxnet" / "conv"
    for name in ("net-symbol.json", "net-0000.params"):
        source = arrange([folder / name])
        assert source is not None
        assert [path.name for path in source.files] == ["net-symbol.json", "net-0000.params"]


SAMPLES = ("conv", "params_csr", "params_v1", "np_mlp", "foreach", "json_param_aux", "rnn_lstm_l1")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutations_give_errors_of_ours(shared: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed, cut or inserted: an error that names the file, or a model."""
    case = data.draw(st.sampled_from(SAMPLES))
    which = data.draw(st.sampled_from(["net-symbol.json", "net-0000.params"]))
    for name in ("net-symbol.json", "net-0000.params"):
        content = bytearray((shared / "corpus" / "mxnet" / case / name).read_bytes())
        if name == which and content:
            place = data.draw(st.integers(0, len(content) - 1))
            patch = data.draw(st.binary(max_size=8))
            cut = data.draw(st.integers(0, 16))
            content[place : place + cut] = patch
        (tmp_path / name).write_bytes(bytes(content))
    try:
        from mmdnn.frameworks.mxnet import importer

        importer.to_ir(
            reader.read(Source(tmp_path / "net-symbol.json", tmp_path / "net-0000.params"))
        )
    except Error:
        pass


def _network(folder: Path, arrays: dict[str, np.ndarray], **attrs: str) -> Source:
    """fc(x): a symbol with these arrays."""
    nodes: list[dict[str, object]] = [
        {
            "op": "null",
            "name": name,
            "inputs": [],
            **({"attrs": attrs} if name == "fc_weight" else {}),
        }
        for name in ("x", "fc_weight", "fc_bias")
    ]
    fc = {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "2"}}
    nodes.append({**fc, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]})
    text = {"nodes": nodes, "arg_nodes": [0, 1, 2], "heads": [[3, 0, 0]]}
    network, params = folder / "net-symbol.json", folder / "net-0000.params"
    network.write_text(json.dumps(text))
    names = tuple(f"arg:{name}" for name in arrays)
    params.write_bytes(saved(*(dense(array, 0) for array in arrays.values()), names=names))
    return Source(network, params, input_shapes={"x": (1, 3)})


WEIGHTS = {"fc_weight": np.ones((2, 3), np.float32), "fc_bias": np.ones(2, np.float32)}


def test_every_missing_array_is_named(tmp_path: Path) -> None:
    source = _network(tmp_path, {"fc9_weight": WEIGHTS["fc_weight"]})
    words = r"no array for fc_weight \(it has fc9_weight\), fc_bias.*; no variable .* fc9_weight"
    with pytest.raises(UsageError, match=words) as caught:
        importer.to_ir(reader.read(source))
    assert caught.value.file == source.weights


def _inputs(source: Source) -> set[str | None]:
    return {value.name for value in importer.to_ir(reader.read(source)).graph.inputs}


def test_a_weight_that_is_said_to_be_fed_is_an_input(tmp_path: Path) -> None:
    bias = {"fc_bias": WEIGHTS["fc_bias"]}
    source = _network(tmp_path, bias)
    source = Source(*source.files, input_shapes={**source.input_shapes, "fc_weight": (2, 3)})
    assert _inputs(source) == {"x", "fc_weight"}
    ours = _network(tmp_path, bias, __input__="yes", __shape__="(2, 3)")
    assert _inputs(ours) == {"x", "fc_weight"}


def test_arrays_that_nothing_reads_are_told(tmp_path: Path) -> None:
    read = reader.read(_network(tmp_path, {**WEIGHTS, "loss_bias": WEIGHTS["fc_bias"]}))
    assert notes.of(importer.to_ir(read)) == ("No variable is called loss_bias, as arrays are.",)


def test_a_weight_by_its_initialisation(tmp_path: Path) -> None:
    """Gluon says of each parameter how it is initialised."""
    text = {
        "nodes": [
            {"op": "null", "name": "x", "inputs": []},
            {"op": "null", "name": "scale", "inputs": [], "attrs": {"__init__": "ones"}},
            {"op": "broadcast_mul", "name": "y", "inputs": [[0, 0, 0], [1, 0, 0]]},
        ],
        "heads": [[2, 0, 0]],
    }
    source = _network(tmp_path, WEIGHTS)
    assert source.network is not None
    source.network.write_text(json.dumps(text))
    with pytest.raises(UsageError, match="no array for scale"):
        importer.to_ir(reader.read(source))
