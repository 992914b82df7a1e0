"""What stands for the variables that a network reads: names, numbers, and where their arrays are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.codegen.statements import Assign, Statement, call, kind, wish
from mmdnn.frameworks.cntk.codegen.table import TABLES, dynamic_axis
from mmdnn.frameworks.cntk.codegen.weights import Group, Weight, Weights, inline
from mmdnn.frameworks.cntk.graph import COMBINE, Function, Kind, Model, Variable
from mmdnn.python.expressions import Operand
from mmdnn.python.literals import Raw, native


class Operands:
    """What functions of a model read, as operands of expressions.

    Attributes:
        statements: What makes the network, in order; what is read in several places has one here.
        weights: The arrays that it takes.
        loose: What stands for variables that are not made yet, or seen from elsewhere.
        restores: Whether layers are given their weights.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.weights = Weights()
        self.statements: list[Statement] = []
        self.readers = _readers(model)
        self.loose: dict[Variable, Variable] = {}
        self.nesting = 0
        self.restores = False
        self._made: set[Variable] = set()
        self._groups: dict[Function, Group] = {}

    def operand(self, variable: Variable, *, numbers: bool) -> Operand:
        """What stands for a variable that is read: for a constant maybe a plain number, if that will do."""
        if variable in self.loose:
            return self.operand(self.loose[variable], numbers=numbers)
        if variable.kind in (Kind.PARAMETER, Kind.CONSTANT) and variable not in self._made:
            return self._stored(variable, numbers=numbers)
        if variable.owner is not None and variable.owner.op == COMBINE:
            return self.operand(variable.owner.inputs[variable.index], numbers=numbers)
        return variable

    def _stored(self, variable: Variable, *, numbers: bool) -> Operand:
        values = inline(variable)
        if values is not None and not variable.name:
            plain = numbers and variable.dtype == ir.DataType.FLOAT and not values.shape
            return native(values[()]) if plain else constant(variable, values)
        if values is not None:
            value: Operand = constant(variable, values)
        else:
            value = self._loaded(variable)
        pure = variable.kind == Kind.CONSTANT or not self.nesting
        if len(self.readers.get(variable, ())) < 2 and pure:
            return value
        self._made.add(variable)
        self.statements.append(Assign(variable, value, variable.name or "shared"))
        return variable

    def _loaded(self, variable: Variable) -> Operand:
        reader = self.readers[variable][0]
        if reader not in self._groups:
            self._groups[reader] = self.weights.group(wish(reader), kind(reader))
        role = variable.name or variable.kind.name.lower()
        array = self.weights.array(variable, self._groups[reader], role)
        dtype = dtype_of(variable)
        name = variable.name or None
        if variable.kind == Kind.PARAMETER:
            return call("C.parameter", init=array, dtype=dtype, name=name)
        return call("C.constant", array, dtype=dtype, name=name)

    def owns(self, function: Function, roles: Mapping[str, Variable]) -> bool:
        """Whether a layer's parameters and statistics are these, and nobody else reads them."""
        members = dict.fromkeys(_members(function))
        stored = {
            variable
            for one in members
            for variable in _read(one)
            if variable.kind == Kind.PARAMETER or (variable.kind == Kind.CONSTANT and variable.name)
        }
        known = set(roles.values())
        if len(known) != len(roles) or not stored <= known:
            return False
        return all(
            one.dtype == ir.DataType.FLOAT and members.keys() >= set(self.readers[one])
            for one in known
        )

    def seen(self, function: Function, within: Sequence[Function]) -> list[Variable]:
        """The outputs of a function that others read, or that the model gives."""
        return [
            one
            for one in function.results
            if set(self.readers.get(one, ())) - set(within) or one in self.model.outputs
        ]

    def restored(
        self,
        layer: Operand,
        function: Function,
        roles: Mapping[str, Variable],
        operands: list[Operand],
    ) -> Operand:
        """A layer, applied; with its parameters' values, where it has any."""
        if not roles:
            return call(layer, *operands)
        group = self.weights.group(wish(function), kind(function))
        for name, one in roles.items():
            self.weights.array(one, group, name)
        self.restores = True
        return call("restored", layer, Weight(group), *operands)


