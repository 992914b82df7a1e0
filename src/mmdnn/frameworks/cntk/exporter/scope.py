"""What the functions of the table write into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.exporter.blocks import Group
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.graph import Axis, Function, Kind, Shape, Variable
from mmdnn.ir import COMPUTED
from mmdnn.ir.exporting import ExportedNode
from mmdnn.tensors import references

FLOATS = (ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16)

HIDDEN = 100_000
"""How many numbers are left to functions of a CNTK model that stand within blocks."""

EXACT = 1 << 24
"""Up to here a float holds every integer."""


class Scope:
    """What the functions of the table write into.

    Attributes:
        made: Every function, and the IR node it was made for, in order.
        groups: The innermost group of each function that is in one.
        group: The group that functions are made into now.
        operands: What each IR value is.
        aliases: Functions that only give an output a name.
        sources: The blocks that the source had, by layer and type.
        symbols: The dynamic axes that open dimensions of the IR are.
        samples: An input with these dynamic axes.
        seeds: Seeds of random numbers, another one each time.
        is_own: Whether the IR was made of a CNTK model.
    """

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.is_own = model.metadata_props.get("mmdnn.framework") == "cntk"
        self.whole = _whole(model)
        self.made: dict[Function, ExportedNode] = {}
        self.groups: dict[Function, Group] = {}
        self.group: Group | None = None
        self.operands: dict[ir.Value, Operand] = {}
        self.symbols: dict[str, Axis] = {}
        self.samples: dict[tuple[Axis, ...], Operand] = {}
        self.variables: dict[str, Variable] = {}
        self.seeds = count(1)
        self.aliases: set[Function] = set()
        self.sources: dict[tuple[str, str], Group] = {}
        self._parameters: dict[ir.TensorProtocol, Variable] = {}
        self._once: dict[Any, Operand] = {}
        self._numbers = count(_first(model, self.is_own) + 1)

    def uid(self, kind: str) -> str:
        """A name within the file that nothing else has."""
        return f"{kind}{next(self._numbers)}"

    @contextmanager
    def within(self, group: Group | None) -> Iterator[None]:
        """Functions made here are in this group, or in no block."""
        outer, self.group = self.group, group
        try:
            yield
        finally:
            self.group = outer

    def once(self, key: object, make: Callable[[], Operand]) -> Operand:
        """What was made under this key, or is made now, outside all blocks."""
        if key not in self._once:
            with self.within(None):
                self._once[key] = make()
        return self._once[key]

    def kind(self, dtype: ir.DataType | None) -> ir.DataType:
        """CNTK's type for numbers of an IR type: floats as they are, all else as whole numbers."""
        return dtype if dtype in FLOATS else self.whole

    def operand(self, value: ir.Value) -> Operand:
        """What an IR value is; an initializer is a constant."""
        if value not in self.operands:
            tensor = value.const_value
            assert tensor is not None, value.name
            shape = tuple(tensor.shape.numpy())
            layout: Layout = (None,) * len(shape)
            kind = self.kind(tensor.dtype)
            self.operands[value] = Operand(layout, shape, kind, value=value, tensor=tensor)
        return self.operands[value]

    def variable(self, operand: Operand) -> Variable:
        """An operand's variable; constants become parameters when they are first read."""
        if operand.variable is None:
            tensor, value = operand.tensor, operand.value
            assert tensor is not None
            if tensor not in self._parameters:
                trained = operand.is_weight and tensor.dtype in FLOATS
                named = value is not None and COMPUTED not in value.metadata_props
                name = str(value.name) if value is not None and named else ""
                made = self.parameter(name, tensor, operand.dtype, trained=trained)
                self._parameters[tensor] = made
            operand.variable = self._parameters[tensor]
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
