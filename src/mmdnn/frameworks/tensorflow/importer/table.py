"""The table of TensorFlow's operators, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Graph, Model, Node, operators
from mmdnn.ir import importing, values
from mmdnn.ir.builder import Builder, NeedsStatic, Op, rank
from mmdnn.ir.operators import Entry
from mmdnn.ir.passes import folding
from mmdnn.ir.passes.inference import infer_named
from mmdnn.ir.sizes import Dim, Size, Term, trace

RAW = "https://www.tensorflow.org/api_docs/python/tf/raw_ops"

importer = importing.Importer("TensorFlow")
"""Registers a function `(node, op, *inputs) -> output or outputs` for an operator."""

Value: TypeAlias = ir.Value

SYNTHETIC = "_synthetic"
"""The attribute of nodes that are none of the file's."""


@dataclass(frozen=True)
class Complex:
    """A tensor of complex numbers: their real parts, and their imaginary ones."""

    real: Value
    imaginary: Value


class FoldingBuilder(Builder):
    """A builder that computes what is known: shapes, and the numbers that are made of them."""

    def node(
        self,
        op_type: str,
        inputs: Sequence[Any],
        attributes: Mapping[str, Any],
        *,
        domain: str = "",
        outputs: int = 1,
    ) -> tuple[Value, ...]:
        """Append a node; what it gives is a constant as well where that is known."""
        made = super().node(op_type, inputs, attributes, domain=domain, outputs=outputs)
        node = made[0].producer()
        if domain or node is None:
            return made
        targets = [value.const_value for value in node.inputs[1:2] if value is not None]
        found = folding.fold(node)
        if found is None:
            found = folding.fold_sizes(node)
        if found is not None:
            tensor = found if not isinstance(found, np.ndarray) else ir.tensor(found)
            made[0].const_value = tensor
            made[0].shape = ir.Shape(tensor.shape.numpy())
        if node.op_type == "Reshape" and not targets[0] and values.constant(node.inputs[1]):
            infer_named(node)
        _size(node)
        return made


_SIZED = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0}
"""Where the operators that make a value of a shape read that."""


def _size(node: ir.Node) -> None:
    """The dimensions of a value whose shape is computed, as far as they are known."""
    y, place = node.outputs[0], _SIZED.get(node.op_type)
    if place is None or len(node.inputs) <= place:
        return
    sizes = trace(node.inputs[place])
    if sizes is None:
        target = node.inputs[place]
        length = target.shape[0] if target is not None and target.shape is not None else None
        if y.shape is None and isinstance(length, int):
            y.shape = ir.Shape([None] * length)
        return
    dims: list[Any] = [_dim(size) for size in sizes]
    if node.op_type == "Expand":
        x = node.inputs[0]
        if x is None or x.shape is None or len(x.shape) > len(dims):
            return
        own = [1] * (len(dims) - len(x.shape)) + list(x.shape)
        dims = [b if a == 1 else a for a, b in zip(own, dims, strict=True)]
    if y.shape is None or any(not isinstance(d, int) for d in y.shape):
        before = list(y.shape) if y.shape is not None else [None] * len(dims)
        if len(before) == len(dims):
            y.shape = ir.Shape(
                [b if isinstance(b, int) else d for b, d in zip(before, dims, strict=True)]
            )


def _dim(size: Size) -> Any:
    if isinstance(size, int):
        return size if size >= 0 else None
    if isinstance(size, Dim) and size.value.shape is not None:
        return size.value.shape[size.axis]
    return None


class GraphImporter(importing.GraphImporter):
    """A graph on its way in.

    Attributes:
        model: The whole model.
        weights: Constants and variables that are initializers, by where they stand.
        run: Imports outputs of a graph of nodes, some of them being known.
    """

    def __init__(self, model: Model, run: Callable[..., list[Any]]) -> None:
        super().__init__(FoldingBuilder("mmdnn.tensorflow"), model.files.network)
        self.model = model
        self.run = run
        self.weights: dict[Any, Value] = {}


PARTS = frozenset(
    {
        *(
            "Add",
            "AddV2",
            "Sub",
            "Neg",
            "Sum",
            "Mean",
            "Reshape",
            "Transpose",
            "ExpandDims",
            "Squeeze",
        ),
        *(
            "StridedSlice",
            "Slice",
            "Pad",
            "Tile",
            "Pack",
            "Unpack",
            "Split",
            "ConcatV2",
            "GatherV2",
        ),
        *("ReverseV2", "Identity"),
    }
)
"""Operators that do to complex numbers what they do to each part."""


