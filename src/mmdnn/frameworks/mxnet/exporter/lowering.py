"""From the IR to an MXNet model: nodes, their names, and those of the parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet import _origins
from mmdnn.frameworks.mxnet._values import VALUES
from mmdnn.frameworks.mxnet.exporter.table import (
    NAMES,
    Array,
    Exporting,
    Writing,
    exporter,
    is_unfit,
    text,
)
from mmdnn.frameworks.mxnet.exporter.walking import outputs, outside, reachable, suffix, unique
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol
from mmdnn.ir import LAYER, SAID, TYPE
from mmdnn.ir.canonical import canonical
from mmdnn.tensors import references

VERSION = {"mxnet_version": ["int", 10901]}

FIXED = "_fixed"
"""Ends the name of the ones that stand in for a gamma that MXNet does not use."""

OF_A_GRAPH = ("values", "derived", "stacks", "joined", "turned", "cuts")
"""What a scope knows of one graph; in a body it knows other things."""

FLAGS = {
    ir.DataType.FLOAT: 0,
    ir.DataType.DOUBLE: 1,
    ir.DataType.FLOAT16: 2,
    ir.DataType.UINT8: 3,
    ir.DataType.INT32: 4,
    ir.DataType.INT8: 5,
    ir.DataType.INT64: 6,
    ir.DataType.BOOL: 7,
}
"""mshadow's type flags, as `__dtype__` has them."""


def from_ir(model: ir.Model) -> Model:
    """An MXNet model that computes what the IR model computes.

    Args:
        model: Any IR model; it is not changed.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = canonical(model, keep=Known(), unfit=is_unfit)
    refused = [
        (
            node.metadata_props.get(TYPE) or node.op_type,
            node.metadata_props.get(LAYER) or node.name or "?",
        )
        for node in ir.traversal.RecursiveGraphIterator(model.graph)
        if operator(node) not in exporter
    ]
    if refused:
        raise UnsupportedError.listing(refused, action="written as MXNet")
    return Scope(model).run()


def operator(node: ir.Node) -> str:
    """The name under which an operator is registered: its type, with its domain unless it is ONNX's."""
    return (
        plain(f"{node.domain}::{node.op_type}")
        if node.domain not in {"", "ai.onnx"}
        else node.op_type
    )


def plain(name: str) -> str:
    """The name of a local function, without the number that tells its variants apart."""
    return re.sub(r"_\d+$", "", name) if name.startswith("mmdnn.") else name


