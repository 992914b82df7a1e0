"""Checkpoints: the numbers of variables by their keys, left where they lie.

V2 is an index (a table of BundleEntryProtos) and shards with raw bytes (tensor_bundle.h). V1 is one table, or
several, of SavedTensorSlices, whose numbers are packed in messages (saved_tensor_slice.proto).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, UsageError
from mmdnn.frameworks.tensorflow.graph import dtype, schema
from mmdnn.frameworks.tensorflow.reader import table
from mmdnn.frameworks.tensorflow.reader.attributes import MOST_ELEMENTS, Place, shape_of, tensor
from mmdnn.tensors import references
from mmdnn.tensors.wire import Mapped

OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The key of the graph of objects."""
Part = tuple[tuple[slice, ...], ir.TensorProtocol]
Slices = Mapping[str, ir.TensorProtocol]


def prefix_of(path: Path) -> Path:
    """A checkpoint's name without what its files add to it."""
    name = re.sub(r"\.(meta|index|data-\d+-of-\d+)$", "", path.name)
    return path.with_name(name)


def read(prefix: Path) -> dict[str, ir.TensorProtocol]:
    """The tensors of a checkpoint by key.

    Args:
        prefix: Its files' common name.

    Raises:
        UsageError: A file is missing.
        FormatError: One is damaged.
    """
    index = Path(f"{prefix}.index")
    if index.is_file():
        return _v2(index, prefix)
    shards = (
        [prefix]
        if prefix.is_file()
        else sorted(prefix.parent.glob(f"{prefix.name}-?????-of-?????"))
    )
    if not shards:
        raise UsageError(
            "the checkpoint's weights are not there",
            file=index,
            hint="Give its .index and .data files, too.",
        )
    return _v1(shards)


def _v2(index: Path, prefix: Path) -> dict[str, ir.TensorProtocol]:
    messages, found = schema(), {}
    parts: dict[str, Any] = {}
    with Mapped(index) as view:
        rows = [(e.key, bytes(view[e.start : e.end])) for e in table.entries(view, index)]
    if not rows or rows[0][0]:
        raise FormatError("it has no header", file=index)
    header = messages.parse("tensorflow.BundleHeaderProto", rows[0][1], index)
    if header.endianness:
        raise FormatError("its numbers are big-endian", file=index)
    places = {}
    for key, data in rows[1:]:
        entry = messages.parse("tensorflow.BundleEntryProto", data, index)
        name = key.decode("utf-8", "surrogateescape")
        shard = prefix.with_name(
            f"{prefix.name}.data-{entry.shard_id:05}-of-{header.num_shards:05}"
        )
        if entry.slices:
            parts[name] = entry
        elif dtype(entry.dtype) != ir.DataType.UNDEFINED:
            places[name] = shard
            found[name] = _stored(entry, shard, name)
    for name, entry in parts.items():
        kind, shape = dtype(entry.dtype), _sizes(entry.shape, index)
        keys = [_key(name, each, shape) for each in entry.slices]
        if not found.keys() >= set(keys):
            raise FormatError(f"a part of '{name}' is nowhere", file=index)
        pieces = [(_slices(s, shape), found[k]) for s, k in zip(entry.slices, keys, strict=True)]
        found[name] = _joined(pieces, kind, shape, name)
    for shard in set(places.values()):
        if not shard.is_file():
            raise UsageError("the checkpoint's weights are not there", file=shard)
    return {name: value for name, value in found.items() if not name.startswith("\0")}


def _stored(entry: Any, shard: Path, name: str) -> ir.TensorProtocol:
    kind, shape = dtype(entry.dtype), _sizes(entry.shape, shard)
    if kind == ir.DataType.STRING:
        return _texts(shard, entry.offset, entry.size, shape)
    return references.external(shard, entry.offset, entry.size, kind, shape, name)


def _sizes(message: Any, file: Path) -> list[int]:
    dims = shape_of(message)
    if dims is None or None in dims or math.prod(d for d in dims if d) > MOST_ELEMENTS:
        raise FormatError(f"a tensor's shape is {dims}", file=file)
    return [size for size in dims if size is not None]


