"""The IR on disk: `net.pb`, `net.npy` and `net.json`, together a valid ONNX model.

* `net.pb` is an ONNX ModelProto whose weights are external data within `net.npy`.
* `net.npy` is one numpy record with a field for each weight, named and aligned:
  `np.load("net.npy", mmap_mode="r", max_header_size=1 << 30)["conv1.weight"]`. Types that numpy does
  not have are fields of unsigned integers, or of bytes where they are packed. The format:
  https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
* `net.json` is the same graph as protobuf's JSON, for people and viewers.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, UsageError
from mmdnn.ir import notes
from mmdnn.ir.storage.protos import SMALL
from mmdnn.ir.storage.reading import deserialize, load_proto
from mmdnn.ir.storage.writing import detach, locate
from mmdnn.tensors import references, stream

if TYPE_CHECKING:
    import onnx

ALIGNMENT = 64
MAGIC = b"\x93NUMPY\x03\x00"
HEADER_LIMIT = 1 << 26
"""The longest header that is read, in bytes."""

SHAPING = {"Resize"}
"""Operators whose small float inputs decide shapes; these stay in the graph."""


class Field(NamedTuple):
    """A weight in the record: its name, numpy's word for its type, shape, and place in the file."""

    name: str
    kind: str
    shape: tuple[int, ...]
    offset: int
    length: int


def write_ir(model: ir.Model, prefix: Path, progress: stream.Progress | None = None) -> list[Path]:
    """Write `<prefix>.pb`, `<prefix>.npy` and `<prefix>.json`.

    Args:
        model: The model; it is left as it is.
        prefix: A path without suffix; dots in its name are kept.
        progress: Told of the bytes of weights written.

    Returns:
        The files written, the `.pb` first.
    """
    from google.protobuf.json_format import MessageToJson

    graph, weights, text = (prefix.with_name(prefix.name + end) for end in (".pb", ".npy", ".json"))
    proto, outside = detach(model, _is_weight)
    named = [
        (place.message.name or f"tensor {index}", place.tensor)
        for index, place in enumerate(outside)
    ]
    for place, field in zip(outside, write_record(named, weights, progress), strict=True):
        locate(place, weights.name, field.offset, field.length)
    graph.write_bytes(proto.SerializeToString())
    text.write_text(MessageToJson(proto), encoding="utf-8")
    return [graph, weights, text]


def write_record(
    named: Sequence[tuple[str, ir.TensorProtocol]],
    target: Path,
    progress: stream.Progress | None = None,
) -> list[Field]:
    """Write tensors as a `.npy` file with one record.

    Args:
        named: Their names and they; a name that is there already gets an apostrophe.
        target: The file.
        progress: Told of the bytes written.

    Returns:
        A field for each.
    """
    fields, header, size = _layout(named)
    with target.open("wb") as file:
        file.write(header)
        for (_, tensor), field in zip(named, fields, strict=True):
            file.write(bytes(field.offset - file.tell()))
            stream.write(tensor, file, progress)
        file.write(bytes(size - file.tell()))
    return fields


def read_ir(path: Path, weights: Path | None = None) -> ir.Model:
    """Read an IR; weights stay in the `.npy`, where they are found by their names.

    Args:
        path: One of its files, or their common prefix.
        weights: The `.npy`, where it is not the one of the same name.

    Raises:
        FormatError: A file is malformed, or the two do not belong together.
        UsageError: There is no such IR.
    """
    graph = path.with_suffix(".pb") if path.suffix in (".npy", ".json") else path
    if graph.suffix != ".pb":
        graph = graph.with_name(graph.name + ".pb")
    if not graph.is_file():
        raise UsageError("there is no such file", file=graph)
    own = graph.with_suffix(".npy")
    held = weights or own
    if not held.is_file():
        if weights is not None:
            raise UsageError("there is no such file", file=weights)
        return deserialize(*load_proto(graph), graph)
    record = _Record(held, own.name if weights is None else None)
    proto, outside = load_proto(graph, record.find)
    record.check()
    return deserialize(proto, outside, graph)


class _Record:
    """The weights of a `.npy` file with one record, as a graph asks for them by name.

    Args:
        file: The file.
        name: What the graph calls it; None where all that lies outside the graph is in this file.
    """

    def __init__(self, file: Path, name: str | None) -> None:
        self.file = file
        self.name = name
        self.fields: dict[str, Field] | None = None
        self.size = file.stat().st_size
        self.used: set[str] = set()
        self.lost: list[str] = []

    def find(self, tensor: onnx.TensorProto, location: str) -> ir.TensorProtocol | None:
        """The weight of this name, if the graph keeps it in this file."""
        if self.name is not None and Path(location).name != self.name:
            return None
        if self.fields is None:
            self.fields = read_fields(self.file)
        name = tensor.name or f"tensor {len(self.used)}"
        while name in self.used:
            name += "'"
        self.used.add(name)
        field, dtype, shape = (
            self.fields.get(name),
            ir.DataType(tensor.data_type),
            list(tensor.dims),
        )
        fits = field is not None and (
            field.length == references.size_of(dtype, shape)
            and field.kind.lstrip("<|=") == _kind(dtype).lstrip("<|=")
            and (dtype.itemsize < 1 or list(field.shape) == shape)
        )
        if field is None or not fits:
            self.lost.append(name)
            return ir.tensor(np.zeros(0, np.float32), name=name)
        if field.offset + field.length > self.size:
            raise FormatError(f"ends before tensor '{name}'", file=self.file)
        return references.external(self.file, field.offset, field.length, dtype, shape, tensor.name)

    def check(self) -> None:
        """Refuse a file that lacks weights of the graph, or has others besides.

        Raises:
            FormatError: It is not this graph's.
        """
        fields = self.fields or (read_fields(self.file) if self.name is None else {})
        unused = [name for name in fields if name not in self.used]
        if not (self.lost or unused):
            return
        problems = []
        if self.lost:
            shapes = [name for name in self.lost if name in fields]
            names = notes.missing([name for name in self.lost if name not in fields], unused)
            problems += [f"it has no weight {names}"] if names else []
            problems += [f"{notes.listed(shapes)} of another shape or type"] if shapes else []
        if unused:
            problems.append(f"nobody reads its {notes.listed(unused)}")
        raise FormatError(
            f"{'; '.join(problems)}: the files do not belong together", file=self.file
        )


