"""Attributes and tensors of a node: Python values, tensors whose numbers stay in the file.

A tensor's numbers are raw bytes (`tensor_content`), or a list of which the last stands for all that are
missing; without any they are zeros (tensor.proto, tensor.cc).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.tensorflow.graph import Call, dtype
from mmdnn.tensors import references
from mmdnn.tensors.wire import LEN, Piece, Take

MOST_ELEMENTS = 1 << 40
_FIELDS = {
    4: ("tensor_content", None), 5: ("float_val", "<f4"), 6: ("double_val", "<f8"),
}  # fmt: skip
"""Fields of a tensor whose bytes are numbers as they stand."""
TENSOR = {number: Take(1 << 10) for number in _FIELDS}
"""What is left in the file of a tensor; see `tensors.wire.carve`."""
_HALVES = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}
_LISTS = {
    ir.DataType.FLOAT: "float_val", ir.DataType.DOUBLE: "double_val", ir.DataType.STRING: "string_val",
    ir.DataType.INT64: "int64_val", ir.DataType.BOOL: "bool_val", ir.DataType.COMPLEX64: "scomplex_val",
    ir.DataType.COMPLEX128: "dcomplex_val", ir.DataType.FLOAT16: "half_val",
    ir.DataType.BFLOAT16: "half_val", ir.DataType.UINT32: "uint32_val",
    ir.DataType.UINT64: "uint64_val",
}  # fmt: skip


class Place(NamedTuple):
    """Where the numbers of a tensor lie.

    Attributes:
        path: The file.
        pieces: The payloads, by the number of their field.
    """

    path: Path | None
    pieces: Mapping[int, list[Piece]]


NOWHERE = Place(None, {})


def shape_of(message: Any) -> tuple[int | None, ...] | None:
    """A shape, None where it is open; None for one of any rank."""
    if message.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in message.dim)


def attribute(value: Any, place: Place = NOWHERE) -> Any:
    """An attribute's Python value."""
    kind = value.WhichOneof("value")
    if kind == "tensor":
        return tensor(value.tensor, place)
    if kind == "list":
        return _list(value.list)
    if kind is None or kind == "placeholder":
        return None
    return _plain(kind, getattr(value, kind))


def _plain(kind: str, value: Any) -> Any:
    if kind == "s":
        return value.decode("utf-8", "replace")
    if kind == "type":
        return dtype(value)
    if kind == "shape":
        return shape_of(value)
    if kind == "func":
        return Call(value.name)
    if kind == "f":
        return float(str(np.float32(value)))
    return value


def _list(items: Any) -> list[Any]:
    for kind in ("s", "i", "f", "b", "type", "shape", "func"):
        found = getattr(items, kind)
        if found:
            return [_plain(kind, value) for value in found]
    return [tensor(each, NOWHERE) for each in items.tensor]


def tensor(message: Any, place: Place, name: str = "") -> ir.TensorProtocol:
    """A tensor, its numbers left in the file where they are many.

    Raises:
        FormatError: It has fewer or more numbers than its shape, or no known type.
    """
    kind, dims = dtype(message.dtype), shape_of(message.tensor_shape)
    if kind == ir.DataType.UNDEFINED:
        raise FormatError(f"a tensor of type {message.dtype}")
    if dims is None or None in dims or math.prod(d for d in dims if d) > MOST_ELEMENTS:
        raise FormatError(f"a tensor's shape is {dims}")
    sizes = [size for size in dims if size is not None]
    for number, pieces in place.pieces.items():
        assert place.path is not None
        stored = _FIELDS[number][1]
        if stored is None or all(piece.wire_type != LEN or piece.run == 1 for piece in pieces):
            count = sum(piece.size for piece in pieces)
            if count == references.size_of(kind, sizes):
                return references.from_pieces(place.path, pieces, kind, sizes, name, stored)
        array = np.concatenate([_piece(place.path, piece) for piece in pieces])
        return _filled(array.view(stored or kind.numpy()), kind, sizes)
    if message.tensor_content:
        return _filled(_content(message.tensor_content, kind), kind, sizes)
    return _filled(_numbers(message, kind), kind, sizes)


def _piece(path: Path, piece: Piece) -> np.ndarray:
    stride = piece.stride or piece.length
    data = np.fromfile(path, np.uint8, stride * (piece.run - 1) + piece.length, offset=piece.offset)
    data = np.append(data, np.zeros(stride - piece.length, np.uint8))
    return np.ascontiguousarray(data.reshape(piece.run, stride)[:, : piece.length]).reshape(-1)


def _content(data: bytes, kind: ir.DataType) -> np.ndarray:
    numpy = kind.numpy()
    if len(data) % numpy.itemsize:
        raise FormatError(f"{len(data)} bytes are no numbers of type {kind.name}")
    return np.frombuffer(data, numpy)


def _numbers(message: Any, kind: ir.DataType) -> np.ndarray:
    values = getattr(message, _LISTS.get(kind, "int_val"))
    if kind == ir.DataType.STRING:
        return np.asarray(list(values), object)
    if kind in _HALVES:
        return np.asarray(values, np.int64).astype(np.uint16).view(kind.numpy())
    if kind in {ir.DataType.COMPLEX64, ir.DataType.COMPLEX128}:
        return np.asarray(np.asarray(values, np.float64).reshape(-1, 2) @ np.asarray([1, 1j]))
    return np.asarray(values).astype(kind.numpy())


def _filled(values: np.ndarray, kind: ir.DataType, shape: Sequence[int]) -> ir.TensorProtocol:
    """The numbers in their shape, the last of them repeated; zeros where there are none."""
    count = math.prod(shape)
    if len(values) > count:
        raise FormatError(f"a tensor of shape {list(shape)} has {len(values)} numbers")
    if kind == ir.DataType.STRING:
        texts = [*values, *[values[-1] if len(values) else b""] * (count - len(values))]
        return ir.StringTensor(np.asarray(texts, object).reshape(shape), shape=ir.Shape(shape))
    values = values.astype(kind.numpy(), copy=False)
    if len(values) == count:
        return ir.Tensor(values.reshape(shape), dtype=kind)
    last = values[-1] if len(values) else kind.numpy().type(0)
    if len(values) <= 1:
        return (
            ir.LazyTensor(
                lambda: ir.Tensor(np.full(shape, last, kind.numpy()), dtype=kind),
                kind,
                ir.Shape(shape),
            )
            if count > MOST_FILLED
            else ir.Tensor(np.full(shape, last, kind.numpy()), dtype=kind)
        )
    whole = np.concatenate([values, np.full(count - len(values), last, kind.numpy())])
    return ir.Tensor(whole.reshape(shape), dtype=kind)


MOST_FILLED = 1 << 16
"""Elements of a tensor of one number that is made at once."""
