"""The file itself: what is damaged is told as such, and weights stay where they are."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED
from mmdnn.errors import Error, FormatError
from mmdnn.frameworks.tflite import arrange, importer, reader
from mmdnn.registry import Source

CASES = ("conv_s2_odd", "keras_lstm", "q_conv_i8io", "map_fn", "qop_add_i8")
FOLDER = SHARED / "corpus" / "tflite"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared")


def _bytes(name: str) -> bytes:
    return (FOLDER / name / "model.tflite").read_bytes()


def _converted(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    importer.to_ir(reader.read(Source(network=path)))


def test_weights_stay_in_the_file() -> None:
    model = reader.read(Source(network=FOLDER / "conv_s2_odd" / "model.tflite"))
    held = [t.data for t in model.subgraphs[0].tensors if t.data is not None]
    assert held
    assert all(isinstance(tensor, ir.ExternalTensor) for tensor in held)


@pytest.mark.parametrize("name", CASES)
def test_cut_files(name: str, tmp_path: Path) -> None:
    data = _bytes(name)
    for size in range(8, len(data) - 8, max(len(data) // 40, 1)):
        with pytest.raises(Error):
            _converted(tmp_path / "net.tflite", data[:size])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("value", [0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0xFFFF, 0])
def test_offsets_that_wrap_and_vectors_that_lie(name: str, value: int, tmp_path: Path) -> None:
    """Any word of the file may be anything: it is read, or refused with a typed error."""
    data, rng = _bytes(name), np.random.default_rng(value)
    for place in rng.choice(len(data) // 4 - 2, 25, replace=False) * 4 + 8:
        spoilt = bytearray(data)
        struct.pack_into("<I", spoilt, int(place), value)
        with contextlib.suppress(Error):
            _converted(tmp_path / "net.tflite", bytes(spoilt))


def test_another_file(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"something else")
    source = arrange([path])
    assert source is not None
    with pytest.raises(FormatError, match="is not a TensorFlow Lite model"):
        reader.read(source)
    path.write_bytes(b"")
    with pytest.raises(FormatError):
        reader.read(source)
