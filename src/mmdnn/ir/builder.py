"""Building IR graphs, one operator at a time, with every type and shape known at once.

    builder = Builder("mmdnn.caffe")
    x = builder.input("data", ("batch", 3, 224, 224))
    with builder.layer("conv1", "Convolution"):
        y = builder.op.Conv(x, builder.weight("weight", tensor), kernel_shape=[3, 3])

Shapes come from ONNX's own inference, run on each node as it is made. A batch that may vary is a
symbolic dimension; code that needs its size calls `static`, which raises `NeedsStatic`, and the
importer starts again with the sizes of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import onnx_ir as ir

from mmdnn.ir import COMPUTED, IR_VERSION, LAYER, OPSET, TYPE, UNNAMED
from mmdnn.ir.passes.inference import infer_named
from mmdnn.names import take
from mmdnn.shapes import OpenShape, Shape, closed

Dimension = int | str | None
Dimensions = tuple[Dimension, ...]
Operand = ir.Value | np.ndarray | np.generic | float | Sequence[float] | None


class NeedsStatic(Exception):  # noqa: N818 - a signal between importer and builder, not an error
    """A dimension must be known that the graph leaves open.

    Args:
        name: The value whose dimensions are wanted.
        symbols: The symbolic dimensions that must get a number, where it is known which.
    """

    def __init__(self, name: str | None, symbols: Iterable[str] = ()) -> None:
        self.symbols = frozenset(symbols)
        super().__init__(name)


class Builder:
    """Builds one graph.

    Args:
        domain: Domain of the local functions that the graph may define, e.g. "mmdnn.caffe".
        name: The graph's name.
    """

    def __init__(self, domain: str, name: str = "graph") -> None:
        self.domain = domain
        self.graph = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name=name)
        self.functions: dict[tuple[str, str, str], ir.Function] = {}
        self._function_keys: dict[tuple[str, str, tuple[str, ...]], str] = {}
        self.op = Op(self)
        self._names: set[str] = set()
        self._layer = ""
        self._origin: dict[str, str] = {}

    @contextmanager
    def layer(self, name: str, type_: str, *, named: bool = True) -> Iterator[None]:
        """Nodes made inside are recorded as coming from this layer.

        Args:
            name: The layer's name.
            type_: What its framework calls a layer of its kind.
            named: Whether somebody has given it that name; else its framework numbers layers.
        """
        before = self._layer, self._origin
        self._layer = name
        self._origin = {LAYER: name, TYPE: type_, **({} if named else {UNNAMED: "yes"})}
        try:
            yield
        finally:
            self._layer, self._origin = before

    def unique(self, name: str) -> str:
        """`name`, or `name_1`, `name_2`, ... where it is taken."""
        return take(name, self._names)

    def reserve(self, names: Sequence[str]) -> None:
        """Keep these names for values that will be named later by `rename`."""
        self._names.update(names)

    def input(
        self, name: str, shape: Sequence[Dimension], dtype: ir.DataType = ir.DataType.FLOAT
    ) -> ir.Value:
        """A graph input."""
        value = ir.val(name, dtype=dtype, shape=ir.Shape(shape))
        self._names.add(name)
        self.graph.inputs.append(value)
        return value

    def weight(self, name: str, tensor: ir.TensorProtocol) -> ir.Value:
        """A weight of the layer, as the initializer `<layer>.<name>`; the tensor is not read."""
        return self.initializer(f"{self._layer}.{name}" if self._layer else name, tensor)

    def initializer(
        self, name: str, tensor: ir.TensorProtocol, *, like: ir.Value | None = None
    ) -> ir.Value:
        """An initializer of this name, with a number where it is taken; the tensor is not read.

        Args:
            name: The name; the tensor has it from then on, too.
            tensor: The numbers.
            like: What it is made of, whose metadata it has.
        """
        tensor.name = self.unique(name)
        value = ir.val(tensor.name, const_value=tensor)
        value.metadata_props.update(like.metadata_props if like is not None else {})
        self.graph.initializers[tensor.name] = value
        return value

    def constant(self, data: Any, dtype: Any = None) -> ir.Value:
        """A small constant, as an initializer."""
        array, name = np.asarray(data, dtype), self.unique(f"{self._layer}/const")
        value = ir.val(name, const_value=ir.tensor(array, name=name))
        value.metadata_props[COMPUTED] = "yes"
        self.graph.initializers[name] = value
        return value

    def node(
        self,
        op_type: str,
        inputs: Sequence[Operand],
        attributes: Mapping[str, Any],
        *,
        domain: str = "",
        outputs: int = 1,
    ) -> tuple[ir.Value, ...]:
        """Append a node and infer its outputs' types and shapes.

        Raises:
            ShapeError: The operator does not accept inputs of these shapes.
        """
        layer = self._layer
        dtype = next((v.dtype for v in inputs if isinstance(v, ir.Value)), None)
        node = ir.node(
            op_type,
            [self._operand(value, dtype) for value in inputs],
            {key: value for key, value in attributes.items() if value is not None},
            domain=domain,
            num_outputs=outputs,
            name=self.unique(f"{layer}/{op_type}" if layer else op_type),
            metadata_props=dict(self._origin) if layer else None,
        )
        for output in node.outputs:
            output.name = self.unique(str(node.name))
        if domain == "":
            infer_named(node)
        self.graph.append(node)
        return tuple(node.outputs)

    def function(
        self,
        name: str,
        inputs: Sequence[ir.Value],
        attributes: Mapping[str, Any],
        body: Callable[..., Sequence[ir.Value] | ir.Value],
        domain: str | None = None,
    ) -> tuple[ir.Value, ...]:
        """Append a call of a local function whose body is standard ONNX.

        The body is built for these attributes and input shapes; a call with others gets an
        overload of its own. The attributes stay on the node for exporters that know the name. The
        domain is the builder's, unless it is said.
        """
        domain = domain or self.domain
        kept = {key: value for key, value in attributes.items() if value is not None}
        key = (name, repr(sorted(kept.items())), tuple(f"{v.dtype} {v.shape}" for v in inputs))
        inner = Builder(domain, name)
        parameters = [_parameter(inner, f"input_{i}", value) for i, value in enumerate(inputs)]
        results = body(inner.op, *parameters)
        results = [results] if isinstance(results, ir.Value) else list(results)
        inner.graph.outputs.extend(results)
        if key not in self._function_keys:
            taken = sum(other[0] == name for other in self._function_keys)
            unique = name if not taken else f"{name}_{taken + 1}"
            self._function_keys[key] = unique
            function = function_of(inner.graph, domain, unique, kept)
            self.functions[function.identifier()] = function
            self.graph.opset_imports[domain] = 1
        outputs = self.node(
            self._function_keys[key], inputs, kept, domain=domain, outputs=len(results)
        )
        for output, result in zip(outputs, results, strict=True):
            output.shape, output.type = result.shape, result.type
        return outputs

    def rename(self, value: ir.Value, name: str) -> None:
        """Give a value the name it had in the source."""
        self._names.add(name)
        value.name = name

    def model(self, **metadata: str) -> ir.Model:
        """The finished model."""
        return ir.Model(
            self.graph,
            ir_version=IR_VERSION,
            producer_name="mmdnn",
            functions=list(self.functions.values()),
            metadata_props=metadata,
        )

    def _operand(self, value: Operand, dtype: ir.DataType | None) -> ir.Value | None:
        if value is None or isinstance(value, ir.Value):
            return value
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype((dtype or ir.DataType.FLOAT).numpy())
        return self.constant(array)


class Operator(Protocol):
    """Makes a node of one output."""

    def __call__(self, *inputs: Operand, **attributes: Any) -> ir.Value:
        """The node's output."""


