"""Numbers, words, shapes and matrices as CNTK 1 writes them.

Source/Common/File.cpp, Source/Common/Include/TensorShape.h and Source/Math/CPUMatrix.h of CNTK 2.7:
little-endian numbers one after the other, words in UTF-16 that end with a zero, no lengths. So what
follows a node that is not known cannot be found.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.tensors import references

PRECISIONS = {"float": ir.DataType.FLOAT, "double": ir.DataType.DOUBLE, "half": ir.DataType.FLOAT16}
_LONGEST = 1 << 16
_ELEMENTS = {ir.DataType.FLOAT: "<f", ir.DataType.DOUBLE: "<d", ir.DataType.FLOAT16: "<e2x"}
"""How one number stands in files; half floats are written as the int that their bits are."""


class Stream:
    """A place in a file of CNTK 1 that moves on as it is read.

    Attributes:
        view: The file.
        at: The place, in bytes.
        version: The file's version, which says what nodes have written.
        precision: The numbers' type of the node that is read.

    Raises:
        FormatError: By every method: the file ends before, or has something else there.
    """

    def __init__(self, view: memoryview, path: Path) -> None:
        self.view = view
        self.path = path
        self.at = 0
        self.version = 1
        self.precision = ir.DataType.FLOAT

    def fail(self, problem: str) -> FormatError:
        """An error that says where."""
        return FormatError(f"{problem} (at byte {self.at})", file=self.path)

    def _number(self, form: str) -> float:
        size = struct.calcsize(form)
        if self.at + size > len(self.view):
            raise self.fail("the file ends within a number")
        value: float = struct.unpack_from(form, self.view, self.at)[0]
        self.at += size
        return value

    def flag(self) -> bool:
        """A bool of one byte."""
        return bool(self._number("<B"))

    def int32(self) -> int:
        """An int, or an enumeration."""
        return int(self._number("<i"))

    def uint32(self) -> int:
        """An unsigned int."""
        return int(self._number("<I"))

    def int64(self) -> int:
        """A ptrdiff_t."""
        return int(self._number("<q"))

    def size(self) -> int:
        """A size_t of eight bytes."""
        return int(self._number("<Q"))

    def single(self) -> float:
        """A float."""
        return self._number("<f")

    def double(self) -> float:
        """A double."""
        return self._number("<d")

    def element(self) -> float:
        """A number of the node's own type."""
        return self._number(_ELEMENTS[self.precision])

    def text(self) -> str:
        """A word."""
        end = self._end_of_text(512)
        if end < 0:
            end = self._end_of_text(_LONGEST)
        if end < 0:
            raise self.fail("a word that does not end")
        raw = bytes(self.view[self.at : end])
        try:
            value = raw.decode("utf-16-le")
        except UnicodeDecodeError:
            raise self.fail("a word that is none") from None
        self.at = end + 2
        return value

    def _end_of_text(self, longest: int) -> int:
        found = bytes(self.view[self.at : self.at + longest])
        place = found.find(b"\0\0")
        while place % 2 and place > 0:
            place = found.find(b"\0\0", place + 1)
        return self.at + place if place >= 0 else -1

    def skip(self, count: int) -> None:
        """Pass over some bytes."""
        if self.at + count > len(self.view):
            raise self.fail("the file ends within a node")
        self.at += count

    def narrow(self) -> str:
        """A word of one byte a letter."""
        found = bytes(self.view[self.at : self.at + _LONGEST]).partition(b"\0")
        if not found[1]:
            raise self.fail("a word that does not end")
        self.at += len(found[0]) + 1
        return found[0].decode("latin-1")

    def marker(self, *wanted: str) -> str:
        """A section's begin or end; older files may have another name for it."""
        start = self.at
        found = self.text()
        if found not in wanted:
            self.at = start
            raise self.fail(f"{wanted[0]} is missing")
        return found

    def try_marker(self, *wanted: str) -> bool:
        """Whether a section begins or ends here; if it does, it is passed."""
        for word in wanted:
            raw = word.encode("utf-16-le") + b"\0\0"
            if self.view[self.at : self.at + len(raw)] == raw:
                self.at += len(raw)
                return True
        return False

    def begins_node(self, at: int) -> bool:
        """Whether a node, or the end of them all, is at a place."""
        here, self.at = self.at, at
        found = self.try_marker("ENodeList", *PRECISIONS)
        self.at = here
        return found

    def flags(self) -> list[bool]:
        """A vector of bools."""
        return [self.flag() for _ in range(self._count())]

    def sizes(self) -> list[int]:
        """A vector of size_t."""
        return [self.size() for _ in range(self._count())]

    def _count(self) -> int:
        count = self.size()
        if count > len(self.view) - self.at:
            raise self.fail(f"the file has not {count} more numbers")
        return count

    def shape(self) -> Shape:
        """A TensorShape, row-major as everywhere else."""
        return self._of_rank(self.uint32())

    def legacy_shape(self) -> Shape:
        """The same, or one of the oldest kind, three size_t: width, height, channels."""
        rank = self.uint32()
        if rank and not self._ahead() and not self.begins_node(self.at + 4 * rank):
            self.uint32()
            height, channels = self.size(), self.size()
            return self.reversed(channels, rank, height)
        return self._of_rank(rank)

    def _of_rank(self, rank: int) -> Shape:
        if rank > graph.MAX_AXES:
            raise self.fail(f"a shape of {rank} axes")
        return self.reversed(*(self.uint32() for _ in range(rank)))

    def random_state(self) -> None:
        """A seed and an offset; version 16's seeds have four bytes if Windows has written them."""
        short = self.version == 16 and not self.begins_node(self.at + 16)
        self.skip(12 if short else 16)

    def reversed(self, *dims: int) -> Shape:
        """A column-major shape as a row-major one."""
        try:
            return graph.checked(dims[::-1])
        except FormatError as error:
            raise self.fail(error.message) from None

    def _ahead(self) -> int:
        value = self.uint32()
        self.at -= 4
        return value

    def matrix(self) -> tuple[int, int, int]:
        """A dense matrix, passed over.

        Returns:
            Where its numbers begin, its rows and its columns.

        Raises:
            UnsupportedError: It is a sparse one.
        """
        kind = self.view[self.at : self.at + 1].tobytes()
        self.at += 1
        if kind == b"s":
            raise UnsupportedError("a sparse matrix", file=self.path)
        if kind != b"d":
            raise self.fail("a matrix of an unknown kind")
        self.marker("BMAT")
        width = self.size()
        if width != self.precision.itemsize:
            raise self.fail(f"numbers of {width} bytes")
        self.text()
        self.int32()
        rows, columns = self.size(), self.size()
        start = self.at
        length = struct.calcsize(_ELEMENTS[self.precision]) * rows * columns
        if length > len(self.view) - start:
            raise self.fail(f"the file ends within a matrix of {rows} x {columns}")
        self.at += length
        self.marker("EMAT")
        return start, rows, columns

    def tensor(self, start: int, shape: Shape) -> ir.TensorProtocol:
        """The numbers at a place; column-major there, so row-major of the reversed shape."""
        half = self.precision == ir.DataType.FLOAT16
        stored = ir.DataType.INT32 if half else self.precision
        length = references.size_of(stored, shape)
        if not length:
            raise self.fail("a tensor without numbers")
        tensor = references.external(self.path, start, length, stored, shape, "")
        return references.lazy(tensor, _half, dtype=self.precision) if half else tensor


def _half(bits: np.ndarray) -> np.ndarray:
    return bits.astype("<u2").view(np.float16)
