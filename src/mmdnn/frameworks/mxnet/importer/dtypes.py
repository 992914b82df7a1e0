"""The element types of inputs: most operators take and give one type, so parameters tell it.

MXNet infers types forwards and backwards in the same way (FInferType); what nothing tells is float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import Model, Node
from mmdnn.frameworks.mxnet.reader.ndarray import NAMES, TYPES
from mmdnn.ir.builder import Op

BY_NAME = {name: dtype for dtype, name in NAMES.items()}

FREE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Embedding", "where", "one_hot"), (0,)),
    **dict.fromkeys(("take", "batch_take", "pick", "gather_nd", "scatter_nd", "softmax"), (1,)),
    **dict.fromkeys(("SequenceMask", "SequenceLast", "SequenceReverse"), (1,)),
    **dict.fromkeys(("_contrib_boolean_mask", "_contrib_index_copy"), (1,)),
    "BatchNorm": (1, 2, 3, 4),
    "RNN": (4,),
}
"""Inputs whose type has nothing to do with that of the output."""

APART = frozenset(
    {
        *("Cast", "amp_cast", "argmax", "argmin", "argsort", "shape_array", "size_array"),
        *("_foreach", "_while_loop", "_cond", "_contrib_requantize", "one_hot"),
        *("_contrib_quantize_v2", "_contrib_dequantize", "_contrib_quantize", "_arange", "_zeros"),
        *("_ones", "_full", "_eye", "_linspace", "_npi_zeros", "_npi_ones", "_npi_arange", "topk"),
    }
)
"""Operators whose outputs have a type of their own."""


def named(name: str | int | None) -> ir.DataType | None:
    """A type by MXNet's name of it, or by its number, which is -1 where nothing says it."""
    if isinstance(name, int):
        return TYPES.get(name)
    return None if name is None else BY_NAME[name]


def of_inputs(model: Model) -> dict[str, ir.DataType]:
    """The types of all inputs."""
    classes = _Classes()
    for node in model.symbol.operators:
        free = FREE.get(node.type, ())
        tied = [e for place, e in enumerate(node.inputs) if place not in free]
        keys: list[tuple[Node, int]] = [(entry.node, entry.output) for entry in tied]
        if node.type not in APART:
            keys += [(node, index) for index in range(len(node.outputs))]
            if node.type in {"scatter_nd"}:
                keys = keys[:1]
        for key in keys[1:]:
            classes.join(keys[0], key)
    for variable in model.symbol.variables:
        tensor = model.params.get(variable.name)
        said = variable.attrs.get("__dtype__", "")
        if tensor is not None:
            classes.know((variable, 0), tensor.dtype)
        elif said.isdigit() and int(said) in TYPES:
            classes.know((variable, 0), TYPES[int(said)])
    for node in model.symbol.operators:
        if node.type in {"Cast", "amp_cast"}:
            classes.know((node, 0), BY_NAME.get(str(node.param("dtype")), ir.DataType.FLOAT))
    return {
        node.name: classes.of((node, 0))
        for node in model.symbol.variables
        if node.name in model.inputs
    }


class _Classes:
    """Values that share a type (a union-find)."""

    def __init__(self) -> None:
        self.parent: dict[tuple[Node, int], tuple[Node, int]] = {}
        self.known: dict[tuple[Node, int], ir.DataType] = {}

    def find(self, key: tuple[Node, int]) -> tuple[Node, int]:
        while self.parent.get(key, key) != key:
            key = self.parent[key]
        return key

    def join(self, one: tuple[Node, int], other: tuple[Node, int]) -> None:
        a, b = self.find(one), self.find(other)
        if a != b:
            self.parent[a] = b
            if a in self.known:
                self.know(b, self.known.pop(a))

    def know(self, key: tuple[Node, int], dtype: ir.DataType) -> None:
        root = self.find(key)
        if dtype.is_floating_point() or root not in self.known:
            self.known.setdefault(root, dtype)

    def of(self, key: tuple[Node, int]) -> ir.DataType:
        return self.known.get(self.find(key), ir.DataType.FLOAT)


def cast(op: Op, x: ir.Value, dtype: ir.DataType | None) -> ir.Value:
    """`x` in this type; itself where it is."""
    if dtype is None or x.dtype == dtype:
        return x
    return op.Cast(x, to=dtype)


def array(values: object, like: ir.Value) -> np.ndarray:
    """Numbers in the type of a value."""
    return np.asarray(values).astype((like.dtype or ir.DataType.FLOAT).numpy())


def choose(op: Op, condition: Any, a: Any, b: Any) -> ir.Value:
    """`a` where the condition holds, else `b`; numbers keep the type they have."""
    both = [op.builder.constant(v) if isinstance(v, np.ndarray | np.generic) else v for v in (a, b)]
    return op.Where(condition, *both)
