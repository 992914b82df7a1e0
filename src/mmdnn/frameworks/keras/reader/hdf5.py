"""HDF5 files of weights, in a file of their own or within an archive: attributes, groups, data sets.

Data sets are contiguous in every file that Keras writes, so that a weight is a place in the file; others
are read when they are asked for. Links to other places and files are not followed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, FormatError, MissingExtraError
from mmdnn.tensors import references
from mmdnn.tensors.archive import Place

_DAMAGED = (
    *(OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, AttributeError),
    *(UnicodeDecodeError, MemoryError),
)
_MOST_NUMBERS = 1024
"""Bytes that a data set may claim for each byte of its file, compressed."""


@dataclass(frozen=True)
class Store:
    """An HDF5 file, or a part of a file that is one."""

    place: Place

    @classmethod
    def of(cls, path: Path) -> Store:
        """A whole file."""
        return cls(Place(path, 0, path.stat().st_size))

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The root group, every failure of the HDF5 library being a FormatError.

        Raises:
            MissingExtraError: h5py is not installed.
        """
        try:
            import h5py
        except ImportError:
            raise MissingExtraError("h5py", "keras") from None
        path, start, _ = self.place
        try:
            with path.open("rb") as raw:
                whole = start == 0 and self.place.size == path.stat().st_size
                with h5py.File(path if whole else _Part(raw, self.place), "r") as file:
                    yield file
        except Error as error:
            error.file = error.file or path
            raise
        except _DAMAGED as error:
            raise FormatError(f"damaged HDF5: {error}", file=path) from error

    def tensor(self, dataset: Any, name: str) -> ir.TensorProtocol:
        """A data set as a tensor that stays where it is.

        Raises:
            FormatError: It is no array of numbers, or lies in another file.
        """
        import h5py

        path, start, size = self.place
        if not isinstance(dataset, h5py.Dataset):
            raise FormatError(f"'{name}' is no array", file=path)
        if dataset.external or dataset.is_virtual:
            raise FormatError(f"'{name}' lies in another file", file=path)
        kind, shape = _type(dataset, name, path), tuple(dataset.shape or ())
        offset, stored = dataset.id.get_offset(), int(dataset.id.get_storage_size())
        little = dataset.dtype.newbyteorder("<") == dataset.dtype
        if offset is not None and little and stored == references.size_of(kind, shape):
            if offset + stored > size:
                raise FormatError(f"the file ends within '{name}'", file=path)
            return references.external(path, start + offset, stored, kind, shape, name)
        if math.prod(map(float, shape)) * dataset.dtype.itemsize > _MOST_NUMBERS * size:
            raise FormatError(f"'{name}' claims {list(shape)} numbers in {size} bytes", file=path)
        where = dataset.name

        def compute() -> ir.TensorProtocol:
            with self.opened() as file:
                array = np.asarray(file[where][()])
            array = array.view(kind.numpy()) if array.dtype.kind == "V" else array
            return ir.Tensor(array.astype(kind.numpy(), copy=False), dtype=kind, name=name)

        return ir.LazyTensor(compute, kind, ir.Shape(shape), name=name)


def _type(dataset: Any, name: str, path: Path) -> ir.DataType:
    dtype = dataset.dtype
    if dtype.kind == "V" and dtype.itemsize == 2 and text(dataset.attrs.get("dtype")) == "bfloat16":
        return ir.DataType.BFLOAT16
    if dtype.kind not in "fiub":
        raise FormatError(f"'{name}' is no array of numbers", file=path)
    return ir.DataType.from_numpy(dtype.newbyteorder("="))


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


def text(value: Any) -> str:
    """An attribute that is a text; "" for any other."""
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def names(group: Any, attribute: str) -> list[str]:
    """A list of names; those that are too long for one attribute are split among numbered ones."""
    attrs = group.attrs
    if attribute in attrs:
        return [text(name) for name in np.asarray(attrs[attribute]).reshape(-1)]
    found: list[str] = []
    number = 0
    while (part := attrs.get(f"{attribute}{number}")) is not None:
        found += [text(name) for name in np.asarray(part).reshape(-1)]
        number += 1
    return found


def member(group: Any, path: str) -> Any:
    """What lies at a path in this very file; None where there is nothing.

    Raises:
        FormatError: A link to somewhere else is in the way.
    """
    import h5py

    for name in filter(None, path.split("/")):
        if not isinstance(group, h5py.Group) or name not in group:
            return None
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FormatError(f"'{name}' is a link and not followed")
        group = group[name]
    return group