def _texts(shard: Path, offset: int, size: int, shape: Sequence[int]) -> ir.TensorProtocol:
    """Strings: their lengths, four bytes, and their letters."""

    def letters() -> np.ndarray:
        from mmdnn.tensors.wire import varint

        with Mapped(shard) as view:
            data = memoryview(bytes(view[offset : offset + size]))
        at, lengths = 0, []
        for _ in range(math.prod(shape)):
            length, at = varint(data, at, len(data), shard)
            lengths.append(length)
        at, found = at + 4, []
        for length in lengths:
            found.append(bytes(data[at : at + length]))
            at += length
        return np.asarray(found, object).reshape(shape)

    return ir.LazyTensor(
        lambda: ir.StringTensor(letters(), shape=ir.Shape(shape)),
        ir.DataType.STRING,
        ir.Shape(shape),
    )


def _slices(message: Any, shape: Sequence[int]) -> tuple[slice, ...]:
    """A part's place in the whole; an extent without a length is all of its axis."""
    extents = list(message.extent)
    if len(extents) != len(shape):
        raise FormatError(f"a part of {len(extents)} axes in {len(shape)}")
    return tuple(
        slice(e.start, e.start + e.length) if e.WhichOneof("has_length") else slice(0, size)
        for e, size in zip(extents, shape, strict=True)
    )


def _key(name: str, message: Any, shape: Sequence[int]) -> str:
    """The key of a part (checkpoint.proto, saved_tensor_slice_util.cc: EncodeTensorNameSlice)."""
    data = b"\0" + name.encode("utf-8", "surrogateescape").replace(b"\xff", b"\xff\0").replace(
        b"\0", b"\0\xff"
    )
    data += b"\0\1" + _increasing(len(shape))
    for extent in message.extent:
        whole = not extent.WhichOneof("has_length")
        data += _signed(0 if whole else extent.start) + _signed(-1 if whole else extent.length)
    return data.decode("utf-8", "surrogateescape")


def _increasing(value: int) -> bytes:
    """A number of 0 or more (ordered_code.cc: WriteNumIncreasing)."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(data)]) + data


def _signed(value: int) -> bytes:
    """A number with a sign (ordered_code.cc: WriteSignedNumIncreasing)."""
    size = 1
    magnitude = ~value if value < 0 else value
    while magnitude >> (7 * size - 1):
        size += 1
    bits = (value & ((1 << 8 * size) - 1)) ^ (((1 << size) - 1) << (7 * size))
    return (bits & ((1 << 8 * size) - 1)).to_bytes(size, "big")


def _joined(
    parts: list[Part], kind: ir.DataType, shape: Sequence[int], name: str
) -> ir.TensorProtocol:
    """A tensor of which each part stands apart."""

    def whole() -> ir.TensorProtocol:
        array = np.zeros(shape, kind.numpy())
        for place, part in parts:
            array[place] = references.read(part)
        return ir.Tensor(array, dtype=kind, name=name)

    count = sum(math.prod(part.shape.numpy()) for _, part in parts)
    if count != math.prod(shape):
        raise FormatError(f"the parts of '{name}' are {count} numbers, not {math.prod(shape)}")
    return (
        parts[0][1] if len(parts) == 1 else ir.LazyTensor(whole, kind, ir.Shape(shape), name=name)
    )


def _v1(shards: Sequence[Path]) -> dict[str, ir.TensorProtocol]:
    said: dict[str, Any] = {}
    parts: dict[str, list[tuple[Any, ir.TensorProtocol]]] = defaultdict(list)
    for shard in shards:
        for name, message in _saved_slices(shard, said):
            kind = dtype(message.data.dtype or said[name].type)
            message.data.dtype = message.data.dtype or said[name].type
            sizes = [
                s.stop - s.start for s in _slices(message.slice, _sizes(said[name].shape, shard))
            ]
            message.data.tensor_shape.Clear()
            for size in sizes:
                message.data.tensor_shape.dim.add().size = size
            if kind != ir.DataType.UNDEFINED:
                parts[name].append((message.slice, tensor(message.data, Place(shard, {}), name)))
    found = {}
    for name, pieces in parts.items():
        shape = _sizes(said[name].shape, shards[0])
        whole = [(_slices(place, shape), part) for place, part in pieces]
        found[name] = _joined(whole, dtype(said[name].type), shape, name)
    return found


def _saved_slices(shard: Path, said: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parts of tensors in a table; what it says of all of them goes into `said`."""
    messages = schema()
    with Mapped(shard) as view:
        rows = [(e.key, bytes(view[e.start : e.end])) for e in table.entries(view, shard)]
    for key, data in rows:
        message = messages.parse("tensorflow.SavedTensorSlices", data, shard)
        if not key:
            said.update({each.name: each for each in message.meta.tensor})
        elif message.data.name not in said:
            raise FormatError(f"nothing is said of '{message.data.name}'", file=shard)
        else:
            yield message.data.name, message.data
