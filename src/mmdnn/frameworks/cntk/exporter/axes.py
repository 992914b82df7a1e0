"""Which axes of an IR value are CNTK's batch and sequences: of inputs, and of what operands broadcast to.

ONNX counts the batch and the time among a value's axes, CNTK does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.exporter.markers import Lengths
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.scope import Scope
from mmdnn.frameworks.cntk.graph import BATCH, DYNAMIC, FREE, SEQUENCE, Axis, Kind, Shape, Variable
from mmdnn.ir import sequences
from mmdnn.ir.builder import Dimension, dimensions
from mmdnn.ir.exporting import ExportedNode


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


def _batch(inputs: Iterable[ir.Value]) -> Dimension:
    found = [dimensions(value)[0] for value in inputs if value.shape and not _is_static(value)]
    return found[0] if found else None


def _is_static(value: ir.Value) -> bool:
    """Whether it is said to have no dynamic axis."""
    return sequences.AXES in value.metadata_props and not sequences.axes_of(value)


def _take_sequences(scope: Scope, inputs: Sequence[ir.Value], batch: Dimension) -> None:
    """Take note of sequences among the inputs, and of the inputs that are their lengths."""
    if isinstance(batch, str):
        scope.symbols[batch] = BATCH
    ends: dict[str, Axis] = {}
    for value in inputs:
        symbol = dimensions(value)[1] if value.shape and len(value.shape) > 1 else None
        if sequences.TIME in sequences.axes_of(value) and isinstance(symbol, str):
            scope.symbols[symbol] = axis_of(symbol)
            ends[str(sequences.lengths_of(value))] = axis_of(symbol)
    for value in inputs:
        if str(value.name) in ends:
            node = ExportedNode(ir.node("Shape", [value], name=str(value.name)))
            scope.operands[value] = Lengths(
                (BATCH,), (), scope.whole, origin=node, of=ends[str(value.name)]
            )


def _input(scope: Scope, value: ir.Value, batch: Dimension) -> Operand:
    name = str(value.name)
    shape = sizes(value.shape)
    if shape is None:
        raise UnsupportedError("its number of axes is not known", layer=name)
    dims = dimensions(value)
    axes: tuple[Axis, ...] = ()
    if dims and dims[0] == batch and not _is_static(value):
        ordered = sequences.TIME in sequences.axes_of(value)
        axes = (BATCH, scope.symbols[str(dims[1])]) if ordered else (BATCH,)
    static = shape[len(axes) :]
    variable = Variable(
        scope.uid("Input"), Kind.INPUT, scope.kind(value.dtype), Shape(static), axes, name
    )
    scope.variables[variable.uid] = variable
    return Operand((*axes, *[None] * len(static)), static, variable.dtype, variable, value)


def axis_of(symbol: str | None) -> Axis:
    """The sequence axis of an open dimension of the IR."""
    if symbol in (None, "time"):
        return SEQUENCE
    return Axis(DYNAMIC, str(symbol).removesuffix("_time"), ordered=True)


def joint_layout(operands: Sequence[Operand]) -> Layout | None:
    """The layout of what these broadcast to; None where an axis is dynamic in one, not in another."""
    rank = max((one.rank for one in operands), default=0)
    layout: list[Axis | None] = []
    for back in range(rank, 0, -1):
        dims = {one.dims[-back] for one in operands if one.rank >= back}
        dynamic = {dim for dim in dims if isinstance(dim, Axis)}
        if len(dynamic) > 1 or (dynamic and not dims <= {1, *dynamic}):
            return None
        layout.append(dynamic.pop() if dynamic else None)
    taken = [axis for axis in layout if axis is not None]
    return tuple(layout) if len(set(taken)) == len(taken) else None


def could_be_batched(one: Operand, others: Sequence[Operand]) -> bool:
    """Whether it is static and computed, and its first axis stands where another's batch does."""
    if not one.is_static or one.tensor is not None:
        return False
    return any(
        other.is_batched and other.rank == one.rank and not differ([one, other]) for other in others
    )


def differ(operands: Sequence[Operand]) -> bool:
    """Whether their first axes are known to be of several sizes: those are no one batch."""
    firsts = [
        next(iter((one.sizes if one.is_batched else None) or one.dims), None) for one in operands
    ]
    return len({size for size in firsts if isinstance(size, int) and size != FREE}) > 1


def ones_beside(layout: Layout, one: Operand) -> list[int]:
    """The operand's static axes that stand beside dynamic ones of the result."""
    first = len(layout) - one.rank
    return [
        position
        for position, axis in enumerate(one.layout)
        if axis is None and layout[first + position] is not None
    ]


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The static shape that others broadcast to, at their last axes."""
    rank = max(map(len, shapes), default=0)
    columns = zip(*[(1,) * (rank - len(shape)) + shape for shape in shapes], strict=True)
    return tuple(_joint(column) for column in columns)


def _joint(column: tuple[int, ...]) -> int:
    found = [size for size in column if size not in (1, FREE)]
    return found[0] if found else (FREE if FREE in column else 1)
