"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Relu", doc="Relu")
    def relu(node, mx, x):
        return mx.Activation(x, act_type="relu")

A function gets the node, the `mx` it writes with, an `Array` for each input (None for one left out), and
the node's attributes by name (see `mmdnn.ir.exporting`). It returns the `Array` of its output, or one
for each output.

MXNet has no booleans but in its NumPy operators: a truth value is 1 or 0 in float32 here. It has no
arrays without axes either: a scalar is an array of one element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Node
from mmdnn.ir import COMPUTED
from mmdnn.ir.exporting import ExportedNode, Exporter, layer_of
from mmdnn.ir.values import constant, numbers, producer
from mmdnn.tensors import references

if TYPE_CHECKING:
    from mmdnn.frameworks.mxnet.exporter.scope import Scope

exporter = Exporter("MXNet")
"""Registers a function `(node, mx, *inputs, **attributes) -> array or arrays` for an ONNX operator."""

Function = Callable[[np.ndarray], np.ndarray]

NAMES = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.DOUBLE: "float64",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.UINT8: "uint8",
    ir.DataType.INT8: "int8",
    ir.DataType.INT32: "int32",
    ir.DataType.INT64: "int64",
    ir.DataType.BOOL: "bool",
}
"""Element types as MXNet's operators name them."""


@dataclass(eq=False)
class Array:
    """A value in the symbol.

    Attributes:
        entry: Which output of which node.
        value: The IR value it holds; None for an intermediate result.
        dtype: Its element type in MXNet, where that is known.
    """

    entry: Entry
    value: ir.Value | None = None
    dtype: ir.DataType | None = None

    @property
    def shape(self) -> tuple[int | str | None, ...] | None:
        """Its dimensions: sizes, names, or None; None as a whole where not even the rank is known."""
        if self.value is None or self.value.shape is None:
            return None
        return tuple(d if isinstance(d, int) else d.value for d in self.value.shape)

    @property
    def rank(self) -> int | None:
        """The number of its axes, where that is known."""
        return None if self.shape is None else len(self.shape)

    @property
    def constant(self) -> ir.TensorProtocol | None:
        """The tensor, where the value is an initializer."""
        return constant(self.value)

    @property
    def is_weight(self) -> bool:
        """Whether it is an initializer that the source had, not one computed here."""
        return (
            self.constant is not None
            and self.value is not None
            and COMPUTED not in self.value.metadata_props
        )

    def producer(self, *types: str) -> ir.Node | None:
        """The node that makes it, if it is one of these operators."""
        return producer(self.value, *types)

    def numbers(self) -> np.ndarray | None:
        """The numbers of a small constant; None for what is not constant, or not small."""
        return numbers(self.value)


class Exporting(ExportedNode):
    """A node on its way to MXNet."""

    def output_shape(self, index: int = 0) -> tuple[int | str | None, ...] | None:
        """The dimensions of an output, where they are known."""
        shape = self.node.outputs[index].shape
        return None if shape is None else tuple(d if isinstance(d, int) else d.value for d in shape)

    def own(self, x: Array | ir.Value | None, *types: str) -> ir.Node | None:
        """The node that makes it, if it is one of these operators and part of the same layer."""
        value = x.value if isinstance(x, Array) else x
        maker = value.producer() if value is not None else None
        if maker is None or maker.domain or maker.op_type not in types:
            return None
        return maker if layer_of(maker) == self.layer else None


class Writing:
    """What an exporting function writes with: `mx.Activation(x, act_type="relu")` makes a node.

    Parameters that are None are left out. A node's name is that of its layer, if it is the one whose
    result the function returns, else one made of it.
    """

    def __init__(self, scope: Scope, node: Exporting) -> None:
        self.scope = scope
        self.node = node

    def __getattr__(self, op: str) -> Callable[..., Array]:
        def make(*inputs: Array, **params: Any) -> Array:
            return self.make(op, *inputs, **params)

        return make

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
        self, x: Array, role: str, function: Function, shape: Sequence[int], how: str = ""
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
        y = self.Cast(x, dtype="float32")
        y.dtype = ir.DataType.FLOAT
        return y

    def cast(self, x: Array, dtype: ir.DataType) -> Array:
        """In this type."""
        if x.dtype == dtype:
            return x
        if dtype not in NAMES:
            self.node.refuse(f"MXNet has no arrays of {dtype.name}")
        y = self.Cast(x, dtype=NAMES[dtype])
        y.dtype = dtype
        return y


def text(value: Any) -> str:
    """A parameter as MXNet's files write it."""
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return str(value)


def number(value: float) -> str:
    """A float: whole numbers without a fraction, infinities as MXNet reads them."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
