"""The table of Caffe's layers, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe._layers import LAYERS, LayerType, layer_type
from mmdnn.frameworks.caffe.graph import Layer, block_of
from mmdnn.ir import COMPUTED, LAYER, importing
from mmdnn.ir.builder import Op
from mmdnn.ir.operators import F

TUTORIAL = "https://caffe.berkeleyvision.org/tutorial/layers"
SSD = "https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers"
YOLO = "https://github.com/eric612/MobileNet-YOLO/tree/master/src/caffe/layers"

LIMIT = 1 << 15
"""The largest size of an image, or number in a parameter of a fork, that is believed."""


class _Layers(importing.Importer):
    def __call__(self, *types: str, doc: str = "", unused: str = "") -> Callable[[F], F]:
        page = f"{TUTORIAL}/{types[0].lower()}.html"
        return super().__call__(*types, doc=doc or page, unused=unused)


importer = _Layers("Caffe")
"""Registers a function `(layer, op, *bottoms) -> top or tops` for a layer type; BVLC's have pages."""


class ImportedLayer(importing.ImportedLayer):
    """A layer on its way in: its parameters, and its weights as IR values.

    Attributes:
        folder: Where the network's file is, for files that a layer names.
        follower: The layer that works in place on this one's top, before anything else reads it.
        took_follower: Set by an importing function that has done the follower's work too.
    """

    inputs_are = "bottoms"

    def __init__(
        self, layer: Layer, graph: importing.GraphImporter, follower: Layer | None = None
    ) -> None:
        super().__init__(layer.name, layer.type, graph)
        self.layer = layer
        self.tops = layer.tops
        self.folder = graph.file.parent if graph.file else None
        self.follower = follower
        self.took_follower = False
        self._unread: dict[str, Any] = dict(layer.unknown)
        own = block_of(layer.type).replace("_", "")  # forks spell it with and without
        block = next((name for name in self._unread if name.replace("_", "") == own), "")
        given = self._unread.get(block)
        self._given: dict[str, Any] = (
            dict(self._unread.pop(block)) if isinstance(given, dict) else {}
        )

    @property
    def in_place(self) -> bool:
        """Whether the first top is the first bottom."""
        return self.tops[:1] == self.layer.bottoms[:1]

    def param(self, block: str = "") -> Any:
        """A parameter block, the type's own unless named, with the defaults of `caffe.proto`."""
        return self.layer.param(block)

    def parameter(self, name: str) -> Any:
        """A field of the type's own block; where `caffe.proto` lacks it, as its row in `_layers` says.

        Numbers are of the type of their default; True and False are 1 and 0.
        """
        fields = layer_type(self.type).fields
        if name not in fields:
            return getattr(self.param(), name)
        default, value = fields[name], self.given(name)
        kind = default if isinstance(default, type) else type(default)
        if value is None:
            return default if kind is not default else None
        if kind not in {int, float}:
            return value
        if not isinstance(value, (int, float)) or (kind is int and not isinstance(value, int)):
            self.refuse(f"its {name} is {value!r}")
        if not abs(value) <= LIMIT:
            self.refuse(f"its {name} is {value}, which is too much")
        return kind(value)

    def own(self) -> dict[str, Any]:
        """All that a fork's layer says, by name; see `parameter`."""
        return {name: self.parameter(name) for name in layer_type(self.type).fields}

    def given(self, name: str) -> Any:
        """What the file says of a field that `caffe.proto` lacks, as it stands; None where nothing."""
        return self._given.pop(name, None)

    def unread(self) -> dict[str, object]:
        """Blocks and fields that `caffe.proto` does not have, and that nobody has taken."""
        return {**self._unread, **self._given}

    def weight(
        self,
        index: int,
        name: str,
        shape: tuple[int, ...],
        change: Callable[[ir.TensorProtocol], ir.TensorProtocol] | None = None,
        *,
        of: Layer | None = None,
    ) -> ir.Value:
        """A weight blob as an initializer: of the name before Caffe where the file says it, else ours.

        Layers that share a blob share the initializer.

        Args:
            index: The blob's place in the layer.
            name: What the weight is called, after the layer.
            shape: The shape wanted (it may be stored with leading ones).
            change: What is done with it, the same for all layers that share it.
            of: The layer that has the blob, where it is not this one; the weight's metadata say so.
        """
        layer = of or self.layer
        note = layer.note
        before = note.weights[index] if note is not None and index < len(note.weights) else ""

        def make() -> ir.Value:
            tensor = layer.blob(index, shape)
            tensor = change(tensor) if change is not None else tensor
            if note is None or not before:
                return self.builder.weight(name, tensor)
            value = self.builder.initializer(before, tensor)
            if index in note.computed:
                value.metadata_props[COMPUTED] = "yes"
            return value

        blob = id(layer.blobs[index]) if index < len(layer.blobs) else 0
        value = self.graph.once((blob, shape, change is not None), make)
        if of is not None:
            value.metadata_props.setdefault(LAYER, of.name)
        return value


def plain(module: str) -> None:
    """Register the layers of a family that are one operator by their rows (see `_layers`)."""
    for row in LAYERS.values():
        if row.onnx and row.family == module.rpartition(".")[2] and row.name not in importer:
            importer(row.name)(_of_row(row, module))


def _of_row(row: LayerType, module: str) -> Callable[..., ir.Value]:
    known = {field for each in row.onnx for field in each.fields.values()}

    def function(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
        p: Any = layer.param() if known else None
        given = {field for field in known if getattr(p, field) != getattr(type(p)(), field)}
        onnx = next(each for each in row.onnx if given.issubset(each.fields.values()))
        values = {name: getattr(p, field) for name, field in onnx.fields.items()}
        if "axis" in values:
            values["axis"] = layer.axis(values["axis"], x)
        return op[onnx.operator](x, **values)

    function.__module__ = module
    return function
