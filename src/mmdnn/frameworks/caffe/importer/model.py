"""From a Caffe network to the IR, layer by layer, blobs named as Caffe names them.

A blob that is changed in place has several values; the last one carries the blob's name, the ones
before are `<blob>@<layer>`. (An input keeps its name: there the last one is `<input>@<layer>`.)
Outputs are the blobs nobody reads, in alphabetical order, as in Caffe (src/caffe/net.cpp,
Net::Init).

Blobs may share memory (a Reshape's top and bottom do, see Blob::ShareData): a layer that works in
place on one of them changes the others, and whoever reads these later reads the change.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.errors import ShapeError, UsageError
from mmdnn.frameworks.caffe._layers import LIFTED, layer_type
from mmdnn.frameworks.caffe._messages import described
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.frameworks.caffe.importer import proposals, weights
from mmdnn.frameworks.caffe.importer.fuse_cut_axes import join_cut_axes
from mmdnn.frameworks.caffe.importer.fuse_cut_pools import join_cut_pools
from mmdnn.frameworks.caffe.importer.shapes import reshape
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir import LAYER, PARAMETERS, SAID, notes
from mmdnn.ir.builder import Builder, dimensions
from mmdnn.ir.importing import GraphImporter, open_where_possible
from mmdnn.ir.operators import way_round
from mmdnn.ir.origin import record


def to_ir(network: Network, *, static: bool = False) -> ir.Model:
    """The IR of a Caffe network. Its batch is dynamic wherever the layers allow.

    Args:
        network: A network as the reader gives it.
        static: Give every dimension the size that the file says.

    Returns:
        A model whose values are named as Caffe's blobs, float32, channels first.

    Raises:
        UnsupportedError: Layers without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or an input whose shape no file says.
        UsageError: Layers' weights are in no file.
    """
    layers = _needed(network)
    file = network.files.network
    steps = [(layer.bottoms, layer.tops, _kind(layer) in importer) for layer in layers]
    read = {name for layer in layers for name in layer.bottoms}
    hint = way_round(steps, sorted({top for _, tops, _ in steps for top in tops} - read))
    importer.check([(_kind(layer), layer.name) for layer in layers], file, hint)
    told = weights.check(network, layers)
    if any(layer.type == "Python" for layer in layers):
        told.append(proposals.NOTE)
    model = open_where_possible(
        lambda sizes: _NetworkImporter(network, layers, sizes).run(),
        {} if static else _symbols(network),
        lambda missing: ShapeError(
            f"the shape of '{missing}' cannot be told", file=file, hint=_needs(network)
        ),
    )
    if network.left_out:
        told.append(f"Left out, as they judge by labels: {notes.listed(network.left_out)}.")
    return notes.add(model, *told)


def _kind(layer: Layer) -> str:
    """A layer's type; of one in Python, what it runs, but for the one that is known."""
    if layer.type != "Python" or layer.param().layer == proposals.PYTHON:
        return layer.type
    return f"Python ({layer.param().module}.{layer.param().layer})"


def _symbols(network: Network) -> dict[int, str]:
    """A name for each size of a first axis: inputs that agree there share their batch."""
    firsts = [dims[0] for dims in network.inputs.values() if dims]
    sizes = dict.fromkeys(size for size in firsts if isinstance(size, int))
    return {size: f"batch_{size}" if place else "batch" for place, size in enumerate(sizes)}


def _needs(network: Network) -> str | None:
    """What to do where a layer needs a size that the user has left open."""
    open_ = [size for shape in network.inputs.values() for size in (shape or ())[1:]]
    if all(isinstance(size, int) for size in open_):
        return None
    return "A layer needs the sizes that --inputShape leaves open; give them as numbers."


def _needed(network: Network) -> list[Layer]:
    """The layers that the wanted outputs depend on: all of them where none are named."""
    wanted = set(network.files.outputs)
    if not wanted:
        return network.layers
    unknown = wanted - {top for layer in network.layers for top in layer.tops}
    if unknown:
        raise UsageError(f"the network has no blob '{min(unknown)}'", file=network.files.network)
    needed: list[Layer] = []
    for layer in reversed(network.layers):
        if wanted.intersection(layer.tops):
            needed.append(layer)
            wanted.update(layer.bottoms)
    return needed[::-1]


def _followers(layers: Sequence[Layer]) -> dict[int, Layer]:
    """By index, a layer and the one after it that works in place on its only top."""
    found = {}
    for index, layer in enumerate(layers):
        if len(layer.tops) != 1:
            continue
        touching = (other for other in layers[index + 1 :] if layer.tops[0] in other.bottoms)
        after = next(touching, None)
        if after is not None and after.bottoms == after.tops == layer.tops:
            found[index] = after
    return found


def _shares(layer: Layer) -> bool:
    """Whether the tops are views of the bottom."""
    several = len(layer.bottoms) > 1 or (len(layer.tops) > 1 and layer.type != "Split")
    return layer_type(layer.type).view and not several


