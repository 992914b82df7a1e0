"""What the functions of the table write into."""

from __future__ import annotations

import re
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet import _origins
from mmdnn.frameworks.mxnet.exporter.names import name_nodes, tell_values
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, Exporting, Writing, exporter, text
from mmdnn.frameworks.mxnet.exporter.traversal import reachable
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol
from mmdnn.frameworks.mxnet.reader.ndarray import FLAGS
from mmdnn.ir import SAID
from mmdnn.tensors import references

VERSION = {"mxnet_version": ["int", 10901]}

FIXED = "_fixed"
"""Ends the name of the ones that stand in for a gamma that MXNet does not use."""


class Scope:
    """What the functions of the table write into.

    Attributes:
        made: Every operator's node, and the IR node it was made for, in order.
        values: What holds each IR value.
        derived: Parameters made of others, by what and how.
        params: Tensor of each parameter's node.
        stacks: Recurrent layers, by the nodes they have become.
        joined: What an array is that has its last axis split in two.
        turned: A recurrent layer's output [T, N, directions, H], by ONNX's [T, directions, N, H].
        auxiliary: Which of the parameters are running statistics.
        claimed: Parameters whose shapes MXNet finds out.
        named: Parameters that have their name.
        final: What ends a layer, by its node.
        cuts: What is a part of an array along the first axis: that array, which part, and of how many.
    """

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.keeps_names = model.metadata_props.get("mmdnn.framework") == "mxnet"
        self.made: dict[Node, Exporting] = {}
        self.values: dict[ir.Value, Array] = {}
        self.derived: dict[Any, Array] = {}
        self.params: dict[Node, ir.TensorProtocol] = {}
        self.stacks: dict[Node, Any] = {}
        self.joined: dict[Entry, Array] = {}
        self.turned: dict[ir.Value, Array] = {}
        self.cuts: dict[Entry, tuple[Array, int, int]] = {}
        self.auxiliary: set[Node] = set()
        self.claimed: set[Node] = set()
        self.named: set[Node] = set()
        self.final: dict[Node, Exporting] = {}

    def run(self) -> Model:
        """Write all nodes, then name them."""
        graph = self.model.graph
        for value in graph.inputs:
            self._input(value)
        for node in graph:
            self.write(node)
        heads = [self._head(value) for value in graph.outputs]
        nodes = reachable(head.entry.node for head in heads)
        name_nodes(self, nodes)
        symbol = Symbol(nodes, [head.entry for head in heads], dict(VERSION))
        model = Model(symbol, auxiliary={n.name for n in nodes if n in self.auxiliary})
        model.params = {node.name: self.params[node] for node in nodes if node in self.params}
        for value in graph.inputs:
            array = self.values[value]
            model.inputs[str(value.name)] = tuple(
                d if isinstance(d, int) else None for d in array.shape or ()
            )
        tell_values(self, symbol, heads)
        made = {node: self.made[node].node for node in nodes if node in self.made}
        _origins.write(self.model, made, ((v, array.entry) for v, array in self.values.items()))
        return model

    def _input(self, value: ir.Value) -> None:
        kind = value.dtype or ir.DataType.FLOAT
        if kind not in NAMES:
            raise UnsupportedError(f"MXNet has no arrays of {kind.name}", layer=str(value.name))
        node = Node(VARIABLE, str(value.name))
        shape = value.shape
        if shape is not None and len(shape):
            said = int(value.metadata_props.get(SAID, 0))
            sizes = [d if isinstance(d, int) else 0 if i else said for i, d in enumerate(shape)]
            node.attrs["__shape__"] = text(sizes)
        if kind != ir.DataType.FLOAT:
            node.attrs["__dtype__"] = str(FLAGS[kind])
        self.values[value] = Array(Entry(node), value, kind)

    def array(self, value: ir.Value) -> Array:
        """What holds an IR value; constants become parameters when they are first read."""
        if value not in self.values:
            tensor = value.const_value
            assert tensor is not None, value.name
            made = self.parameter(str(value.name), tensor)
            self.values[value] = Array(made.entry, value, made.dtype)
        return self.values[value]

    def parameter(self, name: str, tensor: ir.TensorProtocol, *, auxiliary: bool = False) -> Array:
        """A variable whose array the model has."""
        if tensor.dtype == ir.DataType.BOOL:
            tensor = references.lazy(
                tensor, lambda array: array.astype("float32"), dtype=ir.DataType.FLOAT
            )
        if tensor.dtype not in NAMES:
            raise UnsupportedError(f"MXNet has no arrays of {tensor.dtype.name}", layer=name)
        if not len(tensor.shape):
            tensor = references.lazy(tensor, lambda array: array.reshape(1), shape=(1,))
        node = Node(VARIABLE, name)
        if tensor.dtype != ir.DataType.FLOAT:
            node.attrs["__dtype__"] = str(FLAGS[tensor.dtype])
        self.params[node] = tensor
        if auxiliary:
            self.auxiliary.add(node)
        return Array(Entry(node), dtype=tensor.dtype)

    def original(self, x: Array, suffix: str) -> str:
        """What MXNet's model calls the parameter of which another was made; "" if nothing is known."""
        name = str(x.value.name) if self.keeps_names and x.value is not None else ""
        found = re.fullmatch(rf"(.+){suffix}", name)
        return found[1] if found else ""

    def name(self, x: Array) -> None:
        """Keep the name that a parameter has."""
        self.named.add(x.entry.node)

    def claim(self, x: Array, name: str, *, told: bool = True) -> None:
        """Name a parameter, unless the source was MXNet's, or it has been named already.

        Args:
            x: The parameter, or an array that is none.
            name: Its name.
            told: Whether MXNet finds out its shape by itself.
        """
        node = x.entry.node
        if node in self.params and node not in self.named:
            self.named.add(node)
            fixed = x.value is not None and str(x.value.name).endswith(FIXED)
            keep = self.keeps_names and x.value is not None and (x.is_weight or fixed)
            node.name = str(x.value.name).removesuffix(FIXED) if keep and x.value else name
        if told:
            self.claimed.add(node)

    def write(self, node: ir.Node) -> None:
        """Write what a node becomes."""
        exporting = Exporting(node)
        writing = Writing(self, exporting)
        inputs = [None if value is None else self._operand(writing, value) for value in node.inputs]
        made = exporter.write(exporting, writing, *inputs)
        arrays = [made] if isinstance(made, Array) else list(made)
        for output, array in zip(node.outputs, arrays, strict=False):
            if array is None:
                continue
            kind = output.dtype
            kind = ir.DataType.FLOAT if kind == ir.DataType.BOOL else kind
            self.values[output] = Array(array.entry, output, kind or array.dtype)
            maker = self.made.get(array.entry.node)
            if maker is not None and maker.layer == exporting.layer:
                self.final[array.entry.node] = maker

    def _operand(self, mx: Writing, value: ir.Value) -> Array:
        array = self.array(value)
        if array.dtype != ir.DataType.BOOL:
            return array
        cast = mx.cast(array, ir.DataType.FLOAT)
        self.values[value] = Array(cast.entry, value, ir.DataType.FLOAT)
        return self.values[value]

    def _head(self, value: ir.Value) -> Array:
        array = self.array(value)
        producer = value.producer()
        if value.dtype != ir.DataType.BOOL or producer is None:
            return array
        mx = Writing(self, Exporting(producer))
        return Array(mx.Cast(array, dtype="bool").entry, value, ir.DataType.BOOL)
