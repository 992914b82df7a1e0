"""Layers of Caffe that became several nodes of the IR, made one layer again (see `mmdnn.ir.lifting`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir
from google.protobuf import text_format

from mmdnn.frameworks.caffe._layers import LIFTED
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.table import LIFTED as LIFTED_DOMAIN
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.frameworks.caffe.graph import Filler, Layer, message
from mmdnn.ir import PARAMETERS
from mmdnn.ir.builder import Builder
from mmdnn.ir.importing import GraphImporter
from mmdnn.ir.lifting.groups import GiveUp, Group
from mmdnn.ir.lifting.matching import Handed
from mmdnn.ir.lifting.proposals import Lifted
from mmdnn.ir.origin import recorded
from mmdnn.tensors import references


@dataclass(eq=False)
class Proposal:
    """A layer that may be the one.

    Attributes:
        message: Its LayerParameter, without names.
        bottoms: What it reads.
        weights: The initializers that are its blobs.
        shapes: Caffe's shapes of these, once it has been imported.
    """

    message: Any
    bottoms: list[ir.Value]
    weights: list[ir.Value]
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, group: Group, text: str) -> Proposal:
        """The layer that a group was, as `described` says it.

        Raises:
            GiveUp: That is no layer's.
        """
        try:
            found = text_format.Parse(text, message("LayerParameter"))
        except text_format.ParseError:
            raise GiveUp from None
        names = list(found.bottom)
        found.ClearField("bottom")
        found.type = group.type
        there = all(name in group.values for name in names)
        bottoms = [group.values[name] for name in names] if there else list(group.bottoms)
        return cls(found, bottoms, group.weights)

    def imported(self, bottoms: Sequence[ir.Value], tops: int) -> tuple[list[ir.Value], Handed]:
        """What the importer makes of it."""
        from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer

        layer = _Tried(self.message, bottoms, tops, len(self.weights))
        graph = GraphImporter(Builder("mmdnn.caffe", "proposal"), None)
        with graph.builder.layer("proposal", layer.type):
            results = ImportedLayer(layer, graph).call(importer.entry(layer.type), bottoms)
        self.shapes = [layer.shapes[index] for index in range(len(self.weights))]
        return results, layer.handed


class _Tried(Layer):
    """A layer whose weights are stand-ins; they remember which blob they stand for."""

    def __init__(self, layer: Any, bottoms: Sequence[ir.Value], tops: int, weights: int) -> None:
        names = [str(value.name) for value in bottoms]
        own = message("LayerParameter")
        own.CopyFrom(layer)
        own.bottom.extend(names)
        super().__init__("proposal", layer.type, names, [f"top {i}" for i in range(tops)], own)
        self.blobs = [Filler() for _ in range(weights)]
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.handed: dict[int, tuple[int, ir.TensorProtocol]] = {}

    def blob(self, index: int, shape: Sequence[int]) -> ir.TensorProtocol:
        """Zeros in place of a weight."""
        if index >= len(self.blobs):
            raise GiveUp
        tensor = ir.LazyTensor(
            lambda: ir.tensor(np.zeros(tuple(shape), np.float32)),
            ir.DataType.FLOAT,
            ir.Shape(shape),
        )
        self.shapes[index] = self._stored(tuple(shape))
        self.handed[id(tensor)] = index, tensor
        return tensor

    def _stored(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As a file has it: without the axes of size 1 that the importer asks for beside."""
        if self.type == "Normalize":
            return shape[:1] or (1,)
        covered = self.param().num_axes if self.type in {"Scale", "Bias"} else -1
        return shape[:covered] if covered > 0 else shape


def lifted(model: ir.Model) -> Lifted[Proposal]:
    """What may stand for the layers of a model, of which the files said something."""
    said = recorded(model.graph, PARAMETERS)
    return Lifted(LIFTED_DOMAIN, lambda group: Proposal.of(group, said[group.name]))


def types(fork: str) -> frozenset[str]:
    """What a fork has of the layers that may be lifted."""
    return LIFTED if fork == "ssd" else LIFTED - {"Normalize"}


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
    return tops
