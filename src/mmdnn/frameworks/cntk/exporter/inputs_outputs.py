"""A model's inputs and outputs: which of their axes are CNTK's batch and sequences, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.exporter.markers import Lengths, Unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.scope import Scope
from mmdnn.frameworks.cntk.exporter.sequence import axis_of
from mmdnn.frameworks.cntk.exporter.table import ExportedNode
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import BATCH, Axis, Function, Kind, Shape, Variable
from mmdnn.ir import sequences

Size = int | str | None


def take_inputs(scope: Scope, inputs: Sequence[ir.Value]) -> None:
    """Make the model's inputs. The batch is the first axis of the first input that has axes.

    Raises:
        UnsupportedError: Not even the number of an input's axes is known.
    """
    batch = _batch(inputs)
    _take_sequences(scope, inputs, batch)
    for value in inputs:
        if value not in scope.operands:
            scope.operands[value] = _input(scope, value, batch)
    made = reversed(scope.operands.values())
    scope.samples = {one.axes: one for one in made if one.axes}


def _batch(inputs: Iterable[ir.Value]) -> Size:
    found = [_size(value.shape[0]) for value in inputs if value.shape and not _is_static(value)]
    return found[0] if found else None


def _is_static(value: ir.Value) -> bool:
    """Whether it is said to have no dynamic axis."""
    return sequences.AXES in value.metadata_props and not sequences.axes_of(value)


def _size(dim: int | ir.SymbolicDim) -> Size:
    return dim if isinstance(dim, int) else dim.value


def _take_sequences(scope: Scope, inputs: Sequence[ir.Value], batch: Size) -> None:
    """Take note of sequences among the inputs, and of the inputs that are their lengths."""
    if isinstance(batch, str):
        scope.symbols[batch] = BATCH
    ends: dict[str, Axis] = {}
    for value in inputs:
        symbol = _size(value.shape[1]) if value.shape and len(value.shape) > 1 else None
        if sequences.TIME in sequences.axes_of(value) and isinstance(symbol, str):
            scope.symbols[symbol] = axis_of(symbol)
            ends[str(sequences.lengths_of(value))] = axis_of(symbol)
    for value in inputs:
        if str(value.name) in ends:
            node = ExportedNode(ir.node("Shape", [value], name=str(value.name)))
            scope.operands[value] = Lengths(
                (BATCH,), (), scope.whole, origin=node, of=ends[str(value.name)]
            )


def _input(scope: Scope, value: ir.Value, batch: Size) -> Operand:
    name = str(value.name)
    shape = sizes(value.shape)
    if shape is None:
        raise UnsupportedError("its number of axes is not known", layer=name)
    first = value.shape[0] if value.shape else None
    batched = first is not None and _size(first) == batch and not _is_static(value)
    layout: Layout = (BATCH, *(None,) * (len(shape) - 1)) if batched else (None,) * len(shape)
    static = shape[1:] if batched else shape
    axes: tuple[Axis, ...] = (BATCH,) if batched else ()
    if batched and sequences.TIME in sequences.axes_of(value):
        time = scope.symbols[str(_size(list(value.shape or [])[1]))]
        layout, static, axes = (BATCH, time, *layout[2:]), shape[2:], (BATCH, time)
    variable = Variable(
        scope.uid("Input"), Kind.INPUT, scope.kind(value.dtype), Shape(static), axes, name
    )
    scope.variables[variable.uid] = variable
    return Operand(layout, static, variable.dtype, variable, value)


def head(scope: Scope, value: ir.Value) -> Variable:
    """The variable of an output, a function's own."""
    operand = scope.operand(value)
    if isinstance(operand, Unknown):
        operand.refuse()
    producer = value.producer() or ir.node("Identity", [value], name=str(value.name))
    cntk = Writer(scope, ExportedNode(producer))
    first = value.shape[0] if value.shape else None
    if operand.is_static and operand.tensor is None and isinstance(first, ir.SymbolicDim):
        operand = cntk.batched(operand) if operand.layout else operand
    elif not operand.is_plain:
        operand = cntk.unbatched(operand)
    taken = {
        scope.operands[one].variable
        for one in scope.model.graph.outputs
        if one in scope.operands and one is not value
    }
    if operand.variable is None or operand.variable.owner is None or operand.variable in taken:
        operand = cntk.make("NoOp", operand, shape=operand.shape)
    scope.operands[value] = Operand(
        operand.layout, operand.shape, operand.dtype, operand.variable, value
    )
    assert operand.variable is not None
    return operand.variable


def alone(scope: Scope, value: ir.Value, head: Variable) -> Variable:
    """An output that can have its name: a function of several outputs names none of them."""
    if head.owner is None or len(head.owner.results) == 1:
        return head
    if scope.is_own and str(value.name).startswith(f"{head.owner.type}"):
        return head
    alias = Function("NoOp", scope.uid("NoOp"), inputs=[head])
    made = alias.output()
    made.shape, made.dtype, made.axes = head.shape, head.dtype, head.axes
    scope.aliases.add(alias)
    return made
