"""Finds weights in caffemodel and binaryproto files, and gives them to the layers they belong to.

Numbers stay in the file: a walk over the wire format takes them out of the message and keeps their
places. A blob's fields are those of BlobProto; what wins over what is Blob::FromProto's
(src/caffe/blob.cpp), which layer gets what is Net::CopyTrainedLayersFrom's (src/caffe/net.cpp).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, FormatError
from mmdnn.frameworks.caffe import _layers, _notes, graph
from mmdnn.frameworks.caffe.graph import Blob
from mmdnn.frameworks.caffe.reader.upgrade import Draft
from mmdnn.tensors import references
from mmdnn.tensors.wire import LEN, TAKE, Mapped, Piece, Tree, carve, records

_DATA, _DIFF, _DOUBLE_DATA, _DOUBLE_DIFF, _RAW_DATA, _RAW_DIFF = 5, 6, 8, 9, 12, 13
_BLOB: Tree = dict.fromkeys((_DATA, _DIFF, _DOUBLE_DATA, _DOUBLE_DIFF, _RAW_DATA, _RAW_DIFF), TAKE)
_RAW_TYPE = "field 10"
_RAW: Mapping[int, str] = {0: "<f8", 1: "<f4", 2: "<f2"}
"""What NVIDIA Caffe's `raw_data` holds, by its `raw_data_type`: double, float, half."""
_V0, _V1, _V2 = 1, 2, 100
_TREE: Tree = {_V2: {7: _BLOB}, _V1: {6: _BLOB, _V0: {50: _BLOB}}}
_LEGACY = ("num", "channels", "height", "width")
_MAX_AXES = 32
MAX_FIELDS = 100_000
"""Layers, and other fields at the top, that a file may have."""
MAX_REST = 64 << 20
"""Bytes that a network may take without its weights."""
_Where = tuple[tuple[int, int] | int, ...]


def read(path: Path) -> tuple[Any, list[Draft], list[Draft]]:
    """Read a caffemodel, numbers left in place.

    Returns:
        Its NetParameter without layers, its V2 layers, and its V0 or V1 layers.

    Raises:
        FormatError: It is not a caffemodel.
        UsageError: It cannot be opened.
    """
    with Mapped(path) as view:
        if any(islice(records(view, file=path), MAX_FIELDS, None)):
            raise FormatError("too many layers", file=path)
        carved = carve(view, _TREE, path)
    if len(carved.rest) > MAX_REST:
        raise FormatError("too large, without its weights, for a network", file=path)
    net = graph.schema().parse("caffe.NetParameter", carved.rest, path)
    _decode(net)
    if not (net.layer or net.layers or net.input):
        raise FormatError("no layers in it: this is not a caffemodel", file=path)
    layer = [
        _draft(message, message.blobs, ((_V2, i),), 7, carved.pieces, path)
        for i, message in enumerate(net.layer)
    ]
    layers = []
    for i, message in enumerate(net.layers):
        v0 = message.HasField("layer")
        where: _Where = ((_V1, i), (_V0, 0)) if v0 else ((_V1, i),)
        held = message.layer.blobs if v0 else message.blobs
        layers.append(_draft(message, held, where, 50 if v0 else 6, carved.pieces, path))
    return net, layer, layers


def _decode(message: Any) -> None:
    """Make text of every string: protobuf leaves one that is not UTF-8 as bytes."""
    for known, value in message.ListFields():
        if known.message_type is not None:
            for inner in value if hasattr(value, "add") else (value,):
                _decode(inner)
        elif isinstance(value, bytes):
            setattr(message, known.name, value.decode("utf-8", "backslashreplace"))
        elif known.type == known.TYPE_STRING and not isinstance(value, str):
            for index, text in enumerate(value):
                if isinstance(text, bytes):
                    value[index] = text.decode("utf-8", "backslashreplace")


def read_blob(path: Path) -> ir.TensorProtocol:
    """Read a binaryproto: one blob, e.g. a mean image.

    Raises:
        FormatError: It is none.
        UsageError: It cannot be opened.
    """
    with Mapped(path) as view:
        carved = carve(view, _BLOB, path)
    proto = graph.schema().parse("caffe.BlobProto", carved.rest, path)
    if not (proto.HasField("shape") or any(proto.HasField(name) for name in _LEGACY)):
        raise FormatError("no shape in it: this is not a binaryproto", file=path)
    return _tensor(proto, (), carved.pieces, path, path.stem)


