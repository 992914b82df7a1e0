"""The table of TensorFlow Lite's operators, and what an importing function is given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.graph import Model, Operator, Quantization, Subgraph, Tensor
from mmdnn.frameworks.tflite.importer.quantized import (
    dequantized,
    empty,
    in_floats,
    is_quantized,
    quantized,
)
from mmdnn.ir import importing, values
from mmdnn.ir.builder import Builder, NeedsStatic, Op, rank
from mmdnn.ir.folding import FoldingBuilder, open_sizes
from mmdnn.ir.operators import Entry
from mmdnn.ir.sizes import trace
from mmdnn.tensors import references

DOC = "https://www.tensorflow.org/mlir/tfl_ops"

importer = importing.Importer("TensorFlow Lite")
"""Registers a function `(node, op, *inputs) -> output or outputs` for an operator."""

Value: TypeAlias = ir.Value

_WITHOUT_EFFECT = {
    "asymmetric_quantize_inputs", "quantized_bias_type", "fused_activation_function",
}  # fmt: skip
"""Options of the quantised kernels, or that say again what tensors say."""
_MOVES = {
    "RESHAPE", "TRANSPOSE", "GATHER", "GATHER_ND", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "SQUEEZE",
    "EXPAND_DIMS", "PACK", "UNPACK", "CONCATENATION", "TILE", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE",
    "REVERSE_V2", "BROADCAST_TO", "EMBEDDING_LOOKUP", "REVERSE_SEQUENCE", "RESIZE_NEAREST_NEIGHBOR",
    "MIRROR_PAD", "DYNAMIC_UPDATE_SLICE", "IF", "WHILE", "SCATTER_ND",
}  # fmt: skip
"""Operators that only move numbers, whatever these stand for, where all are quantised alike."""
_RECURRENT = {
    "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "RNN", "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN",
}  # fmt: skip
"""Operators whose activation is one of their parts."""
_HYBRID = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "EMBEDDING_LOOKUP", *_RECURRENT}
"""Operators that have kernels for floats with weights of int8."""
_COMPLEX = {"RFFT2D", "COMPLEX_ABS", "REAL", "IMAG"}
_COMPLEX_TYPES = {ir.DataType.COMPLEX64, ir.DataType.COMPLEX128}
_NOT_FUSED = {"TANH", "SIGN_BIT"}
"""Activations that a file can say to be fused and that the interpreter leaves out."""
BOUNDS = {"RELU": (0.0, None), "RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}


class GraphImporter(importing.GraphImporter):
    """A subgraph on its way in.

    Attributes:
        model: The whole model.
        subgraph: The subgraph.
        prefix: What the names of its values begin with.
        tensors: Values by the numbers of tensors.
        unfused: Operators whose fused activation the interpreter leaves out.
    """

    root: Builder

    def __init__(
        self,
        model: Model,
        subgraph: Subgraph,
        prefix: str = "",
        builder: Builder | None = None,
    ) -> None:
        super().__init__(builder or FoldingBuilder("mmdnn.tflite"), model.files.network)
        self.model = model
        self.subgraph = subgraph
        self.prefix = prefix
        self.tensors: dict[int, Value] = {}
        self.unfused: list[str] = []

    def body(self, number: int, prefix: str) -> GraphImporter:
        """Another subgraph, as the body of an operator."""
        subgraph = self.model.subgraphs[number]
        inner = GraphImporter(self.model, subgraph, prefix, self.loop(f"{prefix}{subgraph.name}"))
        inner.root, inner.sources, inner.unfused = self.root, self.sources, self.unfused
        return inner

    def loop(self, name: str) -> FoldingBuilder:
        """A body of our own; its values have names of their own in the whole graph."""
        builder = FoldingBuilder("mmdnn.tflite", self.builder.unique(name))
        builder._names = self.builder._names
        return builder

    def value(self, number: int) -> Value | None:
        """A tensor as it stands, integers where it is quantised; None where nothing gives it."""
        tensor = self.subgraph.tensors[number]
        if number not in self.tensors:
            data = tensor.data if 0 not in tensor.shape else empty(tensor)
            if data is not None:
                self.tensors[number] = self.root.initializer(f"{self.prefix}{tensor.name}", data)
        return self.tensors.get(number)

    def real(self, op: Op, value: Value, how: Quantization) -> Value:
        """The numbers that a quantised value stands for."""
        return self.once((value, "real"), lambda: dequantized(self, op, value, how))


class ImportedNode(importing.ImportedLayer):
    """An operator on its way in.

    Attributes:
        operator: The operator of the native graph.
        graph: What it is a part of.
        given: Its inputs as they stand.
    """

    graph: GraphImporter
    parameter_is = "option"

    def __init__(self, operator: Operator, name: str, graph: GraphImporter) -> None:
        super().__init__(name, operator.type, graph)
        self.operator = operator
        self.taken: set[str] = set()
        self.given: list[Value | None] = []

    def tensor(self, place: int) -> Tensor | None:
        """The tensor that an input is."""
        inputs = self.operator.inputs
        number = inputs[place] if place < len(inputs) else None
        return None if number is None else self.graph.subgraph.tensors[number]

    @property
    def results(self) -> list[Tensor]:
        """The tensors that its outputs are."""
        return [self.graph.subgraph.tensors[number] for number in self.operator.outputs]

    def parameter(self, name: str) -> Any:
        """An option, or its default."""
        self.taken.add(name)
        default = _schema.defaults(self.operator.table).get(name)
        value = self.operator.options.get(name, default)
        if name == "padding":
            if value is None:
                self.unfit("its options are missing")
            if not 0 <= value < len(_schema.PADDINGS):
                self.refuse(f"its padding is number {value}")
            return _schema.PADDINGS[value]
        return 0 if value is None and not name.endswith("shape") else value

    def unread(self) -> Mapping[str, object]:
        """Options that are not the default and that nobody has taken."""
        known = _schema.defaults(self.operator.table)
        return {
            name: value
            for name, value in self.operator.options.items()
            if name not in self.taken | _WITHOUT_EFFECT and not np.array_equal(value, known[name])
        }

    @property
    def moves(self) -> bool:
        """Whether it moves integers, whatever they stand for."""
        if self.type not in _MOVES:
            return False
        tensors = [self.tensor(place) for place in range(len(self.operator.inputs))]
        how = {t.quantization for t in [*tensors, *self.results] if is_quantized(t) and t}
        first = next(iter(how), None)
        return first is None or all(first.same(each) for each in how)

    def call(self, entry: Entry, inputs: Sequence[Any]) -> list[Any]:
        """What a function of the table makes of it: activation and quantisation are looked after."""
        self.given, op = list(inputs), self.builder.op
        self._check_complex()
        moves = self.moves or self.type in {"QUANTIZE", "DEQUANTIZE"}
        reals = [x if moves else self.real(place) for place, x in enumerate(self.given)]
        self._check_there(entry, reals)
        fused = 0 if self.type in _RECURRENT else self.parameter("fused_activation_function")
        found = super().call(entry, reals)
        if fused:
            found[0] = activated(self, op, found[0], fused)
        if not moves:
            pairs = zip(found, self.results, strict=False)
            found = [quantized(self, op, value, tensor) for value, tensor in pairs]
        return found

    def real(self, place: int) -> Value | None:
        """An input as the numbers that it stands for."""
        value, tensor = self.given[place], self.tensor(place)
        if value is None or tensor is None or not is_quantized(tensor):
            return value
        if self.type in _HYBRID and tensor.dtype == ir.DataType.UINT8 and not self._has_integers:
            value = self._signed(value, tensor)
        assert tensor.quantization is not None
        if self.type in _HYBRID and not self._has_integers:
            changed = in_floats(self.graph, value, tensor.quantization)
            if changed is not None:
                return changed
        return self.graph.real(self.builder.op, value, tensor.quantization)

    def stored(self, place: int) -> ir.TensorProtocol | None:
        """A weight as floats, changed when it is written; None where it is absent.

        Raises:
            UnsupportedError: It is computed.
        """
        tensor = self.tensor(place)
        if tensor is None:
            return None
        held = values.constant(self.given[place])
        if held is None:
            self.refuse(f"its weight '{tensor.name}' is computed")
        if is_float(self.given[place]):
            return held
        how = tensor.quantization
        if how is None or len(how.scale) != 1:
            self.refuse(f"its weight '{tensor.name}' is quantised by channel, or not at all")
        signed = tensor.dtype == ir.DataType.UINT8 and not self._has_integers

        def real(array: np.ndarray) -> np.ndarray:
            numbers = array.view(np.int8) if signed else array
            return np.asarray((numbers - how.zero_point) * how.scale.astype(np.float64), np.float32)

        return references.lazy(held, real, dtype=ir.DataType.FLOAT)

    def _check_there(self, entry: Entry, inputs: Sequence[Value | None]) -> None:
        """Refuse an operator that lacks an input which its function must have."""
        parameters = list(inspect.signature(entry.function).parameters.values())[2:]
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        taken = [p for p in parameters if p.kind in kinds]
        for place, value in enumerate(inputs):
            parameter = taken[min(place, len(taken) - 1)] if taken else None
            if value is None and parameter is not None and parameter.annotation == "Value":
                self.unfit(f"its input {place} is missing")

    def _check_complex(self) -> None:
        """Complex numbers are pairs here, which few operators take as such."""
        read = [self.tensor(place) for place in range(len(self.operator.inputs))]
        for tensor in read if self.type not in _COMPLEX else []:
            if tensor is not None and tensor.dtype in _COMPLEX_TYPES:
                self.refuse("it computes with complex numbers")

    @property
    def _has_integers(self) -> bool:
        """Whether it computes with integers: what it reads and gives is quantised."""
        return any(
            tensor.quantization is not None and is_quantized(tensor) for tensor in self.results
        )

    def _signed(self, value: Value, tensor: Tensor) -> Value:
        """Weights of a kernel for floats, which are of int8 although the file says uint8."""
        held, how = tensor.data, tensor.quantization
        if not isinstance(held, ir.ExternalTensor) or how is None or how.zero_point.any():
            self.refuse(f"its weights '{tensor.name}' are of uint8, and its input of floats")
        found = references.external(
            held.path,
            held.offset or 0,
            held.nbytes,
            ir.DataType.INT8,
            held.shape.numpy(),
            tensor.name,
        )
        return self.graph.once(
            (value, "signed"), lambda: self.graph.root.initializer(str(value.name), found)
        )

    def numbers(self, value: Value, what: str = "one of its inputs") -> np.ndarray:
        """The numbers of a constant.

        Raises:
            NeedsStatic: It depends on sizes that are open.
            UnsupportedError: It is computed from the model's inputs.
        """
        found = values.numbers(value)
        if found is None:
            open_ = open_sizes(trace(value))
            if open_:
                raise NeedsStatic(self.name, open_)
            self.refuse(f"{what} is computed")
        return found

    def ints(self, value: Value, what: str = "one of its inputs") -> list[int]:
        """The numbers of a constant, as a list."""
        return [int(number) for number in self.numbers(value, what).reshape(-1)]


def activated(node: ImportedNode, op: Op, x: Value, number: int) -> Value:
    """What a fused activation makes of an operator's result; the interpreter only fuses bounds."""
    name = _schema.named("activations", number)
    if name in _NOT_FUSED:
        node.graph.unfused.append(node.name)
        return x
    return clipped(node, op, x, name or str(number))