def read_fields(path: Path) -> dict[str, Field]:
    """The fields of a `.npy` file with one record, read without numpy's unbounded parser.

    Raises:
        FormatError: It is no such file.
    """
    try:
        with path.open("rb") as file:
            begin, header = _read_header(file, path)
        return {field.name: field for field in _fields(header, begin)}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, KeyError) as error:
        raise FormatError("no .npy file with one record of weights", file=path) from error


def _is_weight(value: ir.Value | None, tensor: ir.TensorProtocol) -> bool:
    """Big tensors, and named floats that decide no shape."""
    if tensor.nbytes >= SMALL:
        return True
    if value is None or not tensor.dtype.is_floating_point():
        return False
    return tensor.size > 0 and not any(node.op_type in SHAPING for node, _ in value.uses())


def _layout(
    named: Iterable[tuple[str, ir.TensorProtocol]],
) -> tuple[list[Field], bytes, int]:
    """Where each weight goes in the file, the header before them, and the file's size."""
    names: set[str] = set()
    entries: list[tuple[str, str, tuple[int, ...], int, int]] = []
    place = 0
    for name, tensor in named:
        while name in names:
            name += "'"
        names.add(name)
        entries.append((name, *_described(tensor), place, tensor.nbytes))
        place += tensor.nbytes + -tensor.nbytes % ALIGNMENT
    header = _header(entries, place)
    fields = [
        Field(n, kind, shape, len(header) + at, length) for n, kind, shape, at, length in entries
    ]
    return fields, header, len(header) + place


def _described(tensor: ir.TensorProtocol) -> tuple[str, tuple[int, ...]]:
    """Numpy's word for a type, and the shape."""
    packed = tensor.dtype.itemsize < 1
    return _kind(tensor.dtype), (tensor.nbytes,) if packed else tuple(tensor.shape.numpy())


def _kind(dtype: ir.DataType) -> str:
    """Numpy's word for a type; foreign ones are integers of their size, packed ones bytes."""
    if dtype.itemsize < 1:
        return "|u1"
    kind = dtype.numpy()
    if kind.isbuiltin != 1:
        kind = np.dtype(f"u{kind.itemsize}")
    return kind.newbyteorder("<").str


def _header(entries: Iterable[tuple[str, str, tuple[int, ...], int, int]], size: int) -> bytes:
    """The record's description, with unnamed bytes where there is padding."""
    described: list[tuple[Any, ...]] = []
    for name, kind, shape, _, length in entries:
        described.append((name, kind, shape) if shape else (name, kind))
        if gap := -length % ALIGNMENT:
            described.append(("", f"|V{gap}"))
    text = repr({"descr": described, "fortran_order": False, "shape": ()}).encode()
    text += b" " * (-(len(MAGIC) + 4 + len(text) + 1) % ALIGNMENT) + b"\n"
    return MAGIC + struct.pack("<I", len(text)) + text


def _read_header(file: BinaryIO, path: Path) -> tuple[int, dict[str, Any]]:
    start = file.read(12)
    if start[:6] != MAGIC[:6] or len(start) < 12 or start[6] not in (1, 2, 3):
        raise FormatError("no .npy file", file=path)
    begin = 10 if start[6] == 1 else 12
    (length,) = struct.unpack("<H" if begin == 10 else "<I", start[8:begin])
    if length > min(HEADER_LIMIT, path.stat().st_size):
        raise FormatError(f"its header claims {length} bytes", file=path)
    file.seek(begin)
    text = file.read(length).decode("utf-8" if start[6] == 3 else "latin1")
    header = ast.literal_eval(text)
    if set(header) != {"descr", "fortran_order", "shape"} or header["shape"] != ():
        raise FormatError("no .npy file of one record", file=path)
    return begin + length, header


def _fields(header: dict[str, Any], begin: int) -> Iterable[Field]:
    place = begin
    for name, kind, *rest in header["descr"]:
        shape = tuple(int(dim) for dim in rest[0]) if rest else ()
        length = np.dtype(kind).itemsize
        for dim in shape:
            length *= dim
        if name:
            yield Field(str(name), str(kind), shape, place, length)
        place += length
