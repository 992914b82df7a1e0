"""Stand-ins for weights that are not there, where a structure alone is converted.

Only their shapes matter. MXNet infers them forwards from the inputs' shapes (the FInferShape functions in
https://github.com/apache/mxnet/tree/1.9.1/src/operator); Caffe's layers ask for theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import ShapeError, UsageError
from mmdnn.frameworks.caffe.graph import Filler, Network
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, reachable
from mmdnn.frameworks.mxnet.importer import importer, to_ir
from mmdnn.frameworks.mxnet.importer.model import imported
from mmdnn.frameworks.mxnet.importer.table import GraphImporter
from mmdnn.ir.builder import NeedsStatic, dimensions
from mmdnn.shapes import Shape

VALUES = (0.5, 0.375)
"""Numbers that stand-ins are full of: not 0 or 1, which mean something to a converter; and two, because
a result that is not the same for both has a weight in its structure."""

Rule: TypeAlias = Callable[[Node, Shape], Shape]
"""From a node and the shape of its first input to the shape of one of its parameters."""


def converted(
    convert: Callable[[float], str], file: Path, beside: Callable[[], list[str]] = list
) -> str:
    """The result of a conversion in which stand-ins leave no trace.

    Args:
        convert: The conversion, with stand-ins full of the number given.
        file: What is converted.
        beside: What the last conversion says besides, in which they must leave none either.

    Raises:
        UsageError: The result depends on the weights' numbers: one of them would stand in it.
    """
    results = [(convert(value), beside()) for value in VALUES]
    if results[0] == results[1]:
        return results[0][0]
    one, other = ([*text.splitlines(), *more] for text, more in results)
    pairs = zip(one, other, strict=False)
    line = next((a.strip() for a, b in pairs if a != b), "its length")
    raise UsageError(
        f"cannot be converted without its weights, on which the result depends ({line})",
        file=file,
        hint="Convert it with its weights: mmconvert, or the tool that takes them.",
    )


def in_caffe(network: Network, value: float) -> Network:
    """Fill every weight of a network that no file holds with a number, whatever its filler says.

    (A filler is what training begins with, not what a network is run with.)
    """
    for layer in network.layers:
        for blob in layer.blobs:
            if isinstance(blob, Filler):
                blob.type, blob.value = "constant", value
    return network


def in_mxnet(model: Model, value: float) -> ir.Model:
    """The IR of a symbol without its parameters, which get stand-ins.

    Args:
        model: As the reader gives it: whatever no file holds is an input. Changed.
        value: The number that the parameters get.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: The shape of an input or a parameter cannot be told.
    """
    needed = set(reachable(head.node for head in model.symbol.heads))
    order = [node for node in model.symbol.nodes if node in needed]
    for node in order:
        for place, entry in enumerate(node.inputs):
            if entry.node.is_variable and place in RULES.get(node.type, {}):
                model.inputs.pop(entry.node.name, None)
    _require_shapes(model)
    if all(node.is_variable or node.type in importer for node in order):
        try:
            imported(_Shaping(model, value), order, model.symbol.heads, {})
        except NeedsStatic as missing:
            raise ShapeError(
                f"the shape of '{missing}' is not known", file=model.files.network, hint=_HINT
            ) from None
    return to_ir(model)


_HINT = "Give the inputs' shapes with --inputShape 3,112,112, or put the .params beside the symbol."


def _require_shapes(model: Model) -> None:
    """That the inputs have sizes: nothing else says what shapes the parameters have."""
    for name, shape in model.inputs.items():
        if len(model.inputs) > 1 and name not in model.files.input_shapes:
            raise ShapeError(
                f"whether '{name}' is an input or a parameter cannot be told without parameters",
                file=model.files.network,
                hint=f"If it is an input, give its shape: --inputShape {name}:1,3,112,112 (or whatever "
                "it is). Else put the .params beside the symbol.",
            )
        if shape is None or None in shape[1:]:
            raise ShapeError(
                f"neither the symbol says the shape of its input '{name}', nor are there parameters",
                file=model.files.network,
                hint=_HINT,
            )


class _Shaping(GraphImporter):
    """An import that makes each parameter when its operator asks for it, in the shape that this wants."""

    def __init__(self, model: Model, number: float) -> None:
        super().__init__(model)
        self.number = number

    def value(self, entry: Entry) -> ir.Value:
        """See `GraphImporter.value`."""
        name = entry.node.name
        if entry.node.is_variable and name not in {*self.model.inputs, *self.model.params}:
            for node, place in self.readers.get(entry.node, ()):
                rule = RULES.get(node.type, {}).get(place)
                if rule is not None:
                    shape = rule(node, self._shape(node))
                    self.model.params[name] = _stand_in(name, shape, self.number)
                    break
        return super().value(entry)

    def _shape(self, node: Node) -> Shape:
        value = self.value(node.inputs[0])
        sizes = tuple(dim for dim in dimensions(value) if isinstance(dim, int))
        if len(sizes) < 2 or len(sizes) < len(dimensions(value)):
            raise NeedsStatic(value.name)
        return sizes


def _stand_in(name: str, shape: Shape, number: float) -> ir.TensorProtocol:
    def compute() -> ir.TensorProtocol:
        return ir.tensor(np.full(shape, number, np.float32), name=name)

    return ir.LazyTensor(compute, ir.DataType.FLOAT, ir.Shape(shape), name=name)


def _filters(name: str) -> Rule:
    return lambda node, shape: (int(node.param(name)),)


def _channels(node: Node, shape: Shape) -> Shape:
    del node
    return (shape[1],)


def _along_axis(node: Node, shape: Shape) -> Shape:
    return (shape[node.param("axis")],)


def _convolution(node: Node, shape: Shape) -> Shape:
    filters, groups = node.param("num_filter"), node.param("num_group")
    return (filters, shape[1] // groups, *node.param("kernel"))


def _deconvolution(node: Node, shape: Shape) -> Shape:
    filters, groups = node.param("num_filter"), node.param("num_group")
    return (shape[1], filters // groups, *node.param("kernel"))


def _dense(node: Node, shape: Shape) -> Shape:
    features = math.prod(shape[1:]) if node.param("flatten") else shape[-1]
    return (node.param("num_hidden"), features)


def _table(node: Node, shape: Shape) -> Shape:
    del shape
    return (node.param("input_dim"), node.param("output_dim"))


RULES: dict[str, dict[int, Rule]] = {
    "BatchNorm": dict.fromkeys(range(1, 5), _along_axis),
    "BatchNorm_v1": dict.fromkeys(range(1, 5), _channels),
    "Convolution": {1: _convolution, 2: _filters("num_filter")},
    "Convolution_v1": {1: _convolution, 2: _filters("num_filter")},
    "Deconvolution": {1: _deconvolution, 2: _filters("num_filter")},
    "Embedding": {1: _table},
    "FullyConnected": {1: _dense, 2: _filters("num_hidden")},
    "GroupNorm": {1: _filters("num_groups"), 2: _filters("num_groups")},
    "InstanceNorm": {1: _channels, 2: _channels},
    "LayerNorm": {1: _along_axis, 2: _along_axis},
    "LeakyReLU": {1: _channels},
    "_contrib_SyncBatchNorm": dict.fromkeys(range(1, 5), _channels),
}
"""Operators with parameters: the place among their inputs, and how its shape is told."""
