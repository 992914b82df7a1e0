"""From the IR to a CNTK model: functions, the blocks that they form, and their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._operators import COMBINE
from mmdnn.frameworks.cntk.exporter.blocks import Assembly, Group
from mmdnn.frameworks.cntk.exporter.inputs_outputs import alone, head, take_inputs
from mmdnn.frameworks.cntk.exporter.markers import Lengths, Unknown, told
from mmdnn.frameworks.cntk.exporter.names import Naming
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.table import Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import FREE, Axis, Function, Kind, Model, Shape, Variable
from mmdnn.ir import COMPUTED
from mmdnn.tensors import references

FLOATS = (ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16)

HIDDEN = 100_000
"""How many numbers are left to functions of a CNTK model that stand within blocks."""

EXACT = 1 << 24
"""Up to here a float holds every integer."""


def from_ir(model: ir.Model) -> Model:
    """A CNTK model that computes what the IR model computes.

    The first axis of inputs is CNTK's batch axis, where it is the same in all of them.

    Args:
        model: Any IR model; it is not changed.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = exporter.canonical(model)
    exporter.check(model)
    return Scope(model).run()


class Scope:
    """What the functions of the table write into.

    Attributes:
        made: Every function, and the IR node it was made for, in order.
        groups: The innermost group of each function that is in one.
        group: The group that functions are made into now.
        operands: What each IR value is.
        aliases: Functions that only give an output a name.
        seeds: How many seeds of random numbers have been given away.
        derived: Constants made of others, by what and how.
        symbols: The dynamic axes that open dimensions of the IR are.
        samples: An input with these dynamic axes.
    """

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.is_own = model.metadata_props.get("mmdnn.framework") == "cntk"
        self.whole = _whole(model)
        self.made: dict[Function, Exporting] = {}
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
        self._sources: dict[tuple[str, str], Group] = {}
        self._once: dict[Any, Operand] = {}
        self._count = _first(model, self.is_own)

    def run(self) -> Model:
        """Write all nodes, then make blocks, then name everything."""
        outer = self.model.graph
        take_inputs(self, outer.inputs)
        self.nodes(outer)
        outputs = [v for v in outer.outputs if not isinstance(self.operand(v), Lengths)]
        heads = [head(self, value) for value in outputs]
        assembly = Assembly(self, self._reachable(heads), heads)
        assembly.run()
        heads = [
            alone(self, value, assembly.outer(one))
            for value, one in zip(outputs, heads, strict=True)
        ]
        Naming(self, assembly).run(zip(outputs, heads, strict=True))
        root = heads[0].owner if len(heads) == 1 else None
        if root is None or root.results != heads:
            root = Function(COMBINE, self.uid(COMBINE), inputs=heads)
        return Model(root, graph.reachable([root]), self.variables)

    def uid(self, kind: str) -> str:
        """A name within the file that nothing else has."""
        self._count += 1
        return f"{kind}{self._count}"

    def add(self, function: Function, node: Exporting) -> None:
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

    def nodes(self, graph_: ir.Graph) -> None:
        """Write the nodes of the model's graph, or of a loop's body."""
        for node in graph_:
            self._node(node)

    def _node(self, node: ir.Node) -> None:
        exporting = Exporting(node)
        cntk = Writer(self, exporting)
        inputs = [None if value is None else self.operand(value) for value in node.inputs]
        made = told(exporting, inputs)
        if made is None:
            group, self.group = self.group, self._source_group(exporting)
            made = exporter.write(exporting, cntk, *inputs)
            self.group = group
        results = [made] if isinstance(made, Operand) else list(made)
        for output, result in zip(node.outputs, results, strict=False):
            if result is None:
                continue
            if isinstance(result, Unknown):
                self.operands[output] = result
                continue
            _check(exporting, result, output)
            found = Operand(result.layout, result.shape, result.dtype, result.variable, output)
            found.tensor = result.tensor
            self.operands[output] = found

    def _source_group(self, node: Exporting) -> Group | None:
        """The block that the source had, which several nodes have been made of."""
        key = (node.source_layer, node.source_type)
        if not self.is_own or not all(key) or not node.was_block:
            return None
        if key not in self._sources:
            self._sources[key] = Group(node.source_type, source=True)
        return self._sources[key]

    def _reachable(self, heads: Iterable[Variable]) -> list[Function]:
        needed = set(graph.reachable([one.owner for one in heads if one.owner is not None]))
        return [one for one in self.made if one in needed]


def _check(node: Exporting, result: Operand, value: ir.Value) -> None:
    """Refuse what would not have the shape that it has in the IR."""
    wanted = sizes(value.shape)
    if wanted is None:
        return
    pairs = zip(result.dims, wanted, strict=True) if result.rank == len(wanted) else [(0, 1)]
    for ours, theirs in pairs:
        if not isinstance(ours, Axis) and FREE not in (ours, theirs) and ours != theirs:
            node.refuse(f"CNTK would give it the shape {list(map(str, result.dims))}")


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
