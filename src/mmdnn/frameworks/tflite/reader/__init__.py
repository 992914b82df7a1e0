"""`.tflite` files as graphs: a FlatBuffer of the schema's tables, whose buffers stay where they are.

The format is that of tensorflow/compiler/mlir/lite/schema/schema.fbs. A buffer lies inside the FlatBuffer,
or at an absolute place behind it, as files above 2 GB have them.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, UsageError
from mmdnn.frameworks.tflite import IDENTIFIER, _schema
from mmdnn.frameworks.tflite.graph import (
    Model,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
)
from mmdnn.frameworks.tflite.reader.flatbuffers import Buffer, Table
from mmdnn.frameworks.tflite.reader.sparse import dense
from mmdnn.names import take
from mmdnn.registry import Source
from mmdnn.shapes import OpenShape
from mmdnn.tensors import references

_MOST_AXES = 64


def read(source: Source) -> Model:
    """The model of a file.

    Args:
        source: The file, as `arrange` gives it.

    Raises:
        FormatError: It is damaged, or no such file.
    """
    path = source.network
    if path is None:
        raise UsageError("TensorFlow Lite models are one file, which is missing")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(8)[4:] != IDENTIFIER:
            raise FormatError("is not a TensorFlow Lite model", file=path)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(Buffer(data, path), source, path, size).model()


class _Reader:
    """One file's."""

    def __init__(self, buffer: Buffer, source: Source, path: Path, size: int) -> None:
        self.buffer = buffer
        self.source = source
        self.path = path
        self.size = size
        self.root = buffer.root("Model")
        self.buffers = [self._span(table) for table in self.root["buffers"]]
        self.codes = [_type(table) for table in self.root["operator_codes"]]

    def model(self) -> Model:
        subgraphs = tuple(self._subgraph(table) for table in self.root["subgraphs"])
        if not subgraphs:
            raise self.buffer.spoilt("it has no subgraph")
        return Model(
            self.source,
            subgraphs,
            tuple(self._signature(table, subgraphs) for table in self.root["signature_defs"]),
            self.root["description"],
            {table["name"]: self._bytes(table["buffer"]) for table in self.root["metadata"]},
        )

    def _span(self, table: Table) -> tuple[int, int]:
        """Where a buffer's bytes stand in the file, and how many they are."""
        offset, size = table["offset"], table["size"]
        if offset <= 1:
            return table.span("data")
        if offset + size > self.size:
            raise self.buffer.spoilt(f"a buffer of {size} bytes begins at {offset}")
        return offset, size

    def _bytes(self, number: int) -> bytes:
        start, length = self._entry(self.buffers, number, "buffer")
        return bytes(self.buffer.data[start : start + length])

    def _entry(self, entries: Any, number: int, what: str) -> Any:
        if not 0 <= number < len(entries):
            raise self.buffer.spoilt(f"there is no {what} {number}, of {len(entries)}")
        return entries[number]

    def _subgraph(self, table: Table) -> Subgraph:
        taken: set[str] = set()
        tensors = tuple(
            self._tensor(each, index, taken) for index, each in enumerate(table["tensors"])
        )
        operators = tuple(self._operator(each, tensors) for each in table["operators"])
        ends = [tuple(int(n) for n in table[name]) for name in ("inputs", "outputs")]
        for number in (*ends[0], *ends[1]):
            self._entry(tensors, number, "tensor")
        return Subgraph(table["name"], tensors, ends[0], ends[1], operators)

    def _tensor(self, table: Table, index: int, taken: set[str]) -> Tensor:
        name = take(table["name"] or f"tensor_{index}", taken)
        stored = [int(size) for size in table["shape"]]
        signature = [int(size) for size in table["shape_signature"]]
        if max(len(stored), len(signature)) > _MOST_AXES or min(stored, default=0) < 0:
            raise self.buffer.spoilt(f"tensor '{name}' has the shape {stored}")
        open_ = signature if len(signature) == len(stored) else stored
        shape: OpenShape = tuple(size if size >= 0 else None for size in open_)
        dtype = _schema.TYPES.get(table["type"])
        where = self._entry(self.buffers, table["buffer"], "buffer")
        data = self._data(table, where, dtype, tuple(stored), name)
        if data is not None:
            shape = tuple(stored)
        has_rank = bool(stored) or table["has_rank"] or data is not None
        quantization = self._quantization(table["quantization"], name, len(stored))
        return Tensor(name, dtype, shape, has_rank, data, quantization, table["is_variable"])

    def _data(
        self,
        table: Table,
        where: tuple[int, int],
        dtype: ir.DataType | None,
        shape: tuple[int, ...],
        name: str,
    ) -> ir.TensorProtocol | None:
        """A tensor's numbers where the file has them; texts are looked at when an operator wants them."""
        start, length = where
        if not length or dtype is None or dtype == ir.DataType.STRING:
            return None
        sparsity = table["sparsity"]
        if sparsity is not None:
            return dense(self.buffer, sparsity, self.path, where, dtype, shape, name)
        return references.external(self.path, start, length, dtype, shape, name)

    def _quantization(self, table: Table | None, name: str, rank: int) -> Quantization | None:
        if table is None or not len(scale := table["scale"]):
            return None
        zero_point, axis = table["zero_point"], table["quantized_dimension"]
        if len(zero_point) <= 1:
            zero_point = np.full(len(scale), zero_point[0] if len(zero_point) else 0, np.int64)
        if len(zero_point) != len(scale) or (len(scale) > 1 and not 0 <= axis < rank):
            raise self.buffer.spoilt(f"the quantisation of '{name}' does not fit it")
        return Quantization(scale, zero_point, axis)

    def _operator(self, table: Table, tensors: tuple[Tensor, ...]) -> Operator:
        type_ = self._entry(self.codes, table["opcode_index"], "operator code")
        inputs = tuple(None if n == -1 else int(n) for n in table["inputs"])
        outputs = tuple(int(n) for n in table["outputs"])
        inner = tuple(int(n) for n in table["intermediates"])
        for number in (*inputs, *outputs, *inner):
            if number is not None:
                self._entry(tensors, number, "tensor")
        name, options = "", None
        for union in ("", "2"):
            kind = table[f"builtin_options{union}_type"]
            if kind:
                name = _schema.named(f"options{union}", kind)
                options = table.union(f"builtin_options{union}", name) if name else None
        said = options.said() if options is not None else {}
        start, length = table.span("custom_options")
        custom = bytes(self.buffer.data[start : start + length])
        return Operator(type_, inputs, outputs, name, said, inner, custom)

    def _signature(self, table: Table, subgraphs: tuple[Subgraph, ...]) -> Signature:
        number = table["subgraph_index"]
        tensors = self._entry(subgraphs, number, "subgraph").tensors
        ends = []
        for name in ("inputs", "outputs"):
            found = {each["name"]: each["tensor_index"] for each in table[name]}
            for index in found.values():
                self._entry(tensors, index, "tensor")
            ends.append(found)
        return Signature(table["signature_key"], number, ends[0], ends[1])


def _type(table: Table) -> str:
    """An operator's name; an old field says it in one byte, a new one in four."""
    number = max(table["deprecated_builtin_code"], table["builtin_code"])
    name = _schema.named("operators", number)
    return f"CUSTOM:{table['custom_code']}" if name == "CUSTOM" else name or f"operator {number}"
