"""From a CNTK model to the IR, function by function, values named as in CNTK."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.errors import ShapeError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._order import is_loop
from mmdnn.frameworks.cntk.graph import Function, Model, Variable
from mmdnn.frameworks.cntk.importer import cleanup
from mmdnn.frameworks.cntk.importer.flat import Flat
from mmdnn.frameworks.cntk.importer.inputs_outputs import (
    axes_of,
    chosen_outputs,
    dimensions_of,
    fed,
    left_out,
)
from mmdnn.frameworks.cntk.importer.loops import recurrence
from mmdnn.frameworks.cntk.importer.names import Names
from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.table import GraphImporter, importer
from mmdnn.ir import notes, sequences
from mmdnn.ir.importing import open_where_possible
from mmdnn.shapes import OpenShape


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
    functions = [function for component in components for function in component]
    importer.check(
        [(one.op, one.label) for one in functions if one not in flat.matches], model.files.network
    )
    result = open_where_possible(
        lambda _: ModelImporter(model, flat).run(components, outputs),
        {},
        lambda missing: ShapeError(
            f"the size of '{missing}' cannot be told without those of the inputs",
            file=model.files.network,
            hint="Give them with --inputShape 3,224,224 (or whatever they are).",
        ),
    )
    names = Names(model, flat)
    left = (
        f"{names.of(one)} is left out, as it judges by {' and '.join(labels)}; "
        f"-node {names.of(one)} gives it."
        for one, labels in left_out(model).items()
    )
    return notes.add(result, *left)


def input_shapes(model: Model) -> dict[str, OpenShape | None]:
    """The inputs that a model's outputs need, with their dynamic axes, batch and time, first.

    Args:
        model: A model as the reader gives it.

    Returns:
        Names as in the IR, to shapes; None for what is open, or not known.
    """
    flat = Flat(model)
    names = Names(model, flat)
    outputs = chosen_outputs(model, flat)
    functions = [each for component in flat.components(outputs) for each in component]
    return {
        names.of(one): None
        if one.shape is None
        else (*(None for _ in axes_of(one) or ()), *map(_size, one.shape))
        for one in fed(model, flat, functions, outputs)
    }


def _size(dimension: int) -> int | None:
    return None if dimension in (graph.FREE, graph.INFERRED) else dimension


class ModelImporter(GraphImporter):
    """A model on its way in: its functions, and its ends."""

    def run(self, components: list[list[Function]], outputs: list[Variable]) -> ir.Model:
        """Import the functions; `outputs` become the model's."""
        functions = [function for component in components for function in component]
        self.order, self.outputs = functions, outputs
        made = [one for each in functions for one in each.results]
        made += [one for one in outputs if one.owner is not None]
        self.reserve(self.names.of(one) for one in made)
        for variable in fed(self.model, self.flat, functions, outputs):
            self.operands[variable] = self._input(variable)
        self.components(components)
        for output in outputs:
            self._output(output)
        self._finish()
        return self.builder.model(**{"mmdnn.framework": "cntk"})

    def components(self, components: Sequence[Sequence[Function]]) -> None:
        """Import functions and loops, in order."""
        for component in components:
            if is_loop(component, self.flat.reads):
                recurrence(self, component)
            elif any(one not in self.operands for one in component[0].results):
                self.function(component[0])

    def _input(self, variable: Variable) -> Operand:
        name = self.names.of(variable)
        given = self.model.files.input_shapes.get(name) or self.model.files.input_shapes.get("")
        dims = dimensions_of(variable, name, given)
        axes = axes_of(variable) or ()
        dtype = variable.dtype if variable.dtype != ir.DataType.UNDEFINED else ir.DataType.FLOAT
        value = self.builder.input(self.builder.unique(name), dims, dtype)
        made = Operand(value, axes)
        sequences.describe(value, made.roles)
        if made.sequence is not None:
            self.fed.setdefault(made.sequence, str(value.name))
        self.named.add(value)
        return made

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
        if made.sequence is None or made.sequence not in self.known_lengths:
            return None
        lengths = self.known_lengths[made.sequence]
        graph_ = self.builder.graph
        if lengths in graph_.inputs or lengths in graph_.outputs:
            return str(lengths.name)
        if lengths.producer() is None:
            lengths = self.builder.op.Identity(lengths)
        self.builder.rename(lengths, self.builder.unique(sequences.lengths_name(name)))
        graph_.outputs.append(lengths)
        self.known_lengths[made.sequence] = lengths
        return str(lengths.name)

    def _finish(self) -> None:
        """Tidy the graph, and let inputs say which value has their lengths."""
        graph_ = self.builder.graph
        own = {
            operand.value for one, operand in self.operands.items() if one.owner and one.owner.name
        }
        cleanup.join_biases(graph_, own, self.reshaped)
        cleanup.sweep(graph_, self.sources)
        for operand in self.operands.values():
            axis = operand.sequence
            if operand.value in graph_.inputs and axis in self.known_lengths:
                lengths = str(self.known_lengths[axis].name)
                operand.value.metadata_props[sequences.LENGTHS] = lengths
