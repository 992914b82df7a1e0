"""The table of Caffe's layers, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import onnx_ir as ir

from mmdnn.errors import ShapeError, UnsupportedError
from mmdnn.frameworks.caffe._layers import LAYERS, LayerType
from mmdnn.frameworks.caffe.graph import Layer
from mmdnn.ir import COMPUTED, LAYER
from mmdnn.ir.builder import Builder, Op, shape
from mmdnn.ir.operators import Operators

Function: TypeAlias = Callable[..., Any]

TUTORIAL = "https://caffe.berkeleyvision.org/tutorial/layers"


class _Layers(Operators[Function]):
    def __call__(
        self, *types: str, doc: str = "", unused: str = ""
    ) -> Callable[[Function], Function]:
        page = f"{TUTORIAL}/{types[0].lower()}.html"
        return super().__call__(*types, doc=doc or page, unused=unused)


importer = _Layers("read from Caffe")
"""Registers a function `(layer, op, *bottoms) -> top or tops` for a layer type; BVLC's have pages."""


class Importing:
    """A layer on its way into the IR: its parameters, and its weights as IR values.

    Attributes:
        folder: Where the network's file is, for files that a layer names.
        follower: The layer that works in place on this one's top, before anything else reads it.
        took_follower: Set by an importing function that has done the follower's work too.
    """

    def __init__(
        self,
        layer: Layer,
        builder: Builder,
        shared: dict[object, ir.Value],
        follower: Layer | None = None,
        folder: Path | None = None,
    ) -> None:
        self.layer = layer
        self.builder = builder
        self.name = layer.name
        self.type = layer.type
        self.tops = layer.tops
        self.folder = folder
        self.follower = follower
        self.took_follower = False
        self._shared = shared
        self._unread = dict(layer.unknown)

    @property
    def in_place(self) -> bool:
        """Whether the first top is the first bottom."""
        return self.tops[:1] == self.layer.bottoms[:1]

    def param(self, block: str = "") -> Any:
        """A parameter block, the type's own unless named, with the defaults of `caffe.proto`."""
        return self.layer.param(block)

    def fork(self, block: str) -> dict[str, Any]:
        """A parameter block that `caffe.proto` does not have: plain names and values."""
        return dict(self._unread.pop(block, {}))

    def blob(self, index: int, shape: tuple[int, ...]) -> ir.TensorProtocol:
        """A weight blob as a tensor of this shape (it may be stored with leading ones)."""
        return self.layer.blob(index, shape)

    def weight(
        self,
        index: int,
        name: str,
        shape: tuple[int, ...],
        tensor: ir.TensorProtocol | None = None,
        *,
        of: Layer | None = None,
    ) -> ir.Value:
        """A weight blob as an initializer `<layer>.<name>`.

        Layers that share a blob share the initializer.

        Args:
            index: The blob's place in the layer.
            name: What the weight is called.
            shape: The shape wanted.
            tensor: The blob transformed, where it is.
            of: The layer that has the blob, where it is not this one; the weight's metadata say so.
        """
        layer = of or self.layer
        if tensor is not None:
            return self.initializer(layer, index, name, tensor)
        key = (id(layer.blobs[index]) if index < len(layer.blobs) else 0, shape)
        value = self.once(
            key, lambda: self.initializer(layer, index, name, layer.blob(index, shape))
        )
        if of is not None:
            value.metadata_props.setdefault(LAYER, of.name)
        return value

    def initializer(
        self, layer: Layer, index: int, name: str, tensor: ir.TensorProtocol
    ) -> ir.Value:
        """By the name that it had before it was Caffe's, where the file says that."""
        note = layer.note
        before = note.weights[index] if note is not None and index < len(note.weights) else ""
        if note is None or not before:
            return self.builder.weight(name, tensor)
        with self.builder.layer("", ""):
            value = self.builder.weight(before, tensor)
        if index in note.computed:
            value.metadata_props[COMPUTED] = "yes"
        return value

    def once(self, key: object, make: Callable[[], ir.Value]) -> ir.Value:
        """What `make` makes, made once for all layers that ask for it by this key."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def unfit(self, reason: str) -> NoReturn:
        """Stop: this is not a network that Caffe would run."""
        raise ShapeError(reason, layer=self.name, operator=self.type)

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


def plain(module: str) -> None:
    """Register the layers of a family that are one operator by their rows (see `_layers`)."""
    for row in LAYERS.values():
        if row.onnx and row.family == module.rpartition(".")[2] and row.name not in importer:
            importer(row.name)(_of_row(row, module))


def _of_row(row: LayerType, module: str) -> Callable[..., ir.Value]:
    known = {field for each in row.onnx for field in each.fields.values()}

    def function(layer: Importing, op: Op, x: ir.Value) -> ir.Value:
        p: Any = layer.param() if known else None
        given = {field for field in known if getattr(p, field) != getattr(type(p)(), field)}
        onnx = next(each for each in row.onnx if given.issubset(each.fields.values()))
        values = {name: getattr(p, field) for name, field in onnx.fields.items()}
        if "axis" in values:
            values["axis"] = layer.axis(values["axis"], x)
        y: ir.Value = getattr(op, onnx.operator)(x, **values)
        return y

    function.__module__ = module
    return function
