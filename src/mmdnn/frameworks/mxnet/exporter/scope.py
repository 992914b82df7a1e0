"""What the functions of the table write into."""

from __future__ import annotations

import re
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Node
from mmdnn.frameworks.mxnet.reader.ndarray import FLAGS
from mmdnn.ir.lifting.proposals import Lifted
from mmdnn.ir.recurrent.views import Views
from mmdnn.tensors import references

FIXED = "_fixed"
"""Ends the name of the ones that stand in for a gamma that MXNet does not use."""


class Scope:
    """What the functions of the table write into.

    Attributes:
        lifted: The operators that are written as they were.
        made: Every operator's node, and the IR node it was made for, in order.
        values: What holds each IR value.
        derived: Parameters made of others, by what and how.
        params: Tensor of each parameter's node.
        stacks: Recurrent layers, by the nodes they have become.
        views: What recurrent layers gave, as they gave it, and with the directions apart.
        auxiliary: Which of the parameters are running statistics.
        claimed: Parameters whose shapes MXNet finds out.
        named: Parameters that have their name.
        final: What ends a layer, by its node.
        cuts: What is a part of an array along the first axis: that array, which part, and of how many.
    """

    def __init__(self, model: ir.Model, lifted: Lifted[Any]) -> None:
        self.model = model
        self.lifted = lifted
        self.keeps_names = model.metadata_props.get("mmdnn.framework") == "mxnet"
        self.made: dict[Node, ExportedNode] = {}
        self.values: dict[ir.Value, Array] = {}
        self.derived: dict[Any, Array] = {}
        self.params: dict[Node, ir.TensorProtocol] = {}
        self.stacks: dict[Node, Any] = {}
        self.views: Views[tuple[Array, Array]] = Views()
        self.cuts: dict[Entry, tuple[Array, int, int]] = {}
        self.auxiliary: set[Node] = set()
        self.claimed: set[Node] = set()
        self.named: set[Node] = set()
        self.final: dict[Node, ExportedNode] = {}

    def array(self, value: ir.Value) -> Array:
        """What holds an IR value; constants become parameters when they are first read."""
        if value not in self.values:
            tensor = value.const_value
            assert tensor is not None, value.name
            made = self.parameter(str(value.name), tensor)
            self.values[value] = Array(made.entry, value, made.dtype)
        return self.values[value]

    def give_up(self, node: ir.Node) -> None:
        """Go on behind a node that is refused."""
        for output in node.outputs:
            made = Array(Entry(Node(VARIABLE, str(output.name))), output, output.dtype)
            self.values.setdefault(output, made)

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
