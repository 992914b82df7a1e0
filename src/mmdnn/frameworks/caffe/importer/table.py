"""The table of Caffe's layers, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe.graph import Layer
from mmdnn.ir.builder import Builder, shape
from mmdnn.ir.operators import Operators

importer: Operators[Callable[..., Any]] = Operators("read from Caffe")
"""Registers a function `(layer, op, *bottoms) -> top or tops` for a layer type."""


class Importing:
    """A layer on its way into the IR: its parameters, and its weights as IR values."""

    def __init__(
        self,
        layer: Layer,
        builder: Builder,
        shared: dict[tuple[int, tuple[int, ...]], ir.Value],
        names: dict[str, str],
    ) -> None:
        self.layer = layer
        self.builder = builder
        self.name = layer.name
        self.type = layer.type
        self.tops = layer.tops
        self._shared = shared
        self._names = names
        self._unread = dict(layer.unknown)

    def param(self, block: str) -> Any:
        """A parameter block, with the defaults of `caffe.proto`."""
        return self.layer.param(block)

    def fork(self, block: str) -> dict[str, Any]:
        """A parameter block that `caffe.proto` does not have: plain names and values."""
        return dict(self._unread.pop(block, {}))

    def blob(self, index: int, shape: tuple[int, ...]) -> ir.TensorProtocol:
        """A weight blob as a tensor of this shape (it may be stored with leading ones)."""
        return self.layer.blob(index, shape)

    def weight(
        self, index: int, name: str, shape: tuple[int, ...], tensor: ir.TensorProtocol | None = None
    ) -> ir.Value:
        """A weight blob as an initializer `<layer>.<name>`.

        Layers that share a blob share the initializer. `tensor` is the blob transformed.
        """
        if tensor is not None:
            return self.builder.weight(name, tensor)
        key = (id(self.layer.blobs[index]) if index < len(self.layer.blobs) else 0, shape)
        if key not in self._shared:
            self._shared[key] = self.builder.weight(name, self.layer.blob(index, shape))
        return self._shared[key]

    def axis(self, axis: int, x: ir.Value) -> int:
        """A canonical axis: negative ones count from the end."""
        rank = len(shape(x))
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} is out of range for {rank} axes")
        return axis % rank

    def refuse(self, reason: str) -> NoReturn:
        """Stop, naming this layer."""
        raise UnsupportedError(reason, layer=self.name, operator=self.type)

    def check_read(self) -> None:
        """Refuse parameters that nobody has read."""
        for block, fields in self._unread.items():
            self.refuse(f"its parameter {block} {fields} is not known here")