class OperatorOfSeveral(Protocol):
    """Makes a node of several outputs."""

    def __call__(self, *inputs: Operand, **attributes: Any) -> tuple[ir.Value, ...]:
        """The node's outputs."""


class Op:
    """`op.Conv(x, w, kernel_shape=[3, 3])`: one method for each ONNX operator.

    Python numbers, lists and arrays among the inputs become constants (floats in the type of the
    first tensor). Attributes that are None are left out. `op["Conv"]` is `op.Conv`.
    """

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def __getattr__(self, op_type: str) -> Operator:
        return self[op_type]

    def __getitem__(self, op_type: str) -> Operator:
        return lambda *inputs, **attributes: self.builder.node(op_type, inputs, attributes)[0]

    def outputs(self, count: int) -> OpOfSeveral:
        """`op.outputs(3).Split(x)`: the same methods, which return that many outputs."""
        return OpOfSeveral(self.builder, count)


class OpOfSeveral:
    """`op.outputs(n)`."""

    def __init__(self, builder: Builder, count: int) -> None:
        self.builder = builder
        self.count = count

    def __getattr__(self, op_type: str) -> OperatorOfSeveral:
        return self[op_type]

    def __getitem__(self, op_type: str) -> OperatorOfSeveral:
        return lambda *inputs, **attributes: self.builder.node(
            op_type, inputs, attributes, outputs=self.count
        )


