"""Where the source finds its weights: in the `.npy` of the intermediate representation, or its own.

A model that was made from an intermediate representation, and uses its tensors as they stand there, but
for their shapes and the order of their axes, reads them there. Any other model has a file of its own, a
record of the same form, with the network's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.codegen.table import DTYPES
from mmdnn.frameworks.cntk.codegen.weights import SMALL
from mmdnn.ir.storage.files import read_fields
from mmdnn.python.layout import lay_out
from mmdnn.python.literals import Raw, literal, native, string
from mmdnn.tensors import references

Tensors = Mapping[tuple[str, ...], ir.TensorProtocol]

OWN = '''def load(path{parameter}):
    """The network with the weights of a file."""
    arrays = np.load(path, mmap_mode="r")
    weights = {{}}
    for name in arrays.dtype.names:
        *groups, parameter = name.split(".")
        group = weights
        for each in groups:
            group = group.setdefault(each, {{}})
        group[parameter] = arrays[name]
    return network(weights{argument})'''


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


def load(tensors: Tensors, *, trains: bool) -> str:
    """The function that reads the weights."""
    parameter, argument = (", train=False", ", train") if trains else ("", "")
    found = shared(tensors)
    if found is None:
        return OWN.format(parameter=parameter, argument=argument)
    tree: dict[str, Any] = {}
    for (*groups, name), taken in found.items():
        place = tree
        for one in groups:
            place = place.setdefault(one, {})
        place[name] = Raw(taken.written)
    return "\n".join(
        [
            f"def load(path{parameter}):",
            '    """The network with the weights of a file."""',
            '    arrays = np.load(path, mmap_mode="r")',
            *lay_out(f"    weights = {literal(tree)}"),
            f"    return network(weights{argument})",
        ]
    )


def shared(tensors: Tensors) -> dict[tuple[str, ...], Taken] | None:
    """The arrays as they are taken from the intermediate representation's, if they all can be.

    There must be one that stands there; single numbers stand in the source.
    """
    files: set[Path] = set()
    found: dict[tuple[str, ...], Taken] = {}
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


LIMIT = (1 << 31) - 1
"""Bytes that numpy allows in a record."""
Places = dict[tuple[int, int], tuple[str, str, tuple[int, ...]]]


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
    if tensor.dtype not in DTYPES:
        return None
    values = references.read(tensor)
    return Taken(f"np.array({literal(native(values))}, {DTYPES[tensor.dtype]})")


__all__ = ["load", "shared"]
