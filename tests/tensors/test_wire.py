"""The wire walk, compared with protobuf's own parser."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdnn.errors import FormatError, UsageError
from mmdnn.tensors.weaving import weave, woven_size
from mmdnn.tensors.wire import (
    I32,
    LEN,
    TAKE,
    Mapped,
    Piece,
    Take,
    Tree,
    carve,
    encode,
    records,
    varint,
)

TENSOR: Tree = {9: TAKE, 4: TAKE}
GRAPH: dict[int, Tree] = {5: TENSOR}
GRAPH[1] = {5: {5: TENSOR, 6: GRAPH}}
MODEL: Tree = {7: GRAPH}

names = st.text("abc", max_size=4)
tensors = st.builds(
    onnx.TensorProto,
    dims=st.lists(st.integers(0, 1 << 40), max_size=4),
    name=names,
    raw_data=st.one_of(st.none(), st.binary(max_size=300)),
    float_data=st.lists(st.floats(width=32, allow_nan=False), max_size=40),
    int64_data=st.lists(st.integers(-5, 5), max_size=4),
)
graphs = st.recursive(
    st.builds(onnx.GraphProto, name=names, initializer=st.lists(tensors, max_size=3)),
    lambda inner: st.builds(
        onnx.GraphProto,
        name=names,
        node=st.lists(
            st.builds(
                onnx.NodeProto,
                input=st.lists(names, max_size=2),
                attribute=st.lists(
                    st.builds(onnx.AttributeProto, name=names, g=inner, t=tensors), max_size=2
                ),
            ),
            max_size=2,
        ),
        initializer=st.lists(tensors, max_size=3),
    ),
    max_leaves=6,
)


def length_delimited(number: int, payload: bytes) -> bytes:
    return encode(number << 3 | LEN) + encode(len(payload)) + payload


def strip(graph: onnx.GraphProto, path: tuple[object, ...], found: dict[object, bytes]) -> None:
    """What `carve` ought to do, done by the ordinary parser."""

    def strip_tensor(tensor: onnx.TensorProto, where: tuple[object, ...]) -> None:
        if tensor.HasField("raw_data"):
            found[(*where, 9)] = tensor.raw_data
            tensor.ClearField("raw_data")
        if tensor.float_data:
            found[(*where, 4)] = struct.pack(f"<{len(tensor.float_data)}f", *tensor.float_data)
            tensor.ClearField("float_data")

    for index, tensor in enumerate(graph.initializer):
        strip_tensor(tensor, (*path, (5, index)))
    for index, node in enumerate(graph.node):
        for place, attribute in enumerate(node.attribute):
            inside = (*path, (1, index), (5, place))
            strip_tensor(attribute.t, (*inside, (5, 0)))
            strip(attribute.g, (*inside, (6, 0)), found)


@given(graphs)
def test_agrees_with_the_parser(graph: onnx.GraphProto) -> None:
    model = onnx.ModelProto(ir_version=8, graph=graph)
    data = model.SerializeToString()
    carved = carve(data, MODEL)
    found: dict[object, bytes] = {}
    strip(model.graph, ((7, 0),), found)
    assert onnx.ModelProto.FromString(carved.rest) == model
    assert {
        path: b"".join(data[piece.offset : piece.offset + piece.length] for piece in pieces)
        for path, pieces in carved.pieces.items()
    } == found


@given(graphs, st.data())
def test_mutations_are_refused_or_read(graph: onnx.GraphProto, choose: st.DataObject) -> None:
    data = bytearray(onnx.ModelProto(ir_version=8, graph=graph).SerializeToString())
    for _ in range(choose.draw(st.integers(1, 3))):
        data[choose.draw(st.integers(0, len(data) - 1))] = choose.draw(st.integers(0, 255))
    del data[choose.draw(st.integers(1, len(data))) :]
    try:
        carved = carve(bytes(data), MODEL)
    except FormatError:
        return
    for pieces in carved.pieces.values():
        for piece in pieces:
            assert piece.offset + (piece.run - 1) * piece.stride + piece.length <= len(data)


@given(st.integers(0, (1 << 64) - 1))
def test_varints_come_back(value: int) -> None:
    assert varint(memoryview(encode(value)), 0, 10) == (value, len(encode(value)))


@pytest.mark.parametrize("count", [1, 2, 7, 70_000, 200_000])
def test_unpacked_numbers_make_one_run(count: int) -> None:
    before, after = b"\x08\x01", length_delimited(3, b"end")
    elements = b"".join(b"\x2d" + struct.pack("<f", float(i)) for i in range(count))
    carved = carve(before + elements + after, {5: TAKE})
    assert carved.rest == before + after
    assert carved.pieces == {(5,): [Piece(3, 4, I32, count, 5 if count > 1 else 0)]}


def test_unpacked_and_packed_may_alternate() -> None:
    one = b"\x2d" + struct.pack("<f", 1.0)
    packed = length_delimited(5, struct.pack("<2f", 2.0, 3.0))
    other = b"\x30\x07"
    carved = carve(one + one + other + packed + one, {5: TAKE})
    assert carved.rest == other
    assert carved.pieces[(5,)] == [Piece(1, 4, I32, 2, 5), Piece(14, 8, LEN), Piece(23, 4, I32)]


def test_a_minimum_counts_all_of_a_field() -> None:
    small = length_delimited(5, b"1234")
    assert carve(small, {5: Take(5)}).rest == small
    assert carve(small + small, {5: Take(8)}).rest == b""
    assert not carve(small, {5: Take(5)}).pieces


def test_lengths_around_are_written_anew() -> None:
    inner = length_delimited(1, b"name") + length_delimited(5, bytes(1000))
    message = length_delimited(100, length_delimited(7, inner))
    carved = carve(message, {100: {7: {5: TAKE}}})
    assert carved.rest == length_delimited(100, length_delimited(7, length_delimited(1, b"name")))
    ((path, [piece]),) = carved.pieces.items()
    assert path == ((100, 0), (7, 0), 5)
    assert message[piece.offset : piece.offset + piece.length] == bytes(1000)


def test_groups_are_skipped() -> None:
    group = b"\x0b" + length_delimited(9, b"x") + b"\x13\x14" + b"\x0c"
    message = group + length_delimited(5, b"take")
    assert carve(message, {5: TAKE, 9: TAKE}).rest == group
    assert [record.number for record in records(memoryview(message))] == [1, 5]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x2a\x05abc", "truncated"),
        (b"\x2a", "truncated"),
        (b"\x80", "truncated"),
        (b"\xff" * 11, "overlong"),
        (b"\x2a" + b"\xff" * 9 + b"\x01", "truncated"),
        (b"\x00\x01", "false number"),
        (b"\x0c", "false type"),
        (b"\x0e", "false type"),
        (b"\x0b\x14", "false end"),
        (b"\x0b" * 200, "nested too deeply"),
        (b"\x09abc", "truncated"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(FormatError, match=rf"net\.bin: .*{problem}.* byte"):
        carve(data, {5: TAKE}, file="net.bin")


def test_nesting_is_bounded() -> None:
    tree: dict[int, Tree] = {}
    tree[1] = tree
    message = b""
    for _ in range(120):
        message = length_delimited(1, message)
    with pytest.raises(FormatError, match="nested too deeply"):
        carve(message, tree)


def test_mapped_files(tmp_path: Path) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.write_bytes(os.urandom(5000))
    empty.touch()
    with Mapped(full) as view:
        assert view == full.read_bytes()
    with Mapped(empty) as view:
        assert carve(view, {5: TAKE}).rest == b""
    with pytest.raises(UsageError, match="absent"):
        Mapped(tmp_path / "absent")
    with pytest.raises(UsageError):
        Mapped(tmp_path)


@given(graphs)
def test_weaving_gives_back_what_was_carved(graph: onnx.GraphProto) -> None:
    model = onnx.ModelProto(ir_version=8, graph=graph)
    data = model.SerializeToString()
    carved = carve(data, MODEL)
    payloads = {
        path: data[piece.offset : piece.offset + piece.length]
        for path, (piece,) in carved.pieces.items()
    }
    sizes = {path: len(payload) for path, payload in payloads.items()}
    recipe = weave(carved.rest, sizes)
    written = b"".join(part if isinstance(part, bytes) else payloads[part] for part in recipe)
    assert onnx.ModelProto.FromString(written) == model
    assert woven_size(recipe, sizes) == len(written) == len(data)
