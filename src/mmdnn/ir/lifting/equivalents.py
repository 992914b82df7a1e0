"""Other ways to compute the same: what a layer's nodes may have become in another framework and back."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.ir.lifting.groups import sizes, small
from mmdnn.ir.lifting.matching import Form, Same, same_attributes
from mmdnn.ir.passes.defaults import integer
from mmdnn.ir.values import has_integers

RESHAPES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})

Cuts: TypeAlias = dict[int, tuple[int, int, int]]
"""By axis, begin, end and step; as they are said, where the axis is open."""


def _reshaped(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """The same elements in the same shape, however many steps it took; MXNet's scalars have an axis."""
    one, other = behind(ours, RESHAPES), behind(theirs, RESHAPES)
    if one is ours and other is theirs:
        return False
    shapes = [None if value.shape is None else list(value.shape) for value in (ours, theirs)]
    mine, wanted = shapes
    alike = mine is not None and mine == wanted and ir.SymbolicDim(None) not in mine
    return (alike or shapes in ([[1], []], [[], [1]])) and same(one, other)


def _cut(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """The same part of a value, by a Split or a Slice."""
    one, other = part(ours), part(theirs)
    return one is not None and other is not None and one[1] == other[1] and same(one[0], other[0])


def part(value: ir.Value) -> tuple[ir.Value, Cuts] | None:
    """What a value is a part of, and which part."""
    node = value.producer()
    whole = node.inputs[0] if node is not None else None
    if node is None or whole is None or whole.shape is None:
        return None
    dims, cuts = sizes(whole), {}
    if node.op_type == "Split":
        axis = integer(node, "axis") % len(dims)
        lengths = [sizes(output)[axis] for output in node.outputs]
        start = sum(lengths[: value.index()])
        cuts[axis] = start, start + lengths[value.index() or 0], 1
        return whole, cuts
    numbers = [small(each) for each in node.inputs[1:]] if node.op_type == "Slice" else []
    said = [number.reshape(-1).tolist() for number in numbers if number is not None]
    if len(said) != len(numbers) or len(said) < 3:
        return None
    for begin, end, axis, step in zip(
        *said, *([[1] * len(said[0])] * (4 - len(said))), strict=True
    ):
        size = dims[axis]
        chosen = slice(begin, end, step).indices(size) if size else (begin, end, step)
        if chosen not in {(0, size, 1), (0, np.iinfo(np.int64).max, 1)}:
            cuts[axis % len(dims)] = chosen
    return whole, cuts


def _index(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """Elements by an index that is held within the axis: Caffe takes whatever is beyond it."""
    one, other = ours.producer(), theirs.producer()
    if one is None or other is None or one.op_type not in {"Gather", "GatherElements"}:
        return False
    index = one.inputs[1].producer() if one.inputs[1] is not None else None
    if one.op_type != other.op_type or index is None or not same_attributes(one, other):
        return False
    axis = integer(one, "axis")
    size = sizes(one.inputs[0])[axis] if one.inputs[0] is not None else 0
    said = [small(value) for value in index.inputs[1:]]
    limits = [None if each is None else int(each.reshape(-1)[0]) for each in said]
    held = limits == {"Clip": [0, size - 1], "Mod": [size]}.get(index.op_type)
    held = held or (index.op_type == "Mod" and _is_size(index.inputs[1], one.inputs[0]))
    return held and same(one.inputs[0], other.inputs[0]) and same(index.inputs[0], other.inputs[1])


def _is_size(number: ir.Value | None, of: ir.Value | None) -> bool:
    """Whether a number is the size of a value's first axis."""
    if number is None:
        return False
    shape = behind(number, RESHAPES | {"Cast", "Gather", "Slice"}).producer()
    return shape is not None and shape.op_type == "Shape" and shape.inputs[0] is of


def _squares(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """Sums of squares or of sizes, by one node or by two."""
    one, other = ours.producer(), theirs.producer()
    if one is None or other is None or one.op_type != "ReduceSum":
        return False
    made = one.inputs[0].producer() if one.inputs[0] is not None else None
    each = made.inputs[0] if made is not None else None
    if made is None or not same_attributes(one, other):
        return False
    square = made.op_type == "Mul" and made.inputs[0] is made.inputs[1]
    pair = {"ReduceSumSquare": square, "ReduceL1": made.op_type == "Abs"}
    axes = [node.inputs[1] if len(node.inputs) > 1 else None for node in (one, other)]
    return pair.get(other.op_type, False) and same(each, other.inputs[0]) and same(*axes)


def _truths(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """Where something is not 0."""
    one, other = _not_zero(ours), _not_zero(theirs)
    if one is None or other is None or (one is ours and other is theirs):
        return False
    return same(one, other)


def _not_zero(value: ir.Value) -> ir.Value | None:
    """What is compared with 0, through truth values that are numbers in between; None for other types."""
    found = None
    while (node := value.producer()) is not None:
        inner = node.inputs[0]
        if node.op_type == "Not" and inner is not None:
            node = inner.producer() or node
            zero = small(node.inputs[1]) if node.op_type == "Equal" else None
            if zero is None or zero.size != 1 or zero.any():
                return found
        elif node.op_type != "Cast" or not (_is_truth(value) or has_integers(inner)):
            return found
        if node.inputs[0] is None:
            return found
        found = value = node.inputs[0]
    return found


def _is_truth(value: ir.Value | None) -> bool:
    return value is not None and value.dtype == ir.DataType.BOOL


def _place(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """The last place of a maximum, counted from the end of the reversed axis."""
    casts = frozenset({"Cast"})
    one, other = behind(ours, casts).producer(), behind(theirs, casts).producer()
    if one is None or other is None or one.op_type != "Sub" or other.op_type != "ArgMax":
        return False
    first = behind(one.inputs[1], casts).producer() if one.inputs[1] is not None else None
    turned = (
        first.inputs[0].producer() if first is not None and first.inputs[0] is not None else None
    )
    count = small(one.inputs[0])
    if first is None or turned is None or count is None or turned.op_type != "Slice":
        return False
    axis = integer(first, "axis")
    steps = [small(value) for value in turned.inputs[1:]]
    size = sizes(turned.inputs[0])[axis] if turned.inputs[0] is not None else 0
    reverse = [None if each is None else each.reshape(-1).tolist() for each in steps]
    said = {**first.attributes, "select_last_index": ir.AttrInt64("select_last_index", 1)}
    return (
        first.op_type == "ArgMax"
        and count.size == 1
        and float(count.reshape(-1)[0]) == size - 1
        and reverse == [[-1], [np.iinfo(np.int64).min], [axis], [-1]]
        and same_attributes(ir.node("ArgMax", [], said), other)
        and same(turned.inputs[0], other.inputs[0])
    )


_POWERS = {0.5: "Sqrt", -1.0: "Reciprocal"}


def _power(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """A power by its exponent, or by its name."""
    one, other = ours.producer(), theirs.producer()
    if one is None or other is None or one.op_type != "Pow":
        return False
    exponent = _single(one.inputs[1])
    named = exponent is not None and _POWERS.get(exponent) == other.op_type
    return named and same(one.inputs[0], other.inputs[0])


def _factor(same: Same, ours: ir.Value, theirs: ir.Value) -> bool:
    """A product with what was a divisor, rounded."""
    one, other = ours.producer(), theirs.producer()
    if one is None or other is None or (one.op_type, other.op_type) != ("Mul", "Div"):
        return False
    factor, divisor = _single(one.inputs[1]), _single(other.inputs[1])
    if not factor or not divisor or np.float32(1) / np.float32(divisor) != np.float32(factor):
        return False
    return same(one.inputs[0], other.inputs[0])


def _single(value: ir.Value | None) -> float | None:
    """The number that a constant of one element is."""
    found = small(value)
    return float(found.reshape(-1)[0]) if found is not None and found.size == 1 else None


FORMS: tuple[Form, ...] = (_reshaped, _cut, _index, _squares, _truths, _place, _power, _factor)
"""What is tried where two nodes are not the same."""


def behind(value: ir.Value, types: frozenset[str]) -> ir.Value:
    """What a row of such nodes reads."""
    node = value.producer()
    while node is not None and node.op_type in types and node.inputs[0] is not None:
        value = node.inputs[0]
        node = value.producer()
    return value
