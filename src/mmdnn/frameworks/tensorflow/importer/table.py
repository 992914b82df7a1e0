"""The table of TensorFlow's operators, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Graph, Model, Node, operators
from mmdnn.ir import importing, values
from mmdnn.ir.builder import NeedsStatic, Op, rank
from mmdnn.ir.folding import FoldingBuilder, open_sizes
from mmdnn.ir.operators import Entry
from mmdnn.ir.sizes import trace

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


class GraphImporter(importing.GraphImporter):
    """A graph on its way in.

    Attributes:
        model: The whole model.
        run: Imports outputs of a graph of nodes, some of them being known.
    """

    def __init__(self, model: Model, run: Callable[..., list[Any]]) -> None:
        super().__init__(FoldingBuilder("mmdnn.tensorflow"), model.files.network)
        self.model = model
        self.run = run


PARTS = frozenset(
    {
        *("Add", "AddV2", "Sub", "Neg", "Sum", "Mean", "Reshape", "Transpose", "Squeeze", "Slice"),
        *("ExpandDims", "StridedSlice", "Pad", "Tile", "Pack", "Unpack", "Split", "ConcatV2"),
        *("GatherV2", "ReverseV2", "Identity"),
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
            open_ = open_sizes(trace(value))
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
