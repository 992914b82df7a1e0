"""The container of CNTK 2's files: a Dictionary, numbers left in place.

The format is Source/CNTKv2LibraryDll/Serialization.cpp's: a protobuf message; in files of 2 GB and
more, a magic number and the message's size before it, and behind it all tensors' numbers, one
after the other in the message's order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.cntk import LARGE, _format, graph
from mmdnn.frameworks.cntk._operators import BY_DATA_TYPE
from mmdnn.frameworks.cntk.graph import Attribute, Axis, Shape
from mmdnn.tensors import references
from mmdnn.tensors.wire import TAKE, Mapped, Piece, Tree, carve

Dictionary = dict[str, Attribute]
_Where = tuple[tuple[int, int] | int, ...]

_INSIDE: dict[int, Any] = {}
_ENTRY = {_format.ENTRY_VALUE: _INSIDE}
_INSIDE |= {
    _format.VECTOR: {_format.ITEM: _INSIDE},
    _format.NESTED: {_format.ENTRIES: _ENTRY},
    _format.VIEW: {
        number: {_format.NUMBERS: TAKE}
        for number in (_format.FLOATS, _format.DOUBLES, _format.BYTES)
    },
}
_TREE: Tree = {_format.ENTRIES: _ENTRY}

_STORED = {
    ir.DataType.FLOAT: (_format.FLOATS, "<f4"),
    ir.DataType.DOUBLE: (_format.DOUBLES, "<f8"),
    ir.DataType.FLOAT16: (_format.FLOATS, "<f4"),
}
"""Where numbers stand, and as what: half floats as floats. Small integers stand by themselves."""
_PLAIN = dict(_format.PLAIN.values())
_DENSE = 0
MAX_REST = 256 << 20
"""Bytes that a model may take without its numbers."""


def read(path: Path) -> Dictionary:
    """Read a file's Dictionary.

    Returns:
        Plain Python values; tensors refer to the file.

    Raises:
        FormatError: It is no such file, or damaged.
        UsageError: It cannot be opened.
    """
    with Mapped(path) as view:
        message, behind = _split(view, path)
        carved = carve(message, _TREE, path)
    if len(carved.rest) > MAX_REST:
        raise FormatError("too large, without its numbers, for a network", file=path)
    parsed = graph.schema().parse("cntk.Dictionary", carved.rest, path)
    decoder = _Decoder(path, carved.pieces, 8 if behind else 0, behind)
    found = decoder.dictionary(parsed, ())
    decoder.end()
    return found


def _split(view: memoryview, path: Path) -> tuple[memoryview, int]:
    """The message, and where the numbers behind it begin: 0 where they are in it."""
    if bytes(view[:4]) != LARGE:
        return view, 0
    end = 8 + int.from_bytes(view[4:8], "little")
    if end > len(view):
        raise FormatError(f"the file ends within its first {end} bytes", file=path)
    return view[8:end], end


class _Decoder:
    def __init__(self, path: Path, pieces: dict[Any, list[Piece]], start: int, behind: int) -> None:
        self.path = path
        self.pieces = pieces
        self.start = start
        self.behind = behind

    def dictionary(self, message: Any, where: _Where) -> Dictionary:
        found: Dictionary = {}
        for index, entry in enumerate(message.data):
            place = (*where, (_format.ENTRIES, index), (_format.ENTRY_VALUE, 0))
            if entry.key in found:
                raise FormatError(f"'{entry.key}' stands twice in one Dictionary")
            found[entry.key] = self.value(entry.value, place)
        return found

    def value(self, message: Any, where: _Where) -> Attribute:
        kind = message.value_type
        if kind in _PLAIN:
            plain: Attribute = getattr(message, _PLAIN[kind])
            return plain
        if kind == _format.SHAPE:
            return self.shape(message.nd_shape_value)
        if kind == _format.AXIS:
            return _axis(message.axis_value)
        if kind == _format.LIST:
            items = enumerate(message.vector_value.value)
            inner = (*where, (_format.VECTOR, 0))
            return [self.value(one, (*inner, (_format.ITEM, index))) for index, one in items]
        if kind == _format.DICTIONARY:
            return self.dictionary(message.dictionary_value, (*where, (_format.NESTED, 0)))
        if kind == _format.TENSOR:
            return self.tensor(message.nd_array_view_value, (*where, (_format.VIEW, 0)))
        if kind == 0:
            return None
        raise FormatError(f"a value of the unknown type {kind}")

    def shape(self, message: Any) -> Shape:
        dims = [dim - (1 << 64) if dim >> 63 else dim for dim in message.shape_dim]
        return graph.checked(dims[::-1])

    def tensor(self, message: Any, where: _Where) -> ir.TensorProtocol:
        shape = self.shape(message.shape)
        dtype = BY_DATA_TYPE.get(message.data_type)
        if dtype is None or any(dim < 0 for dim in shape):
            raise FormatError(f"a tensor of the unknown type {message.data_type} {list(shape)}")
        if message.storage_format != _DENSE:
            raise FormatError("a sparse tensor; CNTK itself writes none")
        if dtype not in _STORED:
            return _small(message, dtype, shape)
        field, stored = _STORED[dtype]
        if self.behind:
            pieces = [self._next(np.dtype(stored).itemsize * math.prod(shape))]
        else:
            pieces = list(self._pieces((*where, (field, 0), 1)))
        if not math.prod(shape) and not pieces:
            return ir.tensor(np.zeros(shape, dtype.numpy()))
        kind = None if np.dtype(stored) == dtype.numpy() else stored
        return references.from_pieces(self.path, pieces, dtype, shape, "", kind)

    def _pieces(self, where: _Where) -> Iterator[Piece]:
        for piece in self.pieces.get(where, []):
            if piece.size:
                yield piece._replace(offset=piece.offset + self.start)

    def _next(self, length: int) -> Piece:
        piece = Piece(self.behind, length, 2)
        self.behind += length
        return piece

    def end(self) -> None:
        """Check that the numbers behind the message are all there.

        Raises:
            FormatError: The file ends before them.
        """
        if self.behind > self.path.stat().st_size:
            raise FormatError("the file ends within its tensors")


def _axis(message: Any) -> Axis:
    index = message.static_axis_idx
    ordered = message.is_ordered_dynamic_axis
    if index == graph.DYNAMIC:
        return Axis(index, message.name, ordered)
    if graph.MAX_AXES < index < graph.ALL or index < -graph.MAX_AXES:
        raise FormatError(f"there is no axis {index}")
    return Axis(index)


def _small(message: Any, dtype: ir.DataType, shape: Shape) -> ir.TensorProtocol:
    numbers = np.array(message.sint32_values.value, np.int64)
    small = numbers.astype(dtype.numpy())
    if numbers.size != math.prod(shape) or (small != numbers).any():
        raise FormatError(f"{numbers.size} numbers are no {dtype.name}{list(shape)}")
    return ir.tensor(small.reshape(shape))
