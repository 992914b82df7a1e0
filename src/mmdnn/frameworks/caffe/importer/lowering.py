"""From a Caffe network to the IR, layer by layer, blobs named as Caffe names them.

A blob that is changed in place has several values; the last one carries the blob's name, the ones
before are `<blob>@<layer>`. Outputs are the blobs nobody reads, in alphabetical order, as in Caffe
(src/caffe/net.cpp, Net::Init).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.errors import Error, ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import Builder, NeedsStatic


def to_ir(network: Network) -> ir.Model:
    """The IR of a Caffe network. Its batch is dynamic wherever the layers allow.

    Args:
        network: A network as the reader gives it.

    Returns:
        A model whose values are named as Caffe's blobs, float32, channels first.

    Raises:
        UnsupportedError: Layers without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or an input whose shape no file says.
    """
    layers = _needed(network)
    refused = [(layer.type, layer.name) for layer in layers if layer.type not in importer]
    if refused:
        raise UnsupportedError.listing(
            refused, action="read from Caffe", file=network.files.network
        )
    try:
        return _Lowering(network, layers, dynamic=True).run()
    except NeedsStatic:
        pass
    try:
        return _Lowering(network, layers, dynamic=False).run()
    except NeedsStatic as missing:
        raise ShapeError(f"the shape of '{missing}' cannot be told") from None


def _needed(network: Network) -> list[Layer]:
    """The layers that the wanted outputs depend on: all of them where none are named."""
    wanted = set(network.files.outputs)
    if not wanted:
        return [layer for layer in network.layers if layer.type != "Silence"]
    unknown = wanted - {top for layer in network.layers for top in layer.tops}
    if unknown:
        raise UsageError(f"the network has no blob '{min(unknown)}'", file=network.files.network)
    needed: list[Layer] = []
    for layer in reversed(network.layers):
        if wanted.intersection(layer.tops):
            needed.append(layer)
            wanted.update(layer.bottoms)
    return needed[::-1]


class _Lowering:
    def __init__(self, network: Network, layers: Sequence[Layer], *, dynamic: bool) -> None:
        self.network = network
        self.layers = layers
        self.dynamic = dynamic
        self.builder = Builder("mmdnn.caffe", network.name or "network")
        self.values: dict[str, ir.Value] = {}
        self.writer: dict[str, str] = {}
        self.unread: set[str] = set()
        self.shared: dict[tuple[int, tuple[int, ...]], ir.Value] = {}

    def run(self) -> ir.Model:
        self.builder.reserve([top for layer in self.layers for top in layer.tops])
        self._inputs()
        for layer in self.layers:
            if layer.type != "Input":
                self._layer(layer)
        outputs = self.network.files.outputs or sorted(self.unread)
        self.builder.graph.outputs.extend(self.values[name] for name in outputs)
        return self.builder.model(**{"mmdnn.framework": "caffe"})

    def _inputs(self) -> None:
        symbols: dict[int, str] = {}
        for name, dims in self.network.inputs.items():
            if dims is None:
                raise ShapeError(
                    f"no file says the shape of input '{name}'",
                    file=self.network.files.network,
                    hint=f"Give it with --inputShape {name}:1,3,224,224 (or whatever it is).",
                )
            shape: list[int | str] = list(dims)
            if self.dynamic and shape:
                size = dims[0]
                symbols.setdefault(size, f"batch_{size}" if symbols else "batch")
                shape[0] = symbols[size]
            self.values[name] = self.builder.input(name, shape)

    def _layer(self, layer: Layer) -> None:
        bottoms = [self._bottom(layer, name) for name in layer.bottoms]
        importing = Importing(layer, self.builder, self.shared, self.writer)
        with self.builder.layer(layer.name, layer.type):
            try:
                tops = importer[layer.type](importing, self.builder.op, *bottoms)
            except Error as error:
                error.layer, error.operator = (
                    error.layer or layer.name,
                    error.operator or layer.type,
                )
                error.file = error.file or self.network.files.network
                raise
            importing.check_read()
            tops = [tops] if isinstance(tops, ir.Value) else list(tops)
            for name, value in zip(layer.tops, tops, strict=True):
                self._top(layer, name, value)

    def _bottom(self, layer: Layer, name: str) -> ir.Value:
        if name not in self.values:
            raise ShapeError(f"nothing writes its bottom '{name}'", layer=layer.name)
        self.unread.discard(name)
        return self.values[name]

    def _top(self, layer: Layer, name: str, value: ir.Value) -> None:
        if value.producer() is None or value in self.values.values():
            value = self.builder.op.Identity(value)
        previous = self.values.get(name)
        if previous is None:
            self.builder.rename(value, name)
        elif previous.is_graph_input():
            self.builder.rename(value, f"{name}@{layer.name}")
        else:
            self.builder.rename(previous, f"{name}@{self.writer[name]}")
            self.builder.rename(value, name)
        self.values[name] = value
        self.writer[name] = layer.name
        self.unread.add(name)
