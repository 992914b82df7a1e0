"""HDF5 files of weights, in a file of their own or within an archive: attributes, groups, data sets.

The HDF5 library ends its process on some damaged files. So it runs in a process apart, which says what is in
the file: data sets are contiguous in every file that Keras writes, and a weight is then a place in the file;
others are read, apart as well, when they are asked for. Links to other places and files are not followed.
"""

from __future__ import annotations

import io
import json
import math
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, MissingExtraError
from mmdnn.tensors import references
from mmdnn.tensors.archive import Place

_MOST_TIMES = 1024
"""Bytes that a compressed data set may claim for each byte of its file."""
_MOST_OBJECTS, _MOST_LEVELS, _MOST_SECONDS = 1 << 18, 64, 60
_LISTS, _TEXTS = (
    ("layer_names", "weight_names"),
    ("model_config", "keras_version", "backend", "dtype"),
)
_CHUNK = 1 << 20


@dataclass
class Node:
    """A group, or a data set.

    Attributes:
        attrs: Its attributes that are texts, or lists of names.
        members: Those of a group, by name.
        data: Of a data set its shape, type, offset and length in the file; what is no array of numbers says
            what it is as "problem".
    """

    attrs: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Node] = field(default_factory=dict)
    data: dict[str, Any] | None = None

    def names(self, attribute: str) -> list[str]:
        """A list of names; those that are too long for one attribute are split among numbered ones."""
        found = list(self.attrs.get(attribute, []))
        number = 0
        while f"{attribute}{number}" in self.attrs:
            found += self.attrs[f"{attribute}{number}"]
            number += 1
        return found

    def member(self, path: str) -> Node | None:
        """What lies at a path; None where there is nothing."""
        found = self
        for name in filter(None, path.split("/")):
            if name not in found.members:
                return None
            found = found.members[name]
            if found.data is not None and found.data.get("problem") == "link":
                raise FormatError(f"'{name}' is a link and not followed")
        return found


@dataclass(frozen=True)
class Store:
    """An HDF5 file, or a part of a file that is one."""

    place: Place

    @classmethod
    def of(cls, path: Path) -> Store:
        """A whole file."""
        return cls(Place(path, 0, path.stat().st_size))

    def root(self) -> Node:
        """What is in the file.

        Raises:
            FormatError: It is damaged.
            MissingExtraError: h5py is not installed.
        """
        try:
            import h5py  # noqa: F401 - before the other process, which then has it
        except ImportError:
            raise MissingExtraError("h5py", "keras") from None
        said = json.loads(_apart(self.place, lambda file: json.dumps(_said(file, 0, [])).encode()))
        return _node(said)

    def tensor(self, node: Node | None, name: str) -> ir.TensorProtocol:
        """A data set as a tensor that stays where it is.

        Raises:
            FormatError: It is no array of numbers, or lies in another file.
        """
        path, start, size = self.place
        data = None if node is None else node.data
        if data is None or node is None:
            raise FormatError(f"'{name}' is no array", file=path)
        if "problem" in data:
            raise FormatError(f"'{name}' {data['problem']}", file=path)
        shape, dtype = tuple(data["shape"]), np.dtype(data["dtype"])
        kind = ir.DataType.BFLOAT16
        if not (
            dtype.kind == "V" and dtype.itemsize == 2 and node.attrs.get("dtype") == "bfloat16"
        ):
            if dtype.kind not in "fiub":
                raise FormatError(f"'{name}' is no array of numbers", file=path)
            kind = ir.DataType.from_numpy(dtype.newbyteorder("="))
        offset, stored = data["offset"], data["length"]
        little = dtype.newbyteorder("<") == dtype
        if offset is not None and little and stored == references.size_of(kind, shape):
            if offset + stored > size:
                raise FormatError(f"the file ends within '{name}'", file=path)
            return references.external(path, start + offset, stored, kind, shape, name)
        if math.prod(map(float, shape)) * dtype.itemsize > _MOST_TIMES * size:
            raise FormatError(f"'{name}' claims {list(shape)} numbers in {size} bytes", file=path)
        where = data["where"]

        def compute() -> ir.TensorProtocol:
            read = _apart(self.place, lambda file: np.asarray(file[where][()]).tobytes())
            array = np.frombuffer(read, dtype)
            if array.size != math.prod(shape):
                raise FormatError(f"'{name}' is damaged", file=path)
            array = array.view(kind.numpy()) if array.dtype.kind == "V" else array
            return ir.Tensor(array.astype(kind.numpy()).reshape(shape), dtype=kind, name=name)

        return ir.LazyTensor(compute, kind, ir.Shape(shape), name=name)


