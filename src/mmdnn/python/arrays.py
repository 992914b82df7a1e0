"""Source that takes its weights from the intermediate representation's `.npy`, as they stand there.

    {"W": arrays["conv1.weight"], "b": arrays["conv1.bias"].reshape(20, 1, 1)}

A tensor that is one of the file's, but for its shape and the order of its axes, is taken with these changes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx_ir as ir

from mmdnn.ir.storage.files import read_fields
from mmdnn.python.literals import Raw, literal, native, string
from mmdnn.tensors import references

Key = TypeVar("Key", bound=Hashable)
SMALL = 8
"""Arrays of no more numbers may stand in the source."""
LIMIT = (1 << 31) - 1
"""Bytes that numpy allows in a record."""


@dataclass(frozen=True)
class Taken:
    """An array as it is taken from the intermediate representation's.

    Attributes:
        written: As source.
        field: What it is called there; "" where its numbers stand in the source.
        tensor: As it stands there.
    """

    written: str
    field: str = ""
    tensor: ir.TensorProtocol | None = None


def shared(tensors: Mapping[Key, ir.TensorProtocol]) -> dict[Key, Taken] | None:
    """The arrays as they are taken from the intermediate representation's, if they all can be.

    There must be one that stands there; single numbers stand in the source.
    """
    files: set[Path] = set()
    found: dict[Key, Taken] = {}
    fields = cache(_fields)
    for path, tensor in tensors.items():
        taken = _taken(tensor, fields, files)
        if taken is None and tensor.size <= SMALL:
            taken = _small(tensor)
        if taken is None:
            return None
        found[path] = taken
    small = all(path.stat().st_size <= LIMIT for path in files)
    return found if len(files) == 1 and small else None


Places = dict[tuple[int, int], tuple[str, str, tuple[int, ...]]]


def nested(found: Mapping[tuple[str, ...], Taken]) -> dict[str, Any]:
    """Arrays by their paths as dictionaries in dictionaries, of source."""
    tree: dict[str, Any] = {}
    for (*groups, name), taken in found.items():
        place = tree
        for one in groups:
            place = place.setdefault(one, {})
        place[name] = Raw(taken.written)
    return tree


def _fields(path: Path) -> Places:
    return {
        (one.offset, one.length): (one.name, one.kind, one.shape)
        for one in read_fields(path).values()
    }


def _taken(
    tensor: ir.TensorProtocol, fields: Callable[[Path], Places], files: set[Path]
) -> Taken | None:
    """An array of a `.npy`, perhaps with other axes."""
    changes: list[str] = []
    while (made := references.origin(tensor)) is not None:
        source, function = made
        change = _change(source, tensor, function)
        if change is None:
            return None
        changes.append(change)
        tensor = source
    if not isinstance(tensor, ir.ExternalTensor) or Path(tensor.path).suffix != ".npy":
        return None
    path = Path(tensor.path)
    described = fields(path).get((tensor.offset or 0, tensor.nbytes))
    kind = tensor.dtype.numpy().newbyteorder("<").str
    if described is None or described[1:] != (kind, tuple(tensor.shape.numpy())):
        return None
    files.add(path)
    name = described[0]
    return Taken(f"arrays[{string(name)}]{''.join(reversed(changes))}", name, tensor)


def _change(
    source: ir.TensorProtocol, made: ir.TensorProtocol, function: references.Function
) -> str | None:
    """What a function does to an array, if it only shows it with other axes.

    It is given an array whose numbers are never looked at: a view of that shows by its strides what
    has become of its axes.
    """
    if source.dtype != made.dtype:
        return None
    probe = np.empty(source.shape.numpy(), np.uint8)
    view = function(probe)
    shape = tuple(made.shape.numpy())
    if view.dtype != np.uint8 or view.shape != shape or not np.may_share_memory(view, probe):
        return None
    if view.size != probe.size or view.ctypes.data != probe.ctypes.data:
        return None
    if view.flags.c_contiguous:
        return f".reshape({', '.join(map(str, shape))})" if shape != probe.shape else ""
    if view.ndim != probe.ndim or sorted(view.strides) != sorted(probe.strides):
        return None
    order = sorted(range(view.ndim), key=lambda axis: (-view.strides[axis], -shape[axis]))
    order = [order.index(axis) for axis in range(view.ndim)]
    if probe.transpose(order).shape != shape or probe.transpose(order).strides != view.strides:
        return None
    if order == list(range(view.ndim))[::-1]:
        return ".T"
    return f".transpose({', '.join(map(str, order))})"


def _small(tensor: ir.TensorProtocol) -> Taken | None:
    kind = tensor.dtype.numpy().name
    values = native(references.read(tensor)) if hasattr(np, kind) else None
    return None if values is None else Taken(f"np.array({literal(values)}, np.{kind})")