def clipped(node: ImportedNode, op: Op, x: Value, name: str) -> Value:
    """An activation by its name."""
    if name == "NONE":
        return x
    if name == "TANH":
        return op.Tanh(x)
    if name not in BOUNDS:
        node.refuse(f"its activation is {name}")
    low, high = BOUNDS[name]
    if not is_float(x):
        y = op.Max(x, like(low, x))
        return y if high is None else op.Min(y, like(high, x))
    return op.Relu(x) if high is None else op.Clip(x, like(low, x), like(high, x))


def as_type(op: Op, x: Value, kind: ir.DataType | None) -> Value:
    """A value in a type; as it is where it has it."""
    return x if kind is None or x.dtype == kind else op.Cast(x, to=kind)


def is_float(x: Value | None) -> bool:
    """Whether its numbers are floats."""
    return x is not None and x.dtype is not None and x.dtype.is_floating_point()


def like(data: Any, x: Value) -> np.ndarray:
    """Numbers in the type of a value."""
    return np.asarray(data, (x.dtype or ir.DataType.FLOAT).numpy())


def first(op: Op, x: Value) -> Value:
    """An image with its channels behind the batch."""
    count = rank(x)
    return op.Transpose(x, perm=[0, count - 1, *range(1, count - 1)])


def last(op: Op, x: Value) -> Value:
    """What `first` gave, as it was."""
    return op.Transpose(x, perm=[0, *range(2, rank(x)), 1])


def same(table: Mapping[str, str], **attributes: Any) -> None:
    """Register operators that are one of ONNX's as they stand, by TensorFlow Lite's name."""
    for name in table:

        @importer(name, doc=DOC)
        def function(node: ImportedNode, op: Op, *inputs: Value) -> Value:
            return op[table[node.type]](*inputs, **attributes)