def _draft(
    message: Any, held: Any, where: _Where, number: int, pieces: dict[Any, Any], path: Path
) -> Draft:
    name = message.name or (message.layer.name if hasattr(message, "layer") else "")
    try:
        blobs: list[Blob] = [
            _tensor(proto, (*where, (number, i)), pieces, path, f"{name}.{i}")
            for i, proto in enumerate(held)
        ]
    except Error as error:
        error.layer = name
        raise
    del held[:]
    unknown = _unread(message)
    said = unknown.pop(_notes.UNKNOWN, None)
    note = _notes.unpacked(said) if said is not None else None
    return Draft(message, blobs, unknown, note)


def _unread(message: Any) -> dict[str, Any]:
    """Fields of a binary message that the schema lacks, by number: forks' parameters."""
    try:
        from google.protobuf.unknown_fields import UnknownFieldSet
    except ImportError:  # protobuf before 4.21
        fields = message.UnknownFields()
    else:
        fields = UnknownFieldSet(message)
    unknown = {f"field {one.field_number}": one.data for one in fields}
    for known, value in message.ListFields():
        if known.message_type is None or hasattr(value, "append") or hasattr(value, "add"):
            continue
        inner = _unread(value)
        if inner:
            unknown[known.name] = inner
    return unknown


def stored_shape(proto: Any) -> tuple[int, ...]:
    """A BlobProto's shape: the four legacy sizes win if any is there.

    Raises:
        FormatError: It is no shape.
    """
    if any(proto.HasField(name) for name in _LEGACY):
        dims = tuple(getattr(proto, name) for name in _LEGACY)
    else:
        dims = tuple(proto.shape.dim)
    if len(dims) > _MAX_AXES or any(dim < 0 or dim > 1 << 40 for dim in dims):
        raise FormatError(f"a blob cannot have the shape {list(dims)}")
    return dims


def _tensor(
    proto: Any, where: _Where, pieces: dict[Any, list[Piece]], path: Path, name: str
) -> ir.TensorProtocol:
    try:
        shape = stored_shape(proto)
        double = _numbers(pieces.get((*where, _DOUBLE_DATA), []), 8, name)
        single = _numbers(pieces.get((*where, _DATA), []), 4, name)
        raw = pieces.get((*where, _RAW_DATA), [])
        if raw:
            return _raw(proto, raw, path, shape, name)
        if double:
            return references.from_pieces(path, double, ir.DataType.FLOAT, shape, name, "<f8")
        if not single and not math.prod(shape):
            return ir.tensor(np.zeros(shape, np.float32), name=name)
        return references.from_pieces(path, single, ir.DataType.FLOAT, shape, name)
    except Error as error:
        error.file = path
        raise


def _raw(
    proto: Any, pieces: Sequence[Piece], path: Path, shape: tuple[int, ...], name: str
) -> ir.TensorProtocol:
    """Numbers as NVIDIA Caffe 0.16 and newer stores them: bytes, whose type another field says."""
    kind = _unread(proto).get(_RAW_TYPE, 1)
    if kind not in _RAW:
        raise FormatError(f"tensor '{name}' has raw_data of type {kind}, which is no float")
    return references.from_pieces(path, pieces, ir.DataType.FLOAT, shape, name, _RAW[kind])


def _numbers(pieces: Sequence[Piece], width: int, name: str) -> list[Piece]:
    """The pieces that are not empty, each of them whole numbers of that many bytes."""
    for piece in pieces:
        if piece.size % width or (piece.wire_type != LEN and piece.length != width):
            raise FormatError(f"tensor '{name}' has numbers of a wrong size")
    return [piece for piece in pieces if piece.size]


def from_text(message: Any, blobs: Any, file: Path | None) -> list[Blob]:
    """Blobs written in a prototxt.

    Args:
        message: The layer they belong to.
        blobs: Its BlobProtos; emptied.
        file: Named in errors.

    Raises:
        FormatError: One has more or fewer numbers than its shape says.
    """
    tensors: list[Blob] = []
    for index, proto in enumerate(blobs):
        numbers = np.array(proto.double_data or proto.data, np.float32)
        shape = stored_shape(proto)
        if numbers.size != math.prod(shape):
            raise FormatError(
                f"blob {index} has {numbers.size} numbers for the shape {list(shape)}",
                file=file,
                layer=message.name,
            )
        tensors.append(ir.tensor(numbers.reshape(shape), name=f"{message.name}.{index}"))
    del blobs[:]
    return tensors


