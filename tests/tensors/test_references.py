"""Tensors by reference give the numbers that lie in the file, and only on demand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmdnn.errors import FormatError
from mmdnn.tensors.references import external, from_pieces, lazy, read, size_of
from mmdnn.tensors.wire import I32, LEN, TAKE, Piece, carve, encode

FLOAT, DOUBLE = ir.DataType.FLOAT, ir.DataType.DOUBLE


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.floats(width=32), min_size=1, max_size=5), min_size=1, max_size=6),
    st.sampled_from(["<f4", "<f8"]),
    st.randoms(),
)
def test_all_wire_forms_of_numbers(
    tmp_path: Path, groups: Sequence[Sequence[float]], stored: str, random: st.Random
) -> None:
    letter = stored[1] + stored[2]
    code, wire_type = {"f4": ("f", 5), "f8": ("d", 1)}[letter]
    message = b""
    for group in groups:
        if random.random() < 0.5:
            payload = struct.pack(f"<{len(group)}{code}", *group)
            message += encode(5 << 3 | LEN) + encode(len(payload)) + payload
        else:
            key = encode(5 << 3 | wire_type)
            message += b"".join(key + struct.pack("<" + code, number) for number in group)
        if random.random() < 0.3:
            message += b"\x08\x01"
    path = tmp_path / "net.bin"
    path.write_bytes(message)
    pieces = carve(message, {5: TAKE}).pieces[(5,)]
    flat = [number for group in groups for number in group]
    tensor = from_pieces(path, pieces, FLOAT, [len(flat)], "w", stored)
    np.testing.assert_array_equal(read(tensor), np.array(flat, np.float32))
    np.testing.assert_array_equal(tensor.numpy(), np.array(flat, np.float32))
    assert tensor.shape == [len(flat)]
    assert tensor.dtype == FLOAT


def test_what_lies_ready_is_external(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    np.arange(6, dtype="<f4").tofile(path)
    tensor = from_pieces(path, [Piece(0, 24, LEN)], FLOAT, [2, 3], "w")
    assert isinstance(tensor, ir.ExternalTensor)
    assert (tensor.path, tensor.offset, tensor.length) == (str(path), 0, 24)
    np.testing.assert_array_equal(read(tensor), np.arange(6, dtype=np.float32).reshape(2, 3))
    wide = from_pieces(path, [Piece(0, 24, LEN)], DOUBLE, [6], "w", "<f4")
    assert isinstance(wide, ir.LazyTensor)
    np.testing.assert_array_equal(read(wide), np.arange(6.0))


def test_lengths_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    with pytest.raises(FormatError, match=r"net\.bin: tensor 'w' has 24 bytes .* takes 28"):
        external(path, 0, 24, FLOAT, [7], "w")
    with pytest.raises(FormatError, match="tensor 'w' has 8 bytes"):
        from_pieces(path, [Piece(0, 4, I32, 2, 5)], FLOAT, [3], "w")
    with pytest.raises(FormatError, match="tensor 'w'"):
        from_pieces(path, [Piece(0, 7, LEN)], FLOAT, [1], "w", "<f8")
    with pytest.raises(FormatError, match="shape"):
        external(path, 0, 24, FLOAT, [-2, -3], "w")


def test_a_file_that_ends_early_is_said(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    path.write_bytes(bytes(10))
    with pytest.raises(FormatError, match=r"net\.bin: the file ends within tensor 'w'"):
        read(external(path, 4, 8, FLOAT, [2], "w"))


def test_lazy_is_computed_each_time_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    np.arange(6, dtype="<f4").tofile(path)
    tensor = external(path, 0, 24, FLOAT, [2, 3], "w")
    calls = []

    def transpose(array: np.ndarray) -> np.ndarray:
        calls.append(array.shape)
        return array.T

    turned = lazy(tensor, transpose, shape=[3, 2])
    assert turned.name == "w"
    assert not calls
    np.testing.assert_array_equal(turned.numpy(), [[0, 3], [1, 4], [2, 5]])
    turned.tobytes()
    assert calls == [(2, 3)] * 2
    with pytest.raises(ValueError, match="is not"):
        lazy(tensor, transpose).numpy()
    assert lazy(tensor, np.float64, dtype=DOUBLE, name="v").numpy().dtype == np.float64


@pytest.mark.parametrize("dtype", [d for d in ir.DataType if d not in (0, ir.DataType.STRING)])
def test_every_type_can_be_external(tmp_path: Path, dtype: ir.DataType) -> None:
    path = tmp_path / "net.bin"
    length = size_of(dtype, [3])
    path.write_bytes(bytes(length))
    tensor = external(path, 0, length, dtype, [3], "w")
    assert tensor.nbytes == length
    assert read(tensor).shape == (3,)
