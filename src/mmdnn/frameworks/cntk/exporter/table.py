"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Relu", doc=f"{API}/cntk.ops#relu")
    def relu(node, cntk, x):
        return cntk.ReLU(x)

A function gets the node, the `cntk` it writes with, and an `Operand` for each input (None for one left
out). It returns the `Operand` of its output, or one for each output.

CNTK has floats only: an integer or a truth value is a float here, exact to 2^24.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk._operators import OPERATORS
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.operators import Operators

LAYERS = frozenset({"BatchNormalization", "Convolution", "Dropout"})
"""Layers called as the function that they are made of."""

API = "https://docs.microsoft.com/python/api/cntk"

exporter: Operators[Callable[..., Any]] = Operators("written as CNTK")
"""Registers a function `(node, cntk, *operands) -> operand or operands` for an ONNX operator."""

_UNFIT: dict[str, Callable[[ir.Node], bool]] = {}


def unfit(*types: str) -> Callable[[Callable[[ir.Node], bool]], Callable[[ir.Node], bool]]:
    """Registers which nodes of operators are spelled out in simpler ones, as the standard does."""

    def register(function: Callable[[ir.Node], bool]) -> Callable[[ir.Node], bool]:
        _UNFIT.update(dict.fromkeys(types, function))
        return function

    return register


def is_unfit(node: ir.Node) -> bool:
    """Whether to write a node as its definition by simpler operators; see `unfit`."""
    return node.op_type in _UNFIT and _UNFIT[node.op_type](node)


class Exporting:
    """A node on its way out: its attributes, each of which must be read.

    Attributes:
        node: The IR node.
        type: Its operator.
        layer: The name of its layer: the source's, or its own, or that of what it makes.
        source_layer: The source's name for its layer, "" where nothing is said.
        source_type: What the source called the layer's operator, "" where nothing is said.
    """

    def __init__(self, node: ir.Node) -> None:
        self.node = node
        self.type = node.op_type
        self.source_layer = node.metadata_props.get(LAYER, "")
        self.source_type = node.metadata_props.get(TYPE, "")
        self.layer = self.source_layer or node.name or str(node.outputs[0].name)
        self._unread = set(node.attributes)

    @property
    def was_block(self) -> bool:
        """Whether CNTK had a block for it. Some are called as functions are; then the number tells."""
        type_ = self.source_type
        if type_ not in OPERATORS or re.fullmatch(r"Block\d+", self.source_layer):
            return True
        return type_ in LAYERS and not self._is_numbered

    def was_function(self, block: str) -> bool:
        """Whether CNTK had a function for it, and no block of this name."""
        return not self.was_block and (self._is_numbered or self.source_type != block)

    @property
    def _is_numbered(self) -> bool:
        found = re.fullmatch(r"([A-Za-z]+)\d+", self.source_layer)
        return found is not None and (
            found[1] in OPERATORS or found[1].startswith(self.source_type)
        )

    @property
    def output(self) -> ir.Value:
        """Its first output."""
        return self.node.outputs[0]

    def wants(self, index: int) -> bool:
        """Whether anything uses that output."""
        if index >= len(self.node.outputs):
            return False
        output = self.node.outputs[index]
        return bool(output.uses()) or output.is_graph_output()

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a Python value: int, float, str, list, tensor or graph."""
        self._unread.discard(name)
        found = self.node.attributes.get(name)
        if found is None:
            return default
        if found.type == ir.AttributeType.FLOAT:
            return float(np.format_float_positional(np.float32(found.value), trim="0"))
        if found.type in {ir.AttributeType.INTS, ir.AttributeType.FLOATS, ir.AttributeType.STRINGS}:
            return list(found.value)
        return found.value

    def ignore(self, *names: str) -> None:
        """These attributes do not change the result."""
        self._unread.difference_update(names)

    def position(self, name: str, default: int, rank: int) -> int:
        """An attribute that is an axis, counted from the front."""
        return self.front(int(self.attribute(name, default)), rank)

    def front(self, axis: int, rank: int) -> int:
        """An axis counted from the front."""
        if not -rank <= axis < max(rank, 1):
            self.refuse(f"there is no axis {axis} among {rank}")
        return axis % max(rank, 1)

    def numbers(self, x: Operand | None, what: str) -> np.ndarray:
        """A constant input; refused where it is computed while the model runs."""
        found = None if x is None else x.numbers()
        if found is None:
            self.refuse(f"its {what} is computed while the model runs")
        return found

    def ints(self, x: Operand | None, what: str) -> list[int]:
        """A constant input of integers; refused where it is computed while the model runs."""
        return [int(i) for i in self.numbers(x, what).reshape(-1)]

    def refuse(self, reason: str) -> NoReturn:
        """Stop, naming this layer."""
        raise UnsupportedError(reason, layer=self.layer, operator=self.source_type or self.type)

    def check_read(self) -> None:
        """Refuse attributes that nobody has read."""
        if self._unread:
            self.refuse(f"its attribute {min(self._unread)} is not handled for CNTK")
