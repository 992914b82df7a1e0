"""What an exporting function writes with, and the writing of one node."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.keras.graph import Call, Layer, Tensor
from mmdnn.ir import IR_VERSION, OPSET
from mmdnn.ir.exporting import shortest
from mmdnn.ir.sizes import Dim, Size, trace
from mmdnn.names import take
from mmdnn.tensors import references

_CALLED = {"ops.Pad": ("constant_values",)}
"""Parameters that an operation is called with, not made with."""

_JOINED = {ir.DataType.BOOL: "LogicalOr"}
"""What leaves a constant as it is, with a zero."""

LARGEST = 1 << 21
"""Elements of a constant that is written into the config, at most."""


class Scope:
    """What the functions of the table write into.

    Attributes:
        layers: What has been made, in order.
        values: What holds each IR value.
        makers: The layer's node, by layer.
    """

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.layers: list[Layer] = []
        self.values: dict[ir.Value, Array] = {}
        self.makers: dict[Layer, ExportedNode] = {}
        self.names: set[str] = set()

    def array(self, value: ir.Value) -> Array:
        """What holds an IR value."""
        if value not in self.values:
            self.values[value] = Array.of(value)
        return self.values[value]

    def name(self, wish: str) -> str:
        """A free name for a layer; Keras allows no slash in it."""
        return take(re.sub(r"[^\w.-]", "_", wish) or "layer", self.names)

    def give_up(self, node: ir.Node) -> None:
        """Go on behind a node that is refused."""
        for output in node.outputs:
            self.values.setdefault(output, Array.of(output, Tensor(Layer("", ""))))


class Ops:
    """`keras.ops.Add(a, b)`: a node of `keras.ops`, by the class of the operation."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Callable[..., Array]:
        return self[name]

    def __getitem__(self, name: str) -> Callable[..., Array]:
        return lambda *args, **config: self._writer.make(f"ops.{name}", args, config)


class Writer:
    """What an exporting function writes with: `keras.layer("Dense", x, units=3)` makes a layer.

    Attributes:
        scope: What it writes into.
        node: The node that is written.
        ops: Operations on tensors.
    """

    def __init__(self, scope: Scope, node: ExportedNode) -> None:
        self.scope = scope
        self.node = node
        self.ops = Ops(self)

    def layer(
        self,
        type_: str,
        /,
        *args: Any,
        weights: Mapping[str, ir.TensorProtocol] | None = None,
        **config: Any,
    ) -> Array:
        """A layer of that class, called; its first output.

        Args:
            type_: The class.
            args: What it is called with.
            weights: Its variables by name.
            config: Its parameters; those that are None are left out.
        """
        if "dtype" not in config and self.node.policy:
            config["dtype"] = self.node.policy
        return self.make(type_, args, config, weights)

    def make(
        self,
        type_: str,
        args: Sequence[Any],
        config: Mapping[str, Any],
        weights: Mapping[str, ir.TensorProtocol] | None = None,
    ) -> Array:
        """A layer or operation, called; its first output."""
        said = {name: value for name, value in config.items() if value is not None}
        if not any(map(_is_computed, args)):
            return self._folded(type_.removeprefix("ops."), args, said)
        layer = Layer(type_, "", said, type_.removeprefix("ops."), weights=dict(weights or {}))
        kwargs = {name: said.pop(name) for name in _CALLED.get(type_, ()) if name in said}
        layer.calls.append(Call(tuple(self._argument(each) for each in args), kwargs))
        self.scope.layers.append(layer)
        self.scope.makers[layer] = self.node
        kind = next((x.dtype for x in args if isinstance(x, Array)), None)
        return Array(Tensor(layer), dtype=kind)

    def _folded(self, name: str, args: Sequence[Any], config: Mapping[str, Any]) -> Array:
        """What an operation gives of constants alone: Keras's networks have no such nodes."""
        function = getattr(np, _schema.snake(name), None)
        known = [x.numbers() if isinstance(x, Array) else x for x in args]
        if function is None or any(x is None for x in known):
            self.node.refuse("it is computed of constants alone")
        array = np.asarray(function(*known, **config))
        value = ir.Value(const_value=ir.tensor(array), shape=ir.Shape(array.shape))
        value.type = ir.TensorType(ir.DataType.from_numpy(array.dtype))
        return Array.of(value)

    def outputs(self, first: Array, count: int) -> list[Array]:
        """All outputs of a layer."""
        assert first.tensor is not None
        layer = first.tensor.layer
        return [Array(Tensor(layer, 0, place), dtype=first.dtype) for place in range(count)]

    def _argument(self, x: Any) -> Any:
        """A tensor, a number, an array, or a list of such."""
        if isinstance(x, (list, tuple)):
            return [self._argument(each) for each in x]
        if not isinstance(x, Array):
            return x
        return x.tensor if x.tensor is not None else self._constant(x)

    def _constant(self, x: Array) -> Any:
        tensor = x.constant
        if tensor is None:
            self.node.refuse("it reads the size of a tensor, which Keras's networks do not have")
        if tensor.size > LARGEST:
            self.node.refuse(f"a constant of {tensor.size:,} numbers that no layer holds")
        return tensor

    def tensor(self, x: Array) -> Array:
        """A tensor; a constant as one that is computed of an input, as all tensors of a network are."""
        if x.tensor is not None:
            return x
        like = next((a for a in self.scope.values.values() if a.tensor is not None), None)
        if like is None or x.constant is None:
            self.node.refuse("it depends on no input")
        zero = self.ops.Sum(self.ops.ZerosLike(self.ops.Cast(like, dtype="float32")))
        kind = x.constant.dtype
        made = self.ops[_JOINED.get(kind, "Add")](x, self.ops.Cast(zero, dtype=self.named(kind)))
        made.dtype = kind
        return made

    def zeros(self, sizes: Sequence[Size], kind: ir.DataType) -> Array | None:
        """Zeros of sizes of which one is that of an axis of a tensor; None where all are numbers."""
        opens = [place for place, size in enumerate(sizes) if not isinstance(size, int)]
        if not opens:
            return None
        size = sizes[opens[0]]
        if len(opens) > 1 or not isinstance(size, Dim) or size.value not in self.scope.values:
            self.node.refuse("it grows to sizes that are not those of one tensor's axis")
        x = self.scope.values[size.value]
        key = tuple(slice(None) if axis == size.axis else slice(1) for axis in range(x.rank or 0))
        flat = self.ops.Cast(self.ops.ZerosLike(self.ops.GetItem(x, key)), dtype=self.named(kind))
        return self.ops.Reshape(
            flat, newshape=[-1 if p == opens[0] else 1 for p in range(len(sizes))]
        )

    def number(self, x: Array | None) -> float | int | bool | None:
        """The number that a constant without axes is, as Python writes it."""
        found = None if x is None else x.numbers()
        if found is None or found.size != 1:
            return None
        number = found.reshape(-1)[0]
        if found.dtype.kind == "f":
            return shortest(float(number)) if found.dtype == np.float32 else float(number)
        return bool(number) if found.dtype.kind == "b" else int(number)

    def cast(self, x: Array, kind: ir.DataType) -> Array:
        """In this type."""
        if x.dtype == kind:
            return x
        made = self.ops.Cast(x, dtype=self.named(kind))
        made.dtype = kind
        return made

    def named(self, kind: ir.DataType) -> str:
        """What Keras calls a type; refused where it has none."""
        if kind not in NAMES:
            self.node.refuse(f"Keras has no tensors of {kind.name}")
        return NAMES[kind]

    def zeros_like(self, shape: Sequence[int], kind: np.dtype | type = np.float32) -> np.ndarray:
        """Zeros, as a constant."""
        return np.zeros(shape, kind)


