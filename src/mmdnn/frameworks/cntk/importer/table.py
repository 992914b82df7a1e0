"""The table of CNTK's functions, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk._blocks import INSIDES
from mmdnn.frameworks.cntk._matching import Bound, Pattern
from mmdnn.frameworks.cntk.graph import Attribute, Axis, Function, Model, Variable
from mmdnn.frameworks.cntk.importer.flat import Flat, Named, blocks
from mmdnn.frameworks.cntk.importer.names import Names
from mmdnn.frameworks.cntk.importer.operand import Operand, union
from mmdnn.ir import FIXED, importing, sequences
from mmdnn.ir.builder import Builder
from mmdnn.ir.operators import Entry, Keywords
from mmdnn.tensors import references

API = "https://docs.microsoft.com/python/api/cntk"

_F = TypeVar("_F", bound=Callable[..., Any])

_T = TypeVar("_T")

importer = importing.Importer("CNTK")
"""Registers a function `(f, op, *operands) -> Operand or value, or several` for a primitive operator.

An `ir.Value` that it returns has the dynamic axes of all operands together.
"""

_LARGEST = 1 << 40

IGNORED = frozenset(
    {
        *("maxTempMemSizeInSamples", "useCuDNNEngine", "disableRegularization", "rngSeed"),
        *("rngOffset", "blendTimeConstant", "normalizationTimeConstant", "dropoutRate"),
    }
)
"""Attributes that say how something is trained, or run on some device, not what it computes."""


def _always(bound: Bound) -> bool:
    return True


def block(
    *types: str, inside: str = "", doc: str, check: Callable[[Bound], bool] = _always
) -> Callable[[_F], _F]:
    """Register a function for blocks whose inside matches an expression (see `_blocks`), and a check.

    The function is called `(f, op, *operands)`, with the expression's operands in order. A block that
    matches none of its patterns is what its inside is, one that matches several the largest.

    Args:
        types: The blocks' types.
        inside: The expression, unless it is the type's in the table.
        doc: Where the semantics are written.
        check: What else must hold.
    """

    def register(function: _F) -> _F:
        for type_ in types:
            known = blocks.setdefault(type_, [])
            entry: Entry = Entry(type_, function, doc, Keywords.of(function))
            known.append(Named(Pattern(inside or INSIDES[type_]), entry, check))
            known.sort(key=lambda named: -named.pattern.size)
            if f"{type_} (block)" not in importer:
                importer(f"{type_} (block)", doc=doc)(function)
        return function

    return register


class GraphImporter(importing.GraphImporter):
    """A graph on its way in, loops included.

    Attributes:
        model: The native model.
        flat: Its graph without blocks.
        names: What its variables are called.
        order: All functions, in order.
        outputs: What the model gives.
        operands: What has been made of each variable.
        known_lengths: How long sequences along an axis are.
        fed: The names of the inputs that have these axes.
    """

    def __init__(self, model: Model, flat: Flat) -> None:
        super().__init__(Builder("mmdnn.cntk", "network"), model.files.network)
        self.model = model
        self.flat = flat
        self.names = Names(model, flat)
        self.root = self.builder
        self.order: list[Function] = []
        self.outputs: list[Variable] = []
        self.operands: dict[Variable, Operand] = {}
        self.known_lengths: dict[Axis, ir.Value] = {}
        self.fed: dict[Axis, str] = {}

    def operand(self, variable: Variable) -> Operand:
        """What a variable is; parameters and constants are made when they are first read.

        Raises:
            FormatError: Nothing computes it.
        """
        variable = self.flat.resolve(variable)
        if variable not in self.operands:
            if variable.value is None:
                raise FormatError("nothing computes it", layer=variable.uid)
            self.operands[variable] = self._parameter(variable, variable.value)
        return self.operands[variable]

    def _parameter(self, variable: Variable, tensor: ir.TensorProtocol) -> Operand:
        """A weight: of its own name where nothing else has it, else `<layer>.<name>`."""
        name = variable.name
        shared = name and not self.names.is_unique(name)
        make = self.root.weight if shared else self.root.initializer
        made = make(name or variable.uid, tensor)
        if not variable.trained:
            made.metadata_props[FIXED] = "yes"
        return Operand(made)

    def lengths(self, axis: Axis) -> ir.Value:
        """The lengths of an axis's sequences, int64 [batch]; an input of the graph where need be."""
        if axis not in self.known_lengths:
            if axis not in self.fed:
                raise UnsupportedError(f"nothing says the lengths of the axis {axis}")
            name = sequences.lengths_name(self.fed[axis])
            self.known_lengths[axis] = self.root.input(name, ("batch",), ir.DataType.INT64)
        return self.known_lengths[axis]

    def function(self, function: Function) -> None:
        """Import one function."""
        match = self.flat.matches.get(function)
        imported = ImportedFunction(function, self, match.bound if match else None)
        with self.errors_of(imported), self.layer(function):
            operands = [self.operand(one) for one in self.flat.reads(function)]
            made = imported.call(
                match.named.entry if match else importer.entry(function.op), operands
            )
            axes = union(operands) if any(isinstance(one, ir.Value) for one in made) else ()
            for variable, result in zip(function.results, made, strict=False):
                whole = Operand(result, axes) if isinstance(result, ir.Value) else result
                self.set(variable, whole)

    def layer(self, function: Function) -> AbstractContextManager[None]:
        """Nodes made inside come from the layer that a function is a part of."""
        outermost = self._outermost(function)
        named = bool(outermost.name)
        return self.builder.layer(self.label(function), outermost.type, named=named)

    def label(self, function: Function) -> str:
        """The name of the layer that a function is a part of."""
        outermost = self._outermost(function)
        return self.names.of(outermost.output()) if outermost.name else outermost.uid

    def _outermost(self, function: Function) -> Function:
        while function in self.flat.parents:
            function = self.flat.parents[function]
        return function

    def set(self, variable: Variable, made: Operand) -> None:
        """Say what a variable is, and name the value as CNTK names the variable."""
        self.operands[variable] = made
        value = made.value
        if self.builder is self.root and value.producer() is not None and value not in self.named:
            self.rename(value, self.names.of(variable))


