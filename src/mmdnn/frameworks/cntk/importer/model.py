"""From a CNTK model to the IR, function by function, values named as in CNTK."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, FormatError, ShapeError, UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._hints import FIXED
from mmdnn.frameworks.cntk.graph import Axis, Function, Model, Variable
from mmdnn.frameworks.cntk.importer import cleanup
from mmdnn.frameworks.cntk.importer.flat import Flat
from mmdnn.frameworks.cntk.importer.inputs_outputs import chosen_outputs, dimensions_of, fed
from mmdnn.frameworks.cntk.importer.loops import recurrence
from mmdnn.frameworks.cntk.importer.names import Names
from mmdnn.frameworks.cntk.importer.operand import Operand, union
from mmdnn.frameworks.cntk.importer.table import Importing, importer
from mmdnn.ir import sequences
from mmdnn.ir.builder import Builder, NeedsStatic
from mmdnn.tensors import references


def to_ir(model: Model, *, static: bool = False) -> ir.Model:
    """The IR of a CNTK model; its batch and time are open.

    Args:
        model: A model as the reader gives it.
        static: Not used: nothing in CNTK's files says how large a batch is.

    Returns:
        A model whose values are named as CNTK's, channels first.

    Raises:
        UnsupportedError: Functions without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
    """
    flat = Flat(model)
    outputs = chosen_outputs(model, flat)
    components = flat.components(outputs)
    refused = [
        (function.type, function.label)
        for component in components
        for function in component
        if function not in flat.matches and function.op not in importer
    ]
    if refused:
        raise UnsupportedError.listing(refused, action="read from CNTK", file=model.files.network)
    try:
        return GraphImporter(model, flat).run(components, outputs)
    except NeedsStatic as missing:
        raise ShapeError(
            f"the size of '{missing}' cannot be told without those of the inputs",
            file=model.files.network,
            hint="Give them with --inputShape 3,224,224 (or whatever they are).",
        ) from None


def input_shapes(model: Model) -> dict[str, tuple[int | None, ...]]:
    """The inputs that a model's outputs need, with their dynamic axes, batch and time, first.

    Args:
        model: A model as the reader gives it.

    Returns:
        Names as in the IR, to shapes; None for what is open.
    """
    flat = Flat(model)
    names = Names(model, flat)
    outputs = chosen_outputs(model, flat)
    functions = [each for component in flat.components(outputs) for each in component]
    return {
        names.of(one): (*(None for _ in one.axes or ()), *map(_size, one.shape or ()))
        for one in fed(model, flat, functions, outputs)
    }


def _size(dimension: int) -> int | None:
    return None if dimension in (graph.FREE, graph.INFERRED) else dimension


_Change = tuple[ir.Value, str, tuple[int, ...], ir.DataType | None]


class GraphImporter:
    """A conversion under way.

    Attributes:
        model: The native model.
        flat: Its graph without blocks.
        builder: Where operators are made: the graph, or the body of a loop.
        root: The graph.
        order: All functions, in order.
        outputs: What the model gives.
        operands: What has been made of each variable.
    """

    def __init__(self, model: Model, flat: Flat) -> None:
        self.model = model
        self.flat = flat
        self.builder = self.root = Builder("mmdnn.cntk", "network")
        self.order: list[Function] = []
        self.outputs: list[Variable] = []
        self.operands: dict[Variable, Operand] = {}
        self.names = Names(model, flat)
        self.reserved: set[str] = set()
        self.named: set[ir.Value] = set()
        self._lengths: dict[Axis, ir.Value] = {}
        self._owners: dict[Axis, str] = {}
        self._changed: dict[_Change, Operand] = {}

    def run(self, components: list[list[Function]], outputs: list[Variable]) -> ir.Model:
        """Import the functions; `outputs` become the model's."""
        functions = [function for component in components for function in component]
        self.order, self.outputs = functions, outputs
        self.reserved = {self.names.of(one) for each in functions for one in each.results}
        self.reserved.update(self.names.of(one) for one in outputs if one.owner is not None)
        self.builder.reserve(list(self.reserved))
        self._inputs(functions, outputs)
        self.components(components)
        for output in outputs:
            self._output(output)
        self._finish()
        return self.builder.model(**{"mmdnn.framework": "cntk"})

    def components(self, components: Sequence[Sequence[Function]]) -> None:
        """Import functions and loops, in order."""
        for component in components:
            if self.flat.is_loop(component):
                recurrence(self, component)
            elif any(one not in self.operands for one in component[0].results):
                self.function(component[0])

    def operand(self, variable: Variable) -> Operand:
        """What a variable is; parameters and constants are made when they are first read.

        Raises:
            FormatError: Nothing computes it.
        """
        variable = self.flat.resolve(variable)
        if variable not in self.operands:
            if variable.value is None:
                raise FormatError("nothing computes it", layer=variable.uid)
            self.operands[variable] = self._parameter(variable)
        return self.operands[variable]

    def lengths(self, axis: Axis) -> ir.Value:
        """The lengths of an axis's sequences, int64 [batch]; an input of the graph where need be."""
        if axis not in self._lengths:
            if axis not in self._owners:
                raise UnsupportedError(f"nothing says the lengths of the axis {axis}")
            name = sequences.lengths_name(self._owners[axis])
            self._lengths[axis] = self.root.input(name, ("batch",), ir.DataType.INT64)
        return self._lengths[axis]

    def set_lengths(self, axis: Axis, lengths: ir.Value) -> None:
        """Say the lengths of an axis that a function has made."""
        self._lengths[axis] = lengths

    def changed(
        self,
        x: Operand,
        how: str,
        function: references.Function,
        shape: tuple[int, ...],
        dtype: ir.DataType | None = None,
    ) -> Operand | None:
        """A parameter changed when it is read; see `Importing.changed`."""
        tensor = x.value.const_value
        if tensor is None or x.axes:
            return None
        if (x.value, how, shape, dtype) not in self._changed:
            name = f"{x.value.name}_{how}"
            lazy = references.lazy(tensor, function, shape=shape, dtype=dtype, name=name)
            self._derive(x, (how, shape, dtype), lazy)
        return self._changed[x.value, how, shape, dtype]

    def reshaped(self, x: Operand, shape: tuple[int, ...]) -> Operand | None:
        """A parameter in another shape; see `Importing.reshaped`."""
        tensor = x.value.const_value
        if tensor is None or x.axes:
            return None
        if (x.value, "reshaped", shape, None) not in self._changed:
            made = references.reshaped(tensor, shape, f"{x.value.name}_reshaped")
            self._derive(x, ("reshaped", shape, None), made)
        return self._changed[x.value, "reshaped", shape, None]

    def _derive(
        self,
        x: Operand,
        how: tuple[str, tuple[int, ...], ir.DataType | None],
        tensor: ir.TensorProtocol,
    ) -> None:
        with self.root.layer("", ""):
            value = self.root.weight(str(tensor.name), tensor)
        value.metadata_props.update(x.value.metadata_props)
        self._changed[x.value, *how] = Operand(value)

    def function(self, function: Function) -> None:
        """Import one function."""
        match = self.flat.matches.get(function)
        importing = Importing(function, self, match.bound if match else None)
        call = match.named.function if match else importer[function.op]
        try:
            with self.layer(function):
                operands = [self.operand(one) for one in self.flat.reads(function)]
                made = self._call(importing, call, operands)
                for variable, result in zip(function.results, made, strict=False):
                    self.set(variable, result)
            if match is None:
                importing.check_read()
        except Error as error:
            error.layer = error.layer or function.label
            error.operator = error.operator or function.type
            error.file = error.file or self.model.files.network
            raise type(error)(
                error.message,
                file=error.file,
                layer=error.layer,
                operator=error.operator,
                hint=error.hint,
            ) from None

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

    def _call(self, importing: Importing, call: object, operands: list[Operand]) -> list[Operand]:
        assert callable(call)
        op = self.builder.op
        try:
            inspect.signature(call).bind(importing, op, *operands)
        except TypeError:
            importing.unfit(f"it cannot have {len(operands)} inputs")
        try:
            with np.errstate(all="ignore"):
                made = call(importing, op, *operands)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            importing.unfit(f"its attributes do not fit its inputs ({error})")
        results = made if isinstance(made, (list, tuple)) else [made]
        axes = union(operands) if any(isinstance(one, ir.Value) for one in results) else ()
        return [Operand(one, axes) if isinstance(one, ir.Value) else one for one in results]

    def set(self, variable: Variable, made: Operand) -> None:
        """Say what a variable is, and name the value as CNTK names the variable."""
        self.operands[variable] = made
        value = made.value
        if self.builder is not self.root or value.producer() is None or value in self.named:
            return
        name = self.names.of(variable)
        free = name in self.reserved
        self.reserved.discard(name)
        self.builder.rename(value, name if free else self.builder.unique(name))
        self.named.add(value)

    def _inputs(self, functions: list[Function], outputs: list[Variable]) -> None:
        for variable in fed(self.model, self.flat, functions, outputs):
            self.operands[variable] = self._input(variable)

    def _input(self, variable: Variable) -> Operand:
        name = self.names.of(variable)
        given = self.model.files.input_shapes.get(name) or self.model.files.input_shapes.get("")
        dims = dimensions_of(variable, name, given)
        axes = variable.axes or ()
        dtype = variable.dtype if variable.dtype != ir.DataType.UNDEFINED else ir.DataType.FLOAT
        value = self.builder.input(self.builder.unique(name), dims, dtype)
        made = Operand(value, axes)
        sequences.describe(value, made.roles)
        if made.sequence is not None:
            self._owners.setdefault(made.sequence, str(value.name))
        self.named.add(value)
        return made

    def _parameter(self, variable: Variable) -> Operand:
        """A weight: of its own name where nothing else has it, else `<layer>.<name>`."""
        assert variable.value is not None
        name = variable.name
        if name and not self.names.is_unique(name):
            made = self.root.weight(name, variable.value)
        else:
            with self.root.layer("", ""):
                made = self.root.weight(name or variable.uid, variable.value)
        if not variable.trained:
            made.metadata_props[FIXED] = "yes"
        return Operand(made)

    def _output(self, variable: Variable) -> None:
        made = self.operand(variable)
        value, outputs = made.value, self.builder.graph.outputs
        name = self.names.of(variable)
        if value.producer() is None or value in outputs:
            value = self.builder.op.Identity(value)
        if value.name != name and name in self.reserved:
            self.builder.rename(value, name)
        self.reserved.discard(name)
        outputs.append(value)
        if not made.axes:
            return
        sequences.describe(value, made.roles, self._lengths_output(made, str(value.name)))

    def _lengths_output(self, made: Operand, name: str) -> str | None:
        """The name of the value with an output's lengths, an output of its own if it is computed."""
        if made.sequence is None or made.sequence not in self._lengths:
            return None
        lengths = self._lengths[made.sequence]
        graph_ = self.builder.graph
        if lengths in graph_.inputs or lengths in graph_.outputs:
            return str(lengths.name)
        if lengths.producer() is None:
            lengths = self.builder.op.Identity(lengths)
        self.builder.rename(lengths, self.builder.unique(sequences.lengths_name(name)))
        graph_.outputs.append(lengths)
        self._lengths[made.sequence] = lengths
        return str(lengths.name)

    def _finish(self) -> None:
        """Tidy the graph, and let inputs say which value has their lengths."""
        graph_ = self.builder.graph
        own = {
            operand.value for one, operand in self.operands.items() if one.owner and one.owner.name
        }
        cleanup.join_biases(graph_, own, lambda value, shape: self.reshaped(Operand(value), shape))
        derived = {made.value: key[0] for key, made in self._changed.items()}
        cleanup.sweep(graph_, derived)
        for operand in self.operands.values():
            axis = operand.sequence
            if operand.value in graph_.inputs and axis in self._lengths:
                lengths = str(self._lengths[axis].name)
                operand.value.metadata_props[sequences.LENGTHS] = lengths