class Known:
    """The operators of the table, and the variants of its local functions."""

    def __contains__(self, name: object) -> bool:
        return plain(str(name)) in exporter


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
        self._claimed: set[Node] = set()
        self._named: set[Node] = set()
        self._final: dict[Node, Exporting] = {}

    def run(self) -> Model:
        """Write all nodes, then name them."""
        graph = self.model.graph
        for value in graph.inputs:
            self._input(value)
        for node in graph:
            self._node(node)
        heads = [self._head(value) for value in graph.outputs]
        nodes = reachable(head.entry.node for head in heads)
        self._name(nodes)
        symbol = Symbol(nodes, [head.entry for head in heads], dict(VERSION))
        model = Model(symbol, auxiliary={n.name for n in nodes if n in self.auxiliary})
        model.params = {node.name: self.params[node] for node in nodes if node in self.params}
        for value in graph.inputs:
            array = self.values[value]
            model.inputs[str(value.name)] = tuple(
                d if isinstance(d, int) else None for d in array.shape or ()
            )
        self._tell_values(symbol, heads)
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
        self._named.add(x.entry.node)

    def claim(self, x: Array, name: str, *, told: bool = True) -> None:
        """Name a parameter, unless the source was MXNet's, or it has been named already.

        Args:
            x: The parameter, or an array that is none.
            name: Its name.
            told: Whether MXNet finds out its shape by itself.
        """
        node = x.entry.node
        if node in self.params and node not in self._named:
            self._named.add(node)
            fixed = x.value is not None and str(x.value.name).endswith(FIXED)
            keep = self.keeps_names and x.value is not None and (x.is_weight or fixed)
            node.name = str(x.value.name).removesuffix(FIXED) if keep and x.value else name
        if told:
            self._claimed.add(node)

    def _node(self, node: ir.Node) -> None:
        exporting = Exporting(node)
        writing = Writing(self, exporting)
        inputs = [None if value is None else self._operand(writing, value) for value in node.inputs]
        made = exporter[operator(node)](exporting, writing, *inputs)
        exporting.check_read()
        arrays = [made] if isinstance(made, Array) else list(made)
        for output, array in zip(node.outputs, arrays, strict=False):
            if array is None:
                continue
            kind = output.dtype
            kind = ir.DataType.FLOAT if kind == ir.DataType.BOOL else kind
            self.values[output] = Array(array.entry, output, kind or array.dtype)
            maker = self.made.get(array.entry.node)
            if maker is not None and maker.layer == exporting.layer:
                self._final[array.entry.node] = maker

    def body(
        self,
        graph: ir.Graph,
        outputs: Sequence[ir.Value],
        formal: Sequence[ir.Value],
        owner: Exporting,
    ) -> tuple[Symbol, list[ir.Value | None], list[Array]]:
        """A body's nodes as a symbol.

        MXNet finds the variables by walking from the outputs, and numbers them in that order.

        Returns:
            The symbol; of each of its variables the value it is, None for a parameter that was made on
            the way; and outside, the arrays of those that are not `formal`.
        """
        above = {name: getattr(self, name) for name in OF_A_GRAPH}
        vars(self).update({name: {} for name in OF_A_GRAPH})
        places: dict[ir.Value, Node] = {}
        for value in [*formal, *outside(graph), *graph.initializers.values()]:
            if value not in places:
                kind = value.dtype
                kind = ir.DataType.FLOAT if kind == ir.DataType.BOOL else kind
                places[value] = Node(VARIABLE, f"{value.name}")
                self.values[value] = Array(Entry(places[value]), value, kind)
        for node in graph:
            self._node(node)
        mx = Writing(self, owner)
        arrays: list[Array] = []
        for value in outputs:
            array = self.array(value)
            same = array.entry in [each.entry for each in arrays] or array.entry.node.is_variable
            arrays.append(mx.make("_copy", array) if same else array)
        read = reachable(array.entry.node for array in arrays)
        for value in formal:
            if places[value] not in read:
                arrays[0] = _read_too(mx, arrays[0], outputs[0], self.values[value])
        nodes = reachable(array.entry.node for array in arrays)
        vars(self).update(above)
        self._name(nodes)
        variables = [node for node in nodes if node.is_variable]
        values: dict[Node, ir.Value | None] = {node: value for value, node in places.items()}
        known = [values.get(node) for node in variables]
        handed = [
            self._hoisted(node) if value is None else self.array(value)
            for node, value in zip(variables, known, strict=True)
            if value not in formal
        ]
        return Symbol(nodes, [array.entry for array in arrays]), known, handed

    def _hoisted(self, node: Node) -> Array:
        """A parameter of a body, outside it."""
        return self.parameter(node.name, self.params.pop(node))

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

    def _name(self, nodes: list[Node]) -> None:
        """Layers' names for what ends them, names made of these for the rest."""
        taken = {node.name for node in nodes if node.is_variable and node not in self.params}
        last = {self._final[n].layer: n for n in nodes if n in self._final}
        for node in nodes:
            if node in self._final and last[self._final[node].layer] is node:
                node.name = unique(self._final[node].layer, taken)
        for node in nodes:
            if node in self.params:
                node.name = unique(node.name, taken)
            if node in self.params and node not in self._claimed:
                tensor = self.params[node]
                node.attrs["__shape__"] = text(tensor.shape.numpy())
                node.attrs["__dtype__"] = str(FLAGS[tensor.dtype])
        for node in nodes:
            if not node.name:
                node.name = unique(f"{self.made[node].layer}_{suffix(node.op)}", taken)

    def _tell_values(self, symbol: Symbol, heads: list[Array]) -> None:
        """Say in the file which output holds which values of the source, where the names differ.

        Truth values have another type there, and are left out, but for those that are outputs.
        """
        made = {entry for n in symbol.operators for entry in outputs(n)}
        told: dict[str, list[str]] = {}
        scalars: list[str] = []
        for array in dict.fromkeys([*self.values.values(), *heads]):
            node, index, value = array.entry.node, array.entry.output, array.value
            truth = value is not None and value.dtype == ir.DataType.BOOL and array not in heads
            if value is None or truth or (node, index) not in made:
                continue
            told.setdefault(node.output_name(index), []).append(str(value.name))
            if array.shape == ():
                scalars.append(str(value.name))
        names = {key: list(dict.fromkeys(found)) for key, found in told.items()}
        names = {key: found for key, found in names.items() if found != [key]}
        if names or scalars:
            found = {"names": names, "scalars": sorted(set(scalars))}
            symbol.attrs[VALUES] = ["str", json.dumps(found, ensure_ascii=False)]


def _read_too(mx: Writing, x: Array, value: ir.Value, other: Array) -> Array:
    """x, in such a way that MXNet sees the other one read: plus the sum of as many zeros."""
    nothing = mx.Reshape(mx.sum(mx.zeros_like(other)), shape=(1,) * max(len(value.shape or ()), 1))
    kind = x.dtype or ir.DataType.FLOAT
    return mx.broadcast_add(x, nothing if other.dtype == kind else mx.cast(nothing, kind))


__all__ = ["Scope", "from_ir", "operator"]