class ImportedFunction(importing.ImportedLayer):
    """A function on its way in.

    Attributes:
        function: The function of the native graph.
        bound: Of a named block, what its pattern's names stand for.
        graph: The graph that it becomes a part of; `graph.lengths(axis)` are a sequence axis's lengths.
    """

    parameter_is = "attribute"
    graph: GraphImporter

    def __init__(
        self, function: Function, graph: GraphImporter, bound: Bound | None = None
    ) -> None:
        super().__init__(function.label, function.type, graph)
        self.function = function
        self.bound = bound or Bound()
        self._is_block = bound is not None
        self._read: set[str] = set()

    def get(self, name: str, kind: type[_T], default: _T | None = None) -> _T:
        """An attribute. What nobody asks for is refused at the end.

        Args:
            name: Its name in the file.
            kind: Its type: bool, int, float, str, list, `Shape` or `Axis`.
            default: What it is where the file, of an older CNTK, does not have it.

        Raises:
            FormatError: It is missing, of another type, or larger than anything counted.
        """
        self._read.add(name)
        value: Attribute = self.function.attributes.get(name)
        if value is None and default is not None:
            return default
        if kind is float and isinstance(value, int):
            value = float(value)
        numbers = value if isinstance(value, list) else [value]
        huge = any(isinstance(one, int) and abs(one) > _LARGEST for one in numbers)
        if huge or not isinstance(value, kind):
            raise FormatError(f"its attribute {name} is {value!r}")
        return value

    def has(self, name: str) -> bool:
        """Whether the file gives an attribute."""
        return name in self.function.attributes

    def axes(self, several: str = "axisVec", one: str = "axis") -> list[Axis]:
        """The axes of an attribute that files give as one axis or as a list."""
        if self.has(several):
            found = self.get(several, list)
            if not all(isinstance(axis, Axis) for axis in found):
                raise FormatError(f"its attribute {several} is {found!r}")
            return list(found)
        return [self.get(one, Axis)]

    def unread(self) -> dict[str, object]:
        """Attributes that nobody has read; those of a block are its inside's."""
        given = self.function.attributes
        names = set() if self._is_block else given.keys() - self._read - IGNORED
        return {name: given[name] for name in names}

    def constant(self, x: Operand) -> np.ndarray | None:
        """The numbers of an operand that is a parameter or a constant, else None."""
        tensor = x.value.const_value
        return None if tensor is None else references.read(tensor)

    def changed(
        self,
        x: Operand,
        how: str,
        function: references.Function,
        shape: tuple[int, ...],
        dtype: ir.DataType | None = None,
    ) -> Operand | None:
        """A parameter changed when it is read; None if it is no parameter.

        It keeps its name where nothing else reads the parameter, and else is called
        `<parameter>_<how>`.
        """
        made = None if x.axes else self.graph.changed(x.value, how, function, shape, dtype)
        return None if made is None else Operand(made)

    def reshaped(self, x: Operand, shape: tuple[int, ...]) -> Operand:
        """An operand in another static shape of as many numbers; a parameter is not read for it."""
        if x.shape == shape:
            return x
        made = None if x.axes else self.graph.reshaped(x.value, shape)
        if made is None:
            made = self.builder.op.Reshape(x.value, [*[0] * x.leading, *shape])
        return Operand(made, x.axes)