class ImportedNode(importing.ImportedLayer):
    """A node on its way in.

    Attributes:
        node: The node of the native graph.
        path: What its function's values are called with in front.
        within: The graph that it stands in.
    """

    graph: GraphImporter
    parameter_is = "attribute"

    def __init__(self, node: Node, path: str, within: Graph, graph: GraphImporter) -> None:
        super().__init__(f"{path}{node.name}", node.op, graph)
        self.node = node
        self.path = path
        self.within = within
        self.taken: set[str] = set()

    @property
    def is_synthetic(self) -> bool:
        """Whether it is none of the file's, so that its values are named by those that read them."""
        return bool(self.node.attributes.get(SYNTHETIC))

    def parameter(self, name: str) -> Any:
        """An attribute, or its default."""
        self.taken.add(name)
        found = self.node.attributes.get(name)
        return self._default(name) if found is None else found

    def _default(self, name: str) -> Any:
        return operators().get(self.node.op, {}).get("defaults", {}).get(name)

    def unread(self) -> dict[str, object]:
        """Attributes that are not the default and that nobody has taken; types apart."""
        found: dict[str, object] = {}
        for name, value in self.node.attributes.items():
            items = value if isinstance(value, list) else [value]
            typed = all(isinstance(item, ir.DataType) for item in items)
            if name not in self.taken and not typed and value != self._default(name):
                found[name] = value
        return found

    def call(self, entry: Entry, inputs: Sequence[Any]) -> list[Any]:
        """What a function of the table makes of the node; of complex numbers, part by part."""
        if self.type not in PARTS or not any(isinstance(x, Complex) for x in inputs):
            return super().call(entry, inputs)
        parts = [
            super(ImportedNode, self).call(entry, [getattr(x, part, x) for x in inputs])
            for part in ("real", "imaginary")
        ]
        return [Complex(*pair) for pair in zip(*parts, strict=True)]

    def numbers(self, value: Value, what: str = "one of its inputs") -> np.ndarray:
        """The numbers of a constant.

        Raises:
            NeedsStatic: It depends on sizes that are open.
            UnsupportedError: It is computed from the model's inputs.
        """
        found = values.numbers(value)
        if found is None:
            found = _evaluated(value, DEPTH)
        if found is None:
            open_ = _open(trace(value))
            if open_:
                raise NeedsStatic(self.name, open_)
            self.refuse(f"{what} is computed")
        return found

    def ints(self, value: Value, what: str = "one of its inputs") -> list[int]:
        """The numbers of a constant, as a list."""
        return [int(number) for number in self.numbers(value, what).reshape(-1)]

    def constant(self, data: Any, like: Value) -> Value:
        """Numbers in the type of a value."""
        return self.builder.constant(data, (like.dtype or ir.DataType.FLOAT).numpy())


def _evaluated(value: Value | None, depth: int) -> np.ndarray | None:
    """Numbers that are made of constants by arithmetic of floats, which is not folded."""
    known = values.numbers(value)
    node = value.producer() if value is not None and known is None and depth else None
    if node is None or node.domain or node.op_type not in _ARITHMETIC:
        return known
    parts = [_evaluated(each, depth - 1) for each in node.inputs]
    arrays = [part for part in parts if part is not None]
    return _ARITHMETIC[node.op_type](node, *arrays) if len(arrays) == len(parts) else None


DEPTH = 12
"""Operators that are looked back through, at most."""
_ARITHMETIC: dict[str, Callable[..., np.ndarray]] = {
    "Add": lambda _node, a, b: a + b,
    "Sub": lambda _node, a, b: a - b,
    "Mul": lambda _node, a, b: a * b,
    "Div": lambda _node, a, b: a / b if a.dtype.kind == "f" else np.asarray(np.fix(a / b), a.dtype),
    "Cast": lambda node, a: a.astype(ir.DataType(node.attributes["to"].as_int()).numpy()),
    "Concat": lambda node, *arrays: np.concatenate(arrays, node.attributes["axis"].as_int()),
}


def _open(sizes: list[Size] | None) -> list[str]:
    """The names of the open dimensions that sizes are made of."""
    found: list[str] = []
    for size in sizes or []:
        if isinstance(size, Dim):
            dim = size.value.shape[size.axis] if size.value.shape is not None else None
            found += [dim.value] if isinstance(dim, ir.SymbolicDim) and dim.value else []
        elif isinstance(size, Term):
            found += _open([size.left, size.right])
    return found


def int64(op: Op, x: Value) -> Value | np.ndarray:
    """Integers as ONNX wants them: shapes, axes, indices."""
    known = values.numbers(x) if x.dtype != ir.DataType.INT64 else None
    if known is not None and known.size <= folding.LIMIT:
        return known.astype(np.int64)
    return x if x.dtype == ir.DataType.INT64 else op.Cast(x, to=ir.DataType.INT64)


def vector(op: Op, x: Value) -> Value | np.ndarray:
    """Integers as ONNX wants them, one axis of them."""
    found = int64(op, x)
    if isinstance(found, np.ndarray):
        return found.reshape(-1)
    return found if rank(found) == 1 else op.Reshape(found, [-1])


def as_type(op: Op, x: Value, kind: ir.DataType | None) -> Value:
    """A value in a type; as it is where it has it."""
    return x if kind is None or x.dtype == kind else op.Cast(x, to=kind)


def is_float(x: Value) -> bool:
    """Whether its numbers are floats."""
    return x.dtype is not None and x.dtype.is_floating_point()


def to_first(op: Op, x: Value, data_format: str) -> Value:
    """The channels behind the batch."""
    count = rank(x)
    if data_format.startswith("NC") or count < 3:
        return x
    return op.Transpose(x, perm=[0, count - 1, *range(1, count - 1)])


def to_last(op: Op, x: Value, data_format: str) -> Value:
    """What `to_first` gave, as it was."""
    count = rank(x)
    if data_format.startswith("NC") or count < 3:
        return x
    return op.Transpose(x, perm=[0, *range(2, count), 1])


def spatial(numbers: Sequence[int], data_format: str) -> list[int]:
    """Of numbers for all axes those for the spatial ones."""
    return list(numbers[2:] if data_format.startswith("NC") else numbers[1:-1])


def same(table: Mapping[str, str], **attributes: Any) -> None:
    """Register operators that are one of ONNX's as they stand, by TensorFlow's name."""
    for tensorflow in table:

        @importer(tensorflow, doc=f"{RAW}/{tensorflow}")
        def function(node: ImportedNode, op: Op, *inputs: Value) -> Value:
            return op[table[node.type]](*inputs, **attributes)