def _members(function: Function) -> Iterator[Function]:
    """The functions inside a block, those of inner blocks too."""
    pending = [] if function.block is None else graph.inside(function.block)
    while pending:
        one = pending.pop()
        yield one
        if one.block is not None:
            pending += graph.inside(one.block)


def _read(function: Function) -> Iterable[Variable]:
    """What a function reads by itself: of a block, what it is given."""
    return function.block.arguments.values() if function.block is not None else function.inputs


def _readers(model: Model) -> dict[Variable, list[Function]]:
    """The functions that read a variable, blocks left out but for what they are given."""
    found: dict[Variable, list[Function]] = {}
    for function in model.walk():
        for one in _read(function):
            found.setdefault(one, []).append(function)
    return found


def parameters(
    bound: Mapping[str, Any], ranks: Mapping[str, int | None]
) -> dict[str, Variable] | None:
    """Parameters and statistics among what names stand for, if they have the ranks of a layer's."""
    found = {name: one for name, one in bound.items() if name in ranks and one is not None}
    for name, one in found.items():
        kind = Kind.CONSTANT if name.startswith("aggregate") else Kind.PARAMETER
        if not isinstance(one, Variable) or one.kind != kind or one.shape is None:
            return None
        if ranks[name] not in (None, len(one.shape)):
            return None
    return found


def dtype_of(variable: Variable) -> Raw | None:
    """The type of a variable's numbers; None where it is CNTK's usual one."""
    known = variable.dtype != ir.DataType.UNDEFINED
    name = f"np.{variable.dtype.numpy().name}" if known else ""
    if name not in TABLES["types"].values():
        raise FormatError(f"its numbers are of the type {variable.dtype.name}", layer=variable.uid)
    return None if name == "np.float32" else Raw(name)


def _shape(shape: graph.Shape | None, variable: Variable) -> Raw:
    if shape is None:
        raise FormatError("it has no shape", layer=variable.name or variable.uid)
    special = {graph.FREE: "C.FreeDimension", graph.INFERRED: "C.InferredDimension"}
    dims = [special.get(dim, str(dim)) for dim in shape]
    return Raw(dims[0] if len(dims) == 1 else f"({', '.join(dims)})")


def fed(variable: Variable) -> Operand:
    """An input."""
    axes = variable.axes
    if axes is None:
        raise FormatError("its dynamic axes are not known", layer=variable.name or variable.uid)
    settings: dict[str, Operand] = {
        "dtype": dtype_of(variable),
        "needs_gradient": True if variable.trained else None,
        "is_sparse": True if variable.sparse else None,
    }
    function = "C.input_variable"
    if len(axes) == 2 and axes[0] == graph.BATCH and axes[1].ordered:
        function = "C.sequence.input_variable"
        default = axes[1] == graph.SEQUENCE
        settings["sequence_axis"] = None if default else Raw(dynamic_axis(axes[1]))
    elif axes != (graph.BATCH,):
        settings["dynamic_axes"] = Raw(f"[{', '.join(map(dynamic_axis, axes))}]")
    settings["name"] = variable.name or None
    return call(function, _shape(variable.shape, variable), **settings)


def unbound(variable: Variable) -> Operand:
    """A placeholder that stands for nothing."""
    axes = variable.axes
    known = None if axes is None else Raw(f"[{', '.join(map(dynamic_axis, axes))}]")
    return call(
        "C.placeholder",
        shape=None if variable.shape is None else _shape(variable.shape, variable),
        dynamic_axes=known,
        name=variable.name or None,
    )


def constant(variable: Variable, values: np.ndarray) -> Operand:
    """A constant whose numbers stand in the source."""
    same = values.size > 0 and bool((values == values.flat[0]).all())
    return call(
        "C.constant",
        native(values.flat[0] if same else values),
        shape=values.shape or None if same else None,
        dtype=dtype_of(variable),
        name=variable.name or None,
    )
