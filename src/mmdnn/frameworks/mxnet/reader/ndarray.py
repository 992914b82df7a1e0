"""Lists of arrays as MXNet saves them (`.params`, `.nd`): found in the file, not read.

src/ndarray/ndarray.cc (NDArray::Load, LegacyLoad) of MXNet 1.9.1. A list is a magic number, the
arrays one after the other, and their names. An array begins with the number of its format:

    V3 0xF993FACA    as V2, shapes as NumPy's: () is a scalar, -1 is not known
    V2 0xF993FAC9    storage type, sizes of 64 bits
    V1 0xF993FAC8    dense, sizes of 64 bits
    V0               dense; the first number is the number of axes, sizes have 32 bits

Sparse arrays (row_sparse, csr) become dense when they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import calcsize, unpack
from typing import Any, BinaryIO

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.tensors import references

LIST = 0x112
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
DENSE, ROW_SPARSE, CSR = 0, 1, 2
AUXILIARY = {DENSE: 0, ROW_SPARSE: 1, CSR: 2}
"""How many arrays of indices a storage type has."""
TYPES = {
    0: ir.DataType.FLOAT,
    1: ir.DataType.DOUBLE,
    2: ir.DataType.FLOAT16,
    3: ir.DataType.UINT8,
    4: ir.DataType.INT32,
    5: ir.DataType.INT8,
    6: ir.DataType.INT64,
    7: ir.DataType.BOOL,
    8: ir.DataType.INT16,
    9: ir.DataType.UINT16,
    10: ir.DataType.UINT32,
    11: ir.DataType.UINT64,
    12: ir.DataType.BFLOAT16,
}
"""mshadow's type flags."""
FLAGS = {dtype: flag for flag, dtype in TYPES.items()}
NAMES = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.DOUBLE: "float64",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    ir.DataType.UINT8: "uint8",
    ir.DataType.INT8: "int8",
    ir.DataType.INT32: "int32",
    ir.DataType.INT64: "int64",
    ir.DataType.BOOL: "bool",
}
"""Types as MXNet's operators name them."""
MOST_AXES = 32
MOST_NAME = 1 << 16
SPREAD = 4096
"""How many times larger than its stored part a sparse array may be."""


@dataclass(frozen=True)
class Arrays:
    """A list of arrays.

    Attributes:
        tensors: Name to tensor, in the file's order. Arrays without contents are left out.
        numpy: Whether an array is of format V3.
    """

    tensors: dict[str, ir.TensorProtocol]
    numpy: bool


@dataclass(frozen=True)
class _Part:
    """A dense block in the file."""

    offset: int
    length: int
    dtype: ir.DataType
    shape: tuple[int, ...]


def read(path: Path, start: int = 0, size: int | None = None) -> Arrays:
    """Find the arrays of a file.

    Args:
        path: The file.
        start: Where the list begins in it (a member of an archive).
        size: How many bytes it has; to the file's end where not given.

    Raises:
        FormatError: It is truncated, or not such a list.
    """
    with path.open("rb") as file:
        end = path.stat().st_size if size is None else start + size
        return _Reader(file, path, start, end).arrays()


