"""What the functions of the table write into."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.table import ExportedNode
from mmdnn.frameworks.cntk.graph import Axis, Function, Kind, Shape, Variable
from mmdnn.ir import COMPUTED
from mmdnn.tensors import references

FLOATS = (ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16)

HIDDEN = 100_000
"""How many numbers are left to functions of a CNTK model that stand within blocks."""

EXACT = 1 << 24
"""Up to here a float holds every integer."""


@dataclass(eq=False)
class Group:
    """Functions that shall be a block.

    Attributes:
        type: The block's type.
        outer: The group that the block is in.
        attributes: The block's.
        source: Whether the source had this block: nodes of one layer, made one after the other.
    """

    type: str
    outer: Group | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    source: bool = False

    @property
    def depth(self) -> int:
        """How many groups it is in."""
        return 0 if self.outer is None else self.outer.depth + 1


class Scope:
    """What the functions of the table write into.

    Attributes:
        made: Every function, and the IR node it was made for, in order.
        groups: The innermost group of each function that is in one.
        group: The group that functions are made into now.
        operands: What each IR value is.
        aliases: Functions that only give an output a name.
        sources: The blocks that the source had, by layer and type.
        seeds: How many seeds of random numbers have been given away.
        derived: Constants made of others, by what and how.
        symbols: The dynamic axes that open dimensions of the IR are.
        samples: An input with these dynamic axes.
    """

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.is_own = model.metadata_props.get("mmdnn.framework") == "cntk"
        self.whole = _whole(model)
        self.made: dict[Function, ExportedNode] = {}
        self.groups: dict[Function, Group] = {}
        self.group: Group | None = None
        self.operands: dict[ir.Value, Operand] = {}
        self.derived: dict[Any, Operand] = {}
        self.symbols: dict[str, Axis] = {}
        self.samples: dict[tuple[Axis, ...], Operand] = {}
        self.variables: dict[str, Variable] = {}
        self.seeds = 0
        self.aliases: set[Function] = set()
        self._parameters: dict[int, Variable] = {}
        self._alive: list[ir.TensorProtocol] = []
        self.sources: dict[tuple[str, str], Group] = {}
        self._once: dict[Any, Operand] = {}
        self._count = _first(model, self.is_own)

    def uid(self, kind: str) -> str:
        """A name within the file that nothing else has."""
        self._count += 1
        return f"{kind}{self._count}"

    def add(self, function: Function, node: ExportedNode) -> None:
        """Take a function that was made for a node."""
        self.made[function] = node
        if self.group is not None:
            self.groups[function] = self.group

    def once(self, key: object, make: Callable[[], Operand]) -> Operand:
        """What was made under this key, or is made now, outside all blocks."""
        if key not in self._once:
            group, self.group = self.group, None
            self._once[key] = make()
            self.group = group
        return self._once[key]

    def kind(self, dtype: ir.DataType | None) -> ir.DataType:
        """CNTK's type for numbers of an IR type: floats as they are, all else as whole numbers."""
        return dtype if dtype in FLOATS else self.whole

    def kind_of(self, array: np.ndarray) -> ir.DataType:
        """CNTK's type for an array's numbers."""
        return self.kind(ir.DataType.from_numpy(array.dtype))

    def operand(self, value: ir.Value) -> Operand:
        """What an IR value is; an initializer is a constant."""
        if value not in self.operands:
            tensor = value.const_value
            assert tensor is not None, value.name
            shape = tuple(int(size) for size in tensor.shape.numpy())
            kind = self.kind(tensor.dtype)
            layout: Layout = (None,) * len(shape)
            self.operands[value] = Operand(layout, shape, kind, None, value, tensor)
        return self.operands[value]

    def variable(self, operand: Operand) -> Variable:
        """An operand's variable; constants become parameters when they are first read."""
        key = id(operand.tensor)
        if operand.variable is None and key in self._parameters:
            operand.variable = self._parameters[key]
        if operand.variable is None:
            assert operand.tensor is not None
            trained = operand.is_weight and operand.tensor.dtype in FLOATS
            named = operand.value is not None and COMPUTED not in operand.value.metadata_props
            name = str(operand.value.name) if operand.value is not None and named else ""
            operand.variable = self.parameter(name, operand.tensor, operand.dtype, trained=trained)
            self._parameters[key] = operand.variable
            self._alive.append(operand.tensor)
        return operand.variable

    def parameter(
        self, name: str, tensor: ir.TensorProtocol, dtype: ir.DataType, *, trained: bool
    ) -> Variable:
        """A parameter, or a constant where it is not trained.

        Raises:
            UnsupportedError: An integer that a float does not hold.
        """
        if tensor.dtype != dtype:
            array = references.read(tensor)
            if tensor.dtype.is_integer() and np.any(np.abs(array.astype(float)) > EXACT):
                raise UnsupportedError(f"the constant {name} has integers beyond {EXACT}")
            tensor = references.lazy(tensor, lambda a: a.astype(dtype.numpy()), dtype=dtype)
        kind = Kind.PARAMETER if trained else Kind.CONSTANT
        shape = Shape(int(size) for size in tensor.shape.numpy())
        variable = Variable(self.uid(kind.name.title()), kind, dtype, shape, name=name)
        variable.value, variable.trained = tensor, trained
        self.variables[variable.uid] = variable
        return variable


def _whole(model: ir.Model) -> ir.DataType:
    """The type for whole numbers: double where the model has doubles and no floats."""
    values = [v for node in model.graph for v in (*node.inputs, *node.outputs) if v is not None]
    types = {value.dtype for value in values}
    double = ir.DataType.DOUBLE in types and ir.DataType.FLOAT not in types
    return ir.DataType.DOUBLE if double else ir.DataType.FLOAT


def _first(model: ir.Model, own: bool) -> int:
    """The number of the first function, that no variable is called as one that the source had.

    The source may have had others than the IR knows, within blocks.
    """
    outputs = [str(output.name) for node in model.graph for output in node.outputs]
    found = [re.fullmatch(r"[A-Za-z]+(\d+)_Output_\d+", name) for name in outputs]
    return max([int(one[1]) for one in found if one], default=0) + (HIDDEN if own else 0)
