"""What an exporting function writes with, and the writing of one node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.scope import Scope
from mmdnn.frameworks.mxnet.exporter.table import LIFTED, NAMES, Array, ExportedNode, exporter, text
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Node
from mmdnn.tensors import references


class Writer:
    """What an exporting function writes with: `mx.Activation(x, act_type="relu")` makes a node.

    Parameters that are None are left out. A node's name is that of its layer, if it is the one whose
    result the function returns, else one made of it.
    """

    def __init__(self, scope: Scope, node: ExportedNode) -> None:
        self.scope = scope
        self.node = node

    def __getattr__(self, op: str) -> Callable[..., Array]:
        def make(*inputs: Array, **params: Any) -> Array:
            return self.make(op, *inputs, **params)

        return make

    def typed(self, kind: ir.DataType | None, op: str, /, *inputs: Array, **params: Any) -> Array:
        """A node whose output has a type of its own."""
        return Array(self.make(op, *inputs, **params).entry, dtype=kind)

    def make(self, op: str, *inputs: Array, **params: Any) -> Array:
        """A node; its first output."""
        attrs = {name: text(value) for name, value in params.items() if value is not None}
        node = Node(op, "", attrs, [array.entry for array in inputs])
        self.scope.made[node] = self.node
        return Array(Entry(node), dtype=next((x.dtype for x in inputs), None))

    def outputs(self, first: Array, count: int) -> list[Array]:
        """All outputs of a node."""
        return [Array(Entry(first.entry.node, i), dtype=first.dtype) for i in range(count)]

    def weight(self, x: Array, role: str, *, told: bool = True, named: bool = False) -> Array:
        """A parameter by its usual name, `<layer>_<role>`, if nothing has named it yet.

        Args:
            x: The parameter, or an array that is none.
            role: What it is for the layer.
            told: Whether MXNet finds out its shape by the layer's other inputs.
            named: Whether it keeps the name that it has.
        """
        if named:
            self.scope.name(x)
        self.scope.claim(x, f"{self.node.layer}_{role}", told=told)
        return x

    def label(self) -> Array:
        """A variable that only training reads."""
        return Array(Entry(Node(VARIABLE, f"{self.node.layer}_label")), dtype=ir.DataType.FLOAT)

    def parameter(self, role: str, tensor: ir.TensorProtocol, *, auxiliary: bool = False) -> Array:
        """A new parameter, `<layer>_<role>`."""
        return self.scope.parameter(f"{self.node.layer}_{role}", tensor, auxiliary=auxiliary)

    def changed(
        self,
        x: Array,
        role: str,
        function: references.Function,
        shape: Sequence[int],
        how: str = "",
    ) -> Array:
        """A parameter made of another one when it is written."""
        tensor = x.constant
        assert tensor is not None
        key = (x.value, how or role, tuple(shape))
        if key not in self.scope.derived:
            name = self.scope.original(x, "_T") or f"{self.node.layer}_{role}"
            lazy = references.lazy(tensor, function, shape=shape, name=name)
            self.scope.derived[key] = self.scope.parameter(name, lazy)
            self.scope.name(self.scope.derived[key])
        return self.scope.derived[key]

    def constant(self, data: Any, dtype: ir.DataType | None = None, role: str = "const") -> Array:
        """A small constant, as a parameter."""
        array = np.asarray(data)
        if dtype is not None:
            array = array.astype(dtype.numpy())
        return self.parameter(role, ir.tensor(array))

    def truth(self, x: Array) -> Array:
        """What a comparison gives, in the type of truth values."""
        if x.dtype == ir.DataType.FLOAT:
            return x
        return self.typed(ir.DataType.FLOAT, "Cast", x, dtype="float32")

    def cast(self, x: Array, dtype: ir.DataType) -> Array:
        """In this type."""
        if x.dtype == dtype:
            return x
        if dtype not in NAMES:
            self.node.refuse(f"MXNet has no arrays of {dtype.name}")
        return self.typed(dtype, "Cast", x, dtype=NAMES[dtype])


def write(scope: Scope, node: ir.Node) -> None:
    """Write what a node becomes."""
    exported = ExportedNode(node)
    mx = Writer(scope, exported)
    inputs = [None if value is None else _operand(mx, value) for value in node.inputs]
    view = scope.views.of(node)
    if view is not None:
        flat, apart = view.flat
        made = flat if view.joined else apart
    elif node.domain == LIFTED:
        made = scope.lifted[node].write(mx, [array for array in inputs if array is not None])
    else:
        made = exporter.write(exported, mx, *inputs)
    arrays = [made] if isinstance(made, Array) else list(made)
    for output, array in zip(node.outputs, arrays, strict=False):
        if array is None:
            continue
        kind = output.dtype
        kind = ir.DataType.FLOAT if kind == ir.DataType.BOOL else kind
        scope.values[output] = Array(array.entry, output, kind or array.dtype)
        maker = scope.made.get(array.entry.node)
        if maker is not None and maker.layer == exported.layer:
            scope.final[array.entry.node] = maker


def _operand(mx: Writer, value: ir.Value) -> Array:
    """What a function is given for an input: no truth values."""
    array = mx.scope.array(value)
    if array.dtype != ir.DataType.BOOL:
        return array
    cast = mx.cast(array, ir.DataType.FLOAT)
    mx.scope.values[value] = Array(cast.entry, value, ir.DataType.FLOAT)
    return mx.scope.values[value]