class _Reader:
    def __init__(self, file: BinaryIO, path: Path, start: int, end: int) -> None:
        self.file, self.path, self.end = file, path, end
        self.numpy = False
        self.what = "the header"
        file.seek(start)

    def fail(self, why: str) -> FormatError:
        return FormatError(f"{self.what} at byte {self.file.tell()}: {why}", file=self.path)

    def take(self, kind: str) -> Any:
        """Numbers as `struct` names them; one alone is not a tuple."""
        size = calcsize(f"<{kind}")
        data = self.file.read(size) if self.file.tell() + size <= self.end else b""
        if len(data) != size:
            raise self.fail("the file ends too early")
        numbers = unpack(f"<{kind}", data)
        return numbers[0] if len(numbers) == 1 else numbers

    def skip(self, length: int) -> int:
        """Step over this many bytes; where they begin."""
        offset = self.file.tell()
        if length > self.end - offset:
            raise self.fail(f"{length} bytes are promised, {self.end - offset} are there")
        self.file.seek(length, 1)
        return offset

    def arrays(self) -> Arrays:
        if self.take("Q") != LIST:
            raise FormatError("it is not a list of MXNet arrays", file=self.path)
        self.take("Q")
        found = []
        count = self.take("Q")
        for index in range(count):
            self.what = f"array {index + 1} of {count}"
            found.append(self.array())
        self.what = "the names"
        names = [self.name() for _ in range(self.take("Q"))]
        if names and len(names) != count:
            raise self.fail(f"{len(names)} names do not fit {count} arrays")
        if count and not names:
            raise FormatError(
                "its arrays have no names",
                file=self.path,
                hint="Save them with names: mx.nd.save(file, {'arg:weight': array, ...}).",
            )
        pairs = zip(names, found, strict=True)
        tensors = {name: make(name) for name, make in pairs if make is not None}
        return Arrays(tensors, self.numpy)

    def name(self) -> str:
        length = self.take("Q")
        if length > MOST_NAME:
            raise self.fail(f"a name of {length} bytes")
        data = self.file.read(length) if self.file.tell() + length <= self.end else b""
        if len(data) != length:
            raise self.fail("the file ends too early")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.fail("a name is not UTF-8") from None

    def array(self) -> Callable[[str], ir.TensorProtocol] | None:
        magic = self.take("I")
        self.numpy |= magic == V3
        storage = self.take("i") if magic in {V2, V3} else DENSE
        if storage not in AUXILIARY:
            raise self.fail(f"storage type {storage} is not known")
        stored = self.shape() if storage != DENSE else ()
        shape = self.sizes(magic, "I") if magic not in {V1, V2, V3} else self.shape()
        if (not shape and magic != V3) or -1 in shape:
            return None
        self.take("ii")
        dtype = self.dtype()
        kinds = [(self.dtype(), self.shape()) for _ in range(AUXILIARY[storage])]
        data = self.part(dtype, stored if storage != DENSE else shape)
        indices = [self.part(kind, dims) for kind, dims in kinds]
        if storage == DENSE:
            return lambda name: references.external(
                self.path, data.offset, data.length, dtype, shape, name
            )
        self.check(storage, shape, data, indices)
        return lambda name: _sparse(self.path, storage, shape, data, indices, name)

    def shape(self) -> tuple[int, ...]:
        return self.sizes(self.take("i"), "q")

    def sizes(self, count: int, kind: str) -> tuple[int, ...]:
        if count == -1:
            return (-1,)
        if not 0 <= count <= MOST_AXES:
            raise self.fail(f"{count} axes")
        found = tuple(self.take(kind) for _ in range(count))
        if any(size < -1 for size in found):
            raise self.fail(f"the shape {list(found)}")
        return found

    def dtype(self) -> ir.DataType:
        flag = self.take("i")
        if flag not in TYPES:
            raise self.fail(f"type {flag} is not known")
        return TYPES[flag]

    def part(self, dtype: ir.DataType, shape: tuple[int, ...]) -> _Part:
        if -1 in shape:
            raise self.fail(f"the shape {list(shape)}")
        length = references.size_of(dtype, shape)
        return _Part(self.skip(length), length, dtype, shape)

    def check(
        self, storage: int, shape: tuple[int, ...], data: _Part, indices: list[_Part]
    ) -> None:
        """That the parts of a sparse array fit each other."""
        kept = indices[-1].shape
        fits = len(kept) == 1 and data.shape[:1] == kept
        if storage == CSR:
            fits = fits and len(shape) == 2 and len(data.shape) == 1
            fits = fits and indices[0].shape == (shape[0] + 1,)
        else:
            fits = fits and data.shape[1:] == shape[1:] and kept[0] <= shape[0]
        if not fits or any(part.dtype not in _INTEGERS for part in indices):
            raise self.fail("the parts of the sparse array do not fit each other")
        if math.prod(shape) * data.dtype.itemsize > SPREAD * (self.end + 1):
            raise self.fail(f"a sparse array of shape {list(shape)} in a file of {self.end} bytes")


_INTEGERS = {ir.DataType.INT64, ir.DataType.INT32, ir.DataType.UINT8, ir.DataType.INT8}


def _load(path: Path, part: _Part, name: str) -> np.ndarray:
    tensor = references.external(path, part.offset, part.length, part.dtype, part.shape, name)
    return references.read(tensor)


def _sparse(
    path: Path,
    storage: int,
    shape: tuple[int, ...],
    data: _Part,
    indices: list[_Part],
    name: str,
) -> ir.LazyTensor:
    """A sparse array, spread out each time it is asked for."""

    def compute() -> ir.TensorProtocol:
        values = _load(path, data, name)
        *starts, places = (_load(path, part, name).astype(np.int64) for part in indices)
        dense = np.zeros(shape, values.dtype)
        limit = shape[1] if storage == CSR else shape[0]
        if places.size and not 0 <= places.min() <= places.max() < limit:
            raise FormatError(f"array '{name}': an index is out of range", file=path)
        if storage == CSR:
            counts = np.diff(starts[0])
            if starts[0][0] or (counts < 0).any() or counts.sum() != places.size:
                raise FormatError(f"array '{name}': its rows do not fit", file=path)
            dense[np.repeat(np.arange(shape[0]), counts), places] = values
        else:
            dense[places] = values
        return ir.Tensor(dense, dtype=data.dtype, name=name)

    return ir.LazyTensor(compute, data.dtype, ir.Shape(shape), name=name)