class _NetworkImporter(GraphImporter):
    def __init__(self, network: Network, layers: Sequence[Layer], symbols: dict[int, str]) -> None:
        super().__init__(Builder("mmdnn.caffe", network.name or "network"), network.files.network)
        self.network = network
        self.layers = layers
        self.symbols = symbols
        self.values: dict[str, ir.Value] = {}
        self.writer: dict[str, str] = {}
        self.memory: dict[str, str] = {}
        self.unread: set[str] = set()
        self.read: list[tuple[Layer, list[ir.Value]]] = []

    def run(self) -> ir.Model:
        self.builder.reserve([top for layer in self.layers for top in layer.tops])
        self._inputs()
        followers, done = _followers(self.layers), set[int]()
        for index, layer in enumerate(self.layers):
            if layer.type == "Input" or id(layer) in done:
                continue
            if self._layer(layer, followers.get(index)):
                done.add(id(followers[index]))
        outputs = self.network.files.outputs or sorted(self.unread)
        self.builder.graph.outputs.extend(self.values[name] for name in outputs)
        join_cut_pools(self.builder.graph)
        join_cut_axes(self.builder.graph)
        said = {layer.name: layer.note.origin for layer in self.layers if layer.note is not None}
        record(self.builder.graph, said)
        record(self.builder.graph, self._described(), PARAMETERS)
        return self.builder.model(**{"mmdnn.framework": "caffe"})

    def _described(self) -> dict[str, str]:
        """What the file says of the layers that may have become several nodes."""
        return {
            layer.name: described(layer, [str(value.name) for value in bottoms])
            for layer, bottoms in self.read
            if layer.type in LIFTED
        }

    def _inputs(self) -> None:
        makers = {
            top: layer.name
            for layer in self.network.layers
            for top in layer.tops
            if layer.type == "Input"
        }
        wanted = {name for layer in self.layers for name in layer.bottoms}
        wanted.update(self.network.files.outputs)
        for name, dims in self.network.inputs.items():
            if self.network.files.outputs and name not in wanted:
                continue
            if dims is None:
                raise ShapeError(
                    f"no file says the shape of input '{name}'",
                    file=self.file,
                    hint=f"Give it with --inputShape {name}:1,3,224,224 (or whatever it is).",
                )
            if any(isinstance(dim, int) and dim < 1 for dim in dims):
                raise ShapeError(
                    f"input '{name}' is said to have the shape {list(dims)}",
                    file=self.file,
                )
            shape = [f"{name}_{axis}" if dim is None else dim for axis, dim in enumerate(dims)]
            if dims:
                first = dims[0]
                shape[0] = self.symbols.get(first, first) if isinstance(first, int) else "batch"
            self.values[name] = self.builder.input(name, shape)
            self.values[name].metadata_props[LAYER] = makers.get(name, name)
            if dims and isinstance(dims[0], int) and isinstance(shape[0], str):
                self.values[name].metadata_props[SAID] = str(dims[0])
            self.named.add(self.values[name])
            self.memory[name] = name
            self.unread.add(name)

    def _layer(self, layer: Layer, follower: Layer | None) -> bool:
        """Import a layer; whether it took its follower along."""
        imported = ImportedLayer(layer, self, follower)
        with self.errors_of(imported), self.builder.layer(layer.name, layer.type):
            bottoms = [self._bottom(name) for name in layer.bottoms]
            overwrites = layer_type(layer.type).in_place is False
            if overwrites and set(layer.tops).intersection(layer.bottoms):
                imported.refuse("its top is its bottom, which Caffe overwrites while it reads it")
            self.read.append((layer, bottoms))
            tops = imported.call(importer.entry(layer.type), bottoms)
            if len(tops) < len(layer.tops):
                imported.refuse(f"it cannot have {len(layer.tops)} tops")
            last = follower if follower is not None and imported.took_follower else layer
            for name, value in zip(layer.tops, tops, strict=False):
                self._top(layer, name, value, last.name)
        return imported.took_follower

    def _bottom(self, name: str) -> ir.Value:
        if name not in self.values:
            raise ShapeError(f"nothing writes its bottom '{name}'")
        self.unread.discard(name)
        return self.values[name]

    def _top(self, layer: Layer, name: str, value: ir.Value, writer: str) -> None:
        before = self.values.get(name)
        self.unread.add(name)
        self._name(name, writer, value)
        if name not in layer.bottoms:
            self.memory[name] = self.memory[layer.bottoms[0]] if _shares(layer) else name
        elif value is not before and (layer.type != "Dropout" or layer.unknown):
            self._change_views(layer, name)

    def _name(self, name: str, writer: str, value: ir.Value) -> None:
        """Make this the blob's value, under the blob's name."""
        if value.producer() is None or value in self.named:
            value = self.builder.op.Identity(value)
        previous = self.values.get(name)
        if previous is None:
            self.builder.rename(value, name)
        elif name in self.network.inputs:
            self.builder.rename(value, self.builder.unique(f"{name}@{writer}"))
        else:
            self.builder.rename(previous, self.builder.unique(f"{name}@{self.writer[name]}"))
            self.builder.rename(value, name)
        self.values[name] = value
        self.named.add(value)
        self.writer[name] = writer

    def _change_views(self, layer: Layer, name: str) -> None:
        """A blob has changed in place: so have those that share its memory."""
        for other, memory in self.memory.items():
            if other != name and memory == self.memory[name]:
                same = reshape(self.builder.op, self.values[name], dimensions(self.values[other]))
                self._name(other, layer.name, same)
