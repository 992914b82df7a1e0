"""Tensors as places in storages: an offset, sizes and strides among a storage's numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.pytorch._programs import Stored
from mmdnn.tensors import references
from mmdnn.tensors.archive import Place

MOST_AXES = 64


class Storage(NamedTuple):
    """A storage's bytes in a file, and the type of its numbers (None: bytes)."""

    place: Place
    dtype: ir.DataType | None


def tensor(
    place: Place,
    dtype: ir.DataType,
    offset: int,
    sizes: Sequence[int],
    strides: Sequence[int],
    name: str = "",
) -> Stored:
    """A tensor of a storage; its numbers stay in the file where they lie in order.

    Raises:
        FormatError: It does not lie within the storage.
    """
    sizes, strides = tuple(sizes), tuple(strides)
    fine = len(sizes) == len(strides) <= MOST_AXES and all(
        isinstance(n, int) and n >= 0 for n in (offset, *sizes, *strides)
    )
    if not fine:
        raise FormatError(
            f"tensor '{name}' has the sizes {sizes}, strides {strides}", file=place.path
        )
    count = math.prod(sizes)
    width = dtype.itemsize
    span = 1 + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True)) if count else 0
    if (offset + span) * width > place.size:
        raise FormatError(f"tensor '{name}' lies outside its storage", file=place.path)
    start = int(place.start + offset * width)
    key = (str(place.path), place.start, offset, sizes, strides)
    if _in_order(sizes, strides) or not count:
        length = int(count * width)
        return Stored(references.external(place.path, start, length, dtype, sizes, name), key)
    flat = references.external(place.path, start, int(span * width), dtype, (span,), name)
    return Stored(references.lazy(flat, _strided(sizes, strides), shape=sizes, name=name), key)


def _in_order(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    expected = 1
    for n, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if n != 1 and stride != expected:
            return False
        expected *= n
    return True


def _strided(sizes: tuple[int, ...], strides: tuple[int, ...]) -> references.Function:
    def change(array: np.ndarray) -> np.ndarray:
        steps = tuple(stride * array.itemsize for stride in strides)
        view = np.lib.stride_tricks.as_strided(array, sizes, steps, writeable=False)
        return np.ascontiguousarray(view).reshape(sizes)

    return change


def constant(array: Any, name: str) -> ir.TensorProtocol:
    """A tensor of numbers in memory."""
    return ir.tensor(np.asarray(array), name=name)


def check_order(order: bytes, file: Path) -> None:
    """Refuse a file whose numbers are not little-endian."""
    if order.strip() not in {b"little", b""}:
        raise FormatError("its numbers are big-endian", file=file)
