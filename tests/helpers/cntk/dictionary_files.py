"""Writes files of CNTK 2 for tests, byte by byte: Dictionaries as protobuf messages.

Source/CNTKv2LibraryDll/proto/CNTK.proto and Serialization.cpp of CNTK 2.7. Plain values stand for
themselves: an `int` is a SizeT, `Int` an Int, `Shape` is row-major as everywhere here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk._operators import OPERATORS
from mmdnn.frameworks.cntk.graph import Axis, Shape

MAGIC = b"ktnc"


@dataclass(frozen=True)
class Int:
    value: int


@dataclass(frozen=True)
class Float:
    value: float


@dataclass(frozen=True)
class Tensor:
    """Numbers, and what the file says of them where that is not what they are.

    Attributes:
        array: The numbers.
        data_type: CNTK::DataType: 1 float, 2 double, 4 half, 5 int8, 6 int16.
        storage: CNTK::StorageFormat: 0 is dense.
        dims: The shape, where it is not the array's.
    """

    array: np.ndarray
    data_type: int = 1
    storage: int = 0
    dims: tuple[int, ...] | None = None


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


class Writer:
    """Encodes values.

    Args:
        version: The Dictionaries' version.
        large: Whether numbers stand behind the message, as in files of 2 GB and more.
    """

    def __init__(self, version: int = 1, *, large: bool = False) -> None:
        self.version = version
        self.large = large
        self.behind = b""

    def file(self, value: Mapping[str, Any]) -> bytes:
        message = self.dictionary(value)
        if not self.large:
            return message
        return MAGIC + struct.pack("<I", len(message)) + message + self.behind

    def dictionary(self, value: Mapping[str, Any]) -> bytes:
        entries = (block(1, key.encode()) + block(2, self.value(one)) for key, one in value.items())
        return number(1, self.version) + b"".join(block(2, entry) for entry in entries)

    def value(self, value: Any) -> bytes:
        kind, data = self._typed(value)
        return number(1, 1) + number(2, kind) + data

    def _typed(self, value: Any) -> tuple[int, bytes]:
        if value is None:
            return 0, b""
        if isinstance(value, bool):
            return 1, number(3, value)
        if isinstance(value, Int):
            return 2, number(4, value.value)
        if isinstance(value, int):
            return 3, number(5, value)
        if isinstance(value, Float):
            return 4, varint(6 << 3 | 5) + struct.pack("<f", value.value)
        if isinstance(value, float):
            return 5, varint(7 << 3 | 1) + struct.pack("<d", value)
        if isinstance(value, str):
            return 6, block(8, value.encode())
        if isinstance(value, Shape):
            return 7, block(9, self.shape(value))
        if isinstance(value, Axis):
            axis = number(1, value.index) + block(2, value.name.encode())
            return 8, block(10, axis + number(3, value.ordered))
        if isinstance(value, Tensor):
            return 11, block(13, self.tensor(value))
        if isinstance(value, Mapping):
            return 10, block(12, self.dictionary(value))
        assert isinstance(value, Sequence)
        return 9, block(11, b"".join(block(1, self.value(one)) for one in value))

    def shape(self, value: Sequence[int]) -> bytes:
        return block(1, b"".join(map(varint, reversed(value))))

    def tensor(self, value: Tensor) -> bytes:
        dims = value.array.shape if value.dims is None else value.dims
        head = number(1, value.data_type) + number(2, value.storage) + block(3, self.shape(dims))
        if value.data_type in (5, 6):
            zigzag = (int(one) * 2 if one >= 0 else -int(one) * 2 - 1 for one in value.array.flat)
            return head + block(7, block(1, b"".join(map(varint, zigzag))))
        wide = value.data_type == 2
        data = value.array.astype("<f8" if wide else "<f4").tobytes()
        if self.large:
            self.behind += data
            return head
        return head + block(5 if wide else 4, block(1, data))


def variable(uid: str, kind: int, shape: tuple[int, ...], **more: Any) -> dict[str, Any]:
    """A variable as Variable::Serialize has it: 0 an input, 2 a parameter, 3 a constant, 4 open."""
    batch = [Axis((1 << 31) - 1, "defaultBatchAxis")] if kind in (0, 4) else []
    return {
        "version": 1,
        "type": "Variable",
        "uid": uid,
        "kind": kind,
        "data_type": 1,
        "dynamic_axis": batch,
        "is_sparse": False,
        "needs_gradient": kind == 2,
        "shape": Shape(shape),
        **more,
    }


def parameter(uid: str, array: np.ndarray, **more: Any) -> dict[str, Any]:
    return variable(uid, 2, array.shape, **{"value": Tensor(array), **more})


def function(
    uid: str, op: str, inputs: Sequence[str], attributes: Any = None, **more: Any
) -> dict[str, Any]:
    """A function as PrimitiveFunction::Serialize has it."""
    return {
        "version": 1,
        "type": "PrimitiveFunction",
        "uid": uid,
        "op": OPERATORS[op].number,
        "attributes": attributes or {},
        "inputs": list(inputs),
        **more,
    }


def a_block(
    uid: str, root: str, arguments: Mapping[str, str], kind: str = "Thing"
) -> dict[str, Any]:
    composite = {"version": 1, "type": "CompositeFunction", "uid": f"{uid}C", "root": root}
    return function(
        uid,
        "Block",
        list(arguments.values()),
        block_function_op_name=kind,
        block_function_composite=composite,
        block_function_composite_arguments_map_keys=list(arguments),
        block_function_composite_arguments_map_values=list(arguments.values()),
    )


def model(
    inputs: Sequence[Mapping[str, Any]],
    functions: Sequence[Mapping[str, Any]],
    root: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "version": 1,
        "type": "CompositeFunction",
        "uid": "CompositeFunction1",
        "root": root or functions[-1]["uid"],
        "inputs": list(inputs),
        "primitive_functions": list(functions),
        **more,
    }


def write(path: Path, value: Mapping[str, Any], version: int = 1, *, large: bool = False) -> Path:
    path.write_bytes(Writer(version, large=large).file(value))
    return path