def _node(said: dict[str, Any]) -> Node:
    members = {name: _node(each) for name, each in said.get("members", {}).items()}
    return Node(said.get("attrs", {}), members, said.get("data"))


@contextmanager
def _opened(place: Place) -> Iterator[Any]:
    import h5py

    path, start, size = place
    with path.open("rb") as raw:
        whole = start == 0 and size == path.stat().st_size
        with h5py.File(path if whole else _Part(raw, place), "r") as file:
            yield file


def _apart(place: Place, function: Callable[[Any], bytes]) -> bytes:
    """What a function makes of a file, in a process of its own where the system can.

    Raises:
        FormatError: It fails, or ends its process.
    """
    if not hasattr(os, "fork"):
        try:
            with _opened(place) as file:
                return function(file)
        except Exception as error:
            raise FormatError(f"damaged HDF5: {error}", file=place.path) from error
    with tempfile.TemporaryFile() as answer:
        pid = os.fork()
        if pid == 0:
            _answer(place, function, answer)
        _, status = os.waitpid(pid, 0)
        answer.seek(0)
        if os.WIFSIGNALED(status):
            reason = f"reading it ends with {signal.Signals(os.WTERMSIG(status)).name}"
        elif os.WEXITSTATUS(status):
            reason = answer.read().decode(errors="replace")[:500]
        else:
            return answer.read()
    raise FormatError(f"damaged HDF5: {reason}", file=place.path)


def _answer(place: Place, function: Callable[[Any], bytes], answer: Any) -> None:
    """The other process: it writes what it found, or why it found nothing, and ends."""
    import faulthandler
    import resource

    faulthandler.disable()
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with _opened(place) as file:
            found = function(file)
        for at in range(0, len(found), _CHUNK):
            answer.write(found[at : at + _CHUNK])
        status = 0
    except BaseException as error:  # noqa: BLE001 - nothing may go on in this process
        answer.seek(0)
        answer.write(str(error).encode(errors="replace"))
    finally:
        answer.flush()
        os._exit(status)


def _said(group: Any, level: int, seen: list[int]) -> dict[str, Any]:
    """What a group holds, in words of json."""
    import h5py

    if level > _MOST_LEVELS or len(seen) > _MOST_OBJECTS:
        raise ValueError("its groups are too many, or too deep")
    members: dict[str, Any] = {}
    for name in group:
        seen.append(level)
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            members[name] = {"data": {"problem": "link"}}
            continue
        each = group[name]
        if isinstance(each, h5py.Group):
            members[name] = _said(each, level + 1, seen)
        elif isinstance(each, h5py.Dataset):
            members[name] = {"attrs": _attributes(each), "data": _data(each)}
    return {"attrs": _attributes(group), "members": members}


def _data(dataset: Any) -> dict[str, Any]:
    if dataset.external or dataset.is_virtual:
        return {"problem": "lies in another file"}
    if dataset.shape is None or dataset.dtype.hasobject:
        return {"problem": "is no array of numbers"}
    return {
        "shape": list(dataset.shape),
        "dtype": dataset.dtype.str,
        "offset": dataset.id.get_offset(),
        "length": int(dataset.id.get_storage_size()),
        "where": dataset.name,
    }


def _attributes(thing: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in thing.attrs:
        if name.rstrip("0123456789") in _LISTS:
            found[name] = [_text(each) for each in np.asarray(thing.attrs[name]).reshape(-1)]
        elif name in _TEXTS:
            found[name] = _text(thing.attrs[name])
    return found


def _text(value: Any) -> str:
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    data = value if isinstance(value, bytes) else str(value or "").encode(errors="surrogateescape")
    return data.decode(errors="replace")


class _Part(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: io.BufferedReader, place: Place) -> None:
        self._file, self._place, self._at = file, place, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte."""
        self._at = offset + (0, self._at, self._place.size)[whence]
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read what is there."""
        count = max(0, min(len(buffer), self._place.size - self._at))
        self._file.seek(self._place.start + self._at)
        data = self._file.read(count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