class Store:
    """The weight blobs of a network's layers, shared ones in one place.

    Args:
        drafts: The network's layers, with the blobs that their own file gives.
        file: Named in errors.

    Raises:
        FormatError: Blobs that the layers cannot have.
    """

    def __init__(self, drafts: Sequence[Draft], file: Path | None) -> None:
        self.drafts = drafts
        self.cells: list[Blob] = []
        self.own: list[list[int]] = []
        self.owned: list[list[bool]] = []
        self.permissive: set[int] = set()
        self.counts: list[int | None] = []
        self.unused: list[str] = []
        owners: dict[str, int] = {}
        for draft in drafts:
            self._add(draft, owners, file)

    def _add(self, draft: Draft, owners: dict[str, int], file: Path | None) -> None:
        layer = draft.message
        fillers = graph.fillers(layer.type, layer, draft.unknown)
        self.counts.append(None if fillers is None else len(fillers))
        blobs: list[Blob] = draft.blobs or list(fillers or [])
        forks = _layers.layer_type(layer.type).forks
        if fillers is not None and len(layer.param) > max((len(fillers), *forks)):
            problem = f"it has {len(layer.param)} param entries for {len(fillers)} weight blobs"
            raise FormatError(problem, file=file, layer=layer.name, operator=layer.type)
        if fillers is None:
            missing = len(layer.param) - len(blobs)
            blobs = [*blobs, *(graph.Filler("") for _ in range(missing))]
        own, owned = [], []
        for index, blob in enumerate(blobs):
            spec = layer.param[index] if index < len(layer.param) else None
            name = spec.name if spec is not None else ""
            owned.append(not name or name not in owners)
            if owned[-1]:
                self.cells.append(blob)
                own.append(len(self.cells) - 1)
                owners.setdefault(name, own[-1])
                continue
            own.append(owners[name])
            if spec is not None and spec.share_mode:
                self.permissive.add(owners[name])
        self.own.append(own)
        self.owned.append(owned)

    def load(self, index: int, blobs: Sequence[Blob], *, file: Path) -> None:
        """Give a layer the blobs that a file has for it; what it shares, its sharers get too.

        Raises:
            FormatError: There are not as many as the layer has.
        """
        own, expected = self.own[index], self.counts[index]
        if expected is None:
            self.grow(index, len(blobs))
        elif len(blobs) in _layers.layer_type(self.drafts[index].message.type).forks:
            self.counts[index] = len(blobs)
            self.grow(index, len(blobs))
        elif len(blobs) != expected:
            layer = self.drafts[index].message
            raise FormatError(
                f"{len(blobs)} weight blobs are stored for it; it has {expected}",
                file=file,
                layer=layer.name,
                operator=layer.type,
            )
        for cell, blob in zip(own, blobs, strict=False):
            self.cells[cell] = blob

    def grow(self, index: int, count: int) -> None:
        """Make room for a number of blobs in a layer whose type does not say how many it has."""
        while len(self.own[index]) < count:
            self.cells.append(graph.Filler(""))
            self.own[index].append(len(self.cells) - 1)
            self.owned[index].append(True)

    def load_all(self, source: Sequence[Draft], file: Path) -> None:
        """Give each layer the weights stored under its name, the first of that name if several.

        Layers that the file has beyond the network are `unused`; those that it lacks keep their
        fillers, about which the importer decides.

        Raises:
            FormatError: A layer's blobs are more or fewer than it has.
        """
        first: dict[str, int] = {}
        for index, draft in enumerate(self.drafts):
            first.setdefault(draft.message.name, index)
        for draft in source:
            index = first.get(draft.message.name, -1)
            if index >= 0:
                self.load(index, draft.blobs, file=file)
                self.drafts[index].note = draft.note
            elif draft.blobs:
                self.unused.append(draft.message.name)
        self.explain(file)

    def explain(self, file: Path) -> None:
        """Let the fillers that are left say that a file of weights did not have them."""
        for cell in self.cells:
            if isinstance(cell, graph.Filler):
                cell.why = f"{file.name} does not have them"

    def blobs(self, index: int) -> tuple[list[Blob], frozenset[int]]:
        """A layer's blobs, and the indices of those shared under another shape."""
        own = self.own[index]
        permissive = frozenset(i for i, cell in enumerate(own) if cell in self.permissive)
        return [self.cells[cell] for cell in own], permissive