def shape(value: ir.Value) -> OpenShape:
    """The value's dimensions, None where they are open.

    Raises:
        NeedsStatic: Not even the rank is known.
    """
    if value.shape is None:
        raise NeedsStatic(value.name)
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


def static(value: ir.Value) -> Shape:
    """The value's dimensions, all of them known.

    Raises:
        NeedsStatic: One is not.
    """
    dims = dimensions(value)
    sizes = closed(dims)
    if sizes is None:
        raise NeedsStatic(value.name, [dim for dim in dims if isinstance(dim, str)])
    return sizes


def dimensions(value: ir.Value) -> Dimensions:
    """The value's dimensions: numbers, the names of symbolic ones, None where nothing is known.

    Raises:
        NeedsStatic: Not even the rank is known.
    """
    if value.shape is None:
        raise NeedsStatic(value.name)
    return tuple(dim if isinstance(dim, int) else dim.value for dim in value.shape)


def rank(value: ir.Value) -> int:
    """The number of its axes.

    Raises:
        NeedsStatic: It is not known.
    """
    return len(dimensions(value))


def known(value: ir.Value, axis: int) -> int:
    """The size of one axis.

    Raises:
        NeedsStatic: It is open.
    """
    dim = dimensions(value)[axis]
    if not isinstance(dim, int):
        raise NeedsStatic(value.name, [dim] if dim else [])
    return dim


def _parameter(inner: Builder, name: str, value: ir.Value) -> ir.Value:
    parameter = inner.input(name, [])
    parameter.type, parameter.shape = value.type, value.shape
    return parameter


def function_of(
    graph: ir.Graph, domain: str, name: str, attributes: Mapping[str, Any]
) -> ir.Function:
    """A graph as a local function; it is the function's from then on.

    Functions have no initializers, so constants become nodes; attributes have no defaults.
    """
    for value in list(graph.initializers.values()):
        node = ir.node(
            "Constant", [], {"value": value.const_value}, outputs=[_detached(graph, value)]
        )
        graph.insert_before(graph[0], node) if len(graph) else graph.append(node)
    declared = [ir.Attr(key, ir.AttributeType.UNDEFINED, None) for key in attributes]
    return ir.Function(domain, name, graph=graph, attributes=declared)


def _detached(graph: ir.Graph, value: ir.Value) -> ir.Value:
    del graph.initializers[str(value.name)]
    fresh = ir.Value(name=value.name, shape=value.shape, type=value.type)
    value.replace_all_uses_with(fresh)
    return fresh