def _is_computed(x: Any) -> bool:
    """Whether there is a tensor among arguments."""
    if isinstance(x, (list, tuple)):
        return any(map(_is_computed, x))
    return isinstance(x, Array) and x.tensor is not None


def _computed(node: ExportedNode) -> list[np.ndarray]:
    """What a node gives of constants alone: Keras's networks have no such nodes."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    given = [value for value in dict.fromkeys(node.node.inputs) if value is not None]
    tensors = [value.const_value for value in given]
    if node.node.domain or sum(tensor.size for tensor in tensors if tensor is not None) > LARGEST:
        node.refuse("it is computed of large constants alone")
    proto = onnx.NodeProto()
    proto.CopyFrom(ir.serde.serialize_node(node.node))
    graph = onnx.GraphProto(name="constants")
    graph.node.append(proto)
    graph.input.extend(onnx.ValueInfoProto(name=str(value.name)) for value in given)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in proto.output if name)
    model = onnx.ModelProto(graph=graph, ir_version=IR_VERSION)
    model.opset_import.add(domain="", version=OPSET)
    feeds = {str(v.name): references.read(t) for v, t in zip(given, tensors, strict=True) if t}
    try:
        return list(ReferenceEvaluator(model).run(None, feeds))
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        node.refuse(f"it is computed of constants alone, and cannot be here: {error}")


def write(scope: Scope, node: ir.Node) -> None:
    """Write what a node becomes."""
    exported = ExportedNode(node)
    keras = Writer(scope, exported)
    inputs = [None if value is None else scope.array(value) for value in node.inputs]
    if not any(value.is_graph_output() for value in node.outputs) and all(map(trace, node.outputs)):
        return  # sizes, which whoever reads them finds out for himself
    if node.inputs and all(x is None or x.constant is not None for x in inputs):
        for output, known in zip(node.outputs, _computed(exported), strict=True):
            output.const_value = ir.tensor(known, name=output.name)
        return
    made = exporter.write(exported, keras, *inputs)
    arrays = [made] if isinstance(made, Array) else list(made)
    for output, array in zip(node.outputs, arrays, strict=False):
        if array is None:
            continue
        if array.tensor is None and array.value is None:
            raise UnsupportedError("it is a constant", layer=exported.layer, operator=exported.type)
        scope.values[output] = Array.of(output, array.tensor)
        if array.tensor is None:
            scope.values[output].value = array.value
