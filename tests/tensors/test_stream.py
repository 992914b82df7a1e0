"""Streaming gives the bytes of the tensor, from whatever tensor, into whatever file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import FormatError
from mmdnn.tensors import stream
from mmdnn.tensors.references import external, lazy
from mmdnn.tensors.stream import copy, write

BIG = np.arange(600_000, dtype=np.float32).reshape(600, 1000)


def variants(folder: Path) -> dict[str, tuple[ir.TensorProtocol, bytes | None]]:
    path = folder / "source"
    path.write_bytes(b"abc" + BIG.tobytes() + b"xyz")
    reference = external(path, 3, BIG.nbytes, ir.DataType.FLOAT, BIG.shape, "w")
    int4 = np.array([1, -2, 3], ml_dtypes.int4)
    return {
        "external": (reference, BIG.tobytes()),
        "lazy": (lazy(reference, np.transpose, shape=[1000, 600]), BIG.T.tobytes()),
        "array": (ir.tensor(BIG), BIG.tobytes()),
        "strided": (ir.tensor(BIG[::2, ::3]), BIG[::2, ::3].tobytes()),
        "scalar": (ir.tensor(np.float64(2.5)), np.float64(2.5).tobytes()),
        "empty": (ir.tensor(np.zeros((0, 3), np.float32)), b""),
        "bfloat16": (ir.tensor(BIG.astype(ml_dtypes.bfloat16)), None),
        "int4": (ir.Tensor(int4, dtype=ir.DataType.INT4), b"\xe1\x03"),
    }


NAMES = ["external", "lazy", "array", "strided", "scalar", "empty", "bfloat16", "int4"]


@pytest.mark.parametrize("name", NAMES)
def test_into_files_and_into_memory(tmp_path: Path, name: str) -> None:
    tensor, expected = variants(tmp_path)[name]
    expected = tensor.tobytes() if expected is None else expected
    told: list[int] = []
    with (tmp_path / "target").open("wb") as file:
        file.write(b"head")
        assert write(tensor, file, told.append) == len(expected)
        assert file.tell() == 4 + len(expected)
        file.write(b"tail")
    assert (tmp_path / "target").read_bytes() == b"head" + expected + b"tail"
    assert sum(told) == len(expected)
    memory = io.BytesIO()
    write(tensor, memory)
    assert memory.getvalue() == expected


@pytest.mark.parametrize("error", [OSError(18, "cross-device"), AttributeError()])
def test_without_the_kernels_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    calls = []

    def once(source: int, target: int, count: int, offset: int) -> int:
        """Copies a little and then fails, as between file systems."""
        calls.append(offset)
        if len(calls) > 1:
            raise error
        return os.write(target, os.pread(source, 1000, offset))

    monkeypatch.setattr(os, "copy_file_range", once)
    tensor, expected = variants(tmp_path)["external"]
    with (tmp_path / "target").open("wb") as file:
        write(tensor, file)
    assert (tmp_path / "target").read_bytes() == expected


def test_a_source_that_ends_early_is_said(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(100))
    with (tmp_path / "target").open("wb") as file, pytest.raises(FormatError, match="20 bytes"):
        copy(tmp_path / "source", 50, 70, file)


def test_big_arrays_go_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 100_000)
    told: list[int] = []
    with (tmp_path / "target").open("wb") as file:
        write(ir.tensor(BIG), file, told.append)
    assert max(told) <= 100_000
    assert len(told) == 24


def test_strings_have_no_bytes(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write(ir.StringTensor([b"a"], shape=ir.Shape([1])), io.BytesIO())
