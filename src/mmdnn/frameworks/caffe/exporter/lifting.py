"""Layers of Caffe that became several nodes of the IR, made one layer again (see `mmdnn.ir.lifting`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant, layer_message
from mmdnn.frameworks.caffe.exporter.table import LIFTED
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.frameworks.caffe.graph import Filler, Layer, Unknown, message
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Builder, NeedsStatic
from mmdnn.ir.importing import GraphImporter
from mmdnn.ir.lifting.groups import GiveUp, groups
from mmdnn.ir.lifting.matching import Handed
from mmdnn.ir.lifting.proposals import NOT_IT, is_source, replace
from mmdnn.ir.operators import Operators
from mmdnn.tensors import references

Shapes: TypeAlias = Sequence[tuple[int, ...]]

proposals: Operators = Operators("lifted to Caffe")
"""Registers a function `(group, proposal)` that fills in a proposal, or calls `group.give_up()`."""


@dataclass(eq=False)
class Proposal:
    """A layer that may be the one.

    Attributes:
        message: Its LayerParameter, to be filled.
        bottoms: The group's, unless the proposal says otherwise.
        blobs: Its weights: an initializer of the group, and Caffe's shape of it.
        unknown: Parameters of forks.
        fork: Whether only the fork has such a layer.
    """

    message: Any
    bottoms: list[ir.Value]
    blobs: list[tuple[ir.Value, tuple[int, ...]]] = field(default_factory=list)
    unknown: Unknown = field(default_factory=dict)
    fork: bool = False

    def fill(self, **fields: Any) -> None:
        """Set these fields of its type's parameter block."""
        self.message = layer_message(self.message.type, fields)

    @property
    def weights(self) -> list[ir.Value]:
        """The initializers that are its blobs."""
        return [value for value, _ in self.blobs]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Those of its blobs."""
        return [shape for _, shape in self.blobs]

    def imported(self, bottoms: Sequence[ir.Value], tops: int) -> tuple[list[ir.Value], Handed]:
        """What the importer makes of it."""
        layer = _Tried(self.message, bottoms, tops, self.shapes, self.unknown)
        return layer.imported(bottoms), layer.handed


class _Tried(Layer):
    """A layer whose weights are stand-ins; they remember which blob they stand for."""

    def __init__(
        self, layer: Any, bottoms: Sequence[ir.Value], tops: int, shapes: Shapes, unknown: Unknown
    ) -> None:
        names = [str(value.name) for value in bottoms]
        own = message("LayerParameter")
        own.CopyFrom(layer)
        own.bottom.extend(names)
        super().__init__("proposal", layer.type, names, [f"top {i}" for i in range(tops)], own)
        self.unknown = unknown
        self.shapes = shapes
        self.blobs = [Filler() for _ in shapes]
        self.handed: dict[int, tuple[int, ir.TensorProtocol]] = {}

    def imported(self, bottoms: Sequence[ir.Value]) -> list[ir.Value]:
        """What the importer makes of it."""
        graph = GraphImporter(Builder("mmdnn.caffe", "proposal"), None)
        with graph.builder.layer("proposal", self.type):
            return ImportedLayer(self, graph).call(importer.entry(self.type), bottoms)

    def blob(self, index: int, shape: Sequence[int]) -> ir.TensorProtocol:
        """Zeros, if the shape is that of the weight but for axes of size 1."""
        if [d for d in self.shapes[index] if d != 1] != [d for d in shape if d != 1]:
            raise GiveUp
        tensor = ir.LazyTensor(
            lambda: ir.tensor(np.zeros(tuple(shape), np.float32)),
            ir.DataType.FLOAT,
            ir.Shape(shape),
        )
        self.handed[id(tensor)] = index, tensor
        return tensor


def lift(model: ir.Model, fork: str, round_: str = "") -> dict[str, Proposal]:
    """Replace groups by single nodes, in place.

    Args:
        model: What is changed.
        fork: The fork whose layers may be used.
        round_: What tells the nodes' names from those of a lift before.

    Returns:
        By node name, the layer that it stands for.
    """
    found: dict[str, Proposal] = {}
    types = {entry.type for entry in proposals if entry.type in importer}
    for number, group in enumerate(groups(model, "caffe", types)):
        proposal = Proposal(layer_message(group.type), list(group.bottoms))
        try:
            proposals[group.type](group, proposal)
        except NOT_IT:
            continue
        if (not proposal.fork or fork == "ssd") and is_source(proposal, group):
            name = f"lifted {round_}{number}"
            found[name] = proposal
            replace(model.graph, group, proposal, LIFTED, name)
    return found


def close(model: ir.Model, lifted: dict[str, Proposal]) -> bool:
    """Work out the shapes that were open, once those of the inputs are known.

    Returns:
        Whether one was.
    """
    closed = False
    for node in model.graph:
        if node.domain != LIFTED or all(_is_known(output) for output in node.outputs):
            continue
        layer = lifted[str(node.name)]
        bottoms = [value for value in node.inputs[: len(layer.bottoms)] if value is not None]
        if not all(_is_known(value) for value in bottoms):
            continue
        try:
            results, _ = layer.imported(bottoms, len(node.outputs))
        except (Error, NeedsStatic):
            continue
        for output, result in zip(node.outputs, results, strict=False):
            output.shape = result.shape
        closed |= all(_is_known(output) for output in node.outputs)
    return closed


def _is_known(value: ir.Value) -> bool:
    return value.shape is not None and value.shape.is_static()


def no_statistics(channels: int) -> list[ir.TensorProtocol]:
    """The blobs of a BatchNorm that does not use them."""
    zeros = np.zeros(channels, np.float32)
    return [ir.tensor(zeros), ir.tensor(zeros), ir.tensor(np.ones(1, np.float32))]


def _stored(constant: Constant, shape: tuple[int, ...]) -> ir.TensorProtocol:
    """A weight in Caffe's shape; the matrix as it was where its axes were exchanged."""
    before = references.before_transpose(constant.tensor)
    if before is not None and shape == constant.shape[::-1]:
        return before
    return constant.shaped(shape)


def write(caffe: Writer, layer: Proposal, operands: Sequence[Operand | None]) -> list[Blob]:
    """The layer of a lifted node: its tops, in their order."""
    given = [operand for operand in operands if operand is not None]
    bottoms, weights = given[: len(layer.bottoms)], given[len(layer.bottoms) :]
    blobs = [
        _stored(constant, shape)
        for constant, shape in zip(weights, layer.shapes, strict=True)
        if isinstance(constant, Constant)
    ]
    node = caffe.node
    if layer.message.type == "BatchNorm":
        blobs = no_statistics(bottoms[0].shape[1])
    shapes = [node.shape(index) for index in range(len(node.node.outputs))]
    tops = caffe.layers(layer.message.type, *bottoms, shapes=shapes, blobs=blobs)
    draft = tops[0].maker if tops else None
    if draft is not None:
        draft.message = layer.message
        draft.unknown = layer.unknown
    return tops
