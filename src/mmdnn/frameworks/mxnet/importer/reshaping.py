"""Operators that give the same elements another shape (src/operator/tensor/matrix_op.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.shapes import (
    Size,
    flat,
    joined,
    known,
    product,
    rank,
    reshape,
    squeeze,
    vector,
)
from mmdnn.frameworks.mxnet.importer.table import Importing, importer
from mmdnn.ir.builder import NeedsStatic, dimensions

KEEP, INFER, REST, MERGE, SPLIT, SKIP = "keep", "infer", "rest", "merge", "split", "skip"
CODES = {0: KEEP, -1: INFER, -2: REST, -3: MERGE, -4: SPLIT}
NUMPY_CODES = {-1: INFER, -2: KEEP, -3: SKIP, -4: REST, -5: MERGE, -6: SPLIT}


@importer("Reshape", doc=f"{NN}.reshape")
def reshape_(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """0 keeps an axis, -1 infers, -2 keeps the rest, -3 merges two, -4 splits one in two."""
    p = node.p
    if node.model.params and x.const_value is not None:
        folded = _parameter(node, x)
        if folded is not None:
            return folded
    if p.shape:
        return reshape(op, x, decoded(node, x, p.shape, CODES, reverse=p.reverse))
    if not p.target_shape:
        node.unfit("it has no shape")
    target: list[Size] = [-1 if number == 0 else number for number in p.target_shape]
    if p.keep_highest:
        target[0] = (0,)
    return reshape(op, x, target)


def _parameter(node: Importing, x: ir.Value) -> ir.Value | None:
    """A parameter in another shape, computed when it is read: Gluon's recurrent layers flatten all."""
    if list(node.p.shape) != [-1]:
        return None
    count = product(x, range(rank(x)))
    return None if count is None else node.changed(x, "flat", lambda a: a.reshape(-1), (count,))


@importer("_npx_reshape", doc=f"{NN}.reshape")
def numpy_reshape(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    if node.p.order != "C":
        node.refuse(f"order {node.p.order}")
    return reshape(op, x, decoded(node, x, node.p.newshape, NUMPY_CODES, reverse=node.p.reverse))


@importer("_np_reshape", doc=f"{NN}.reshape")
def plain_reshape(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    if node.p.order != "C":
        node.refuse(f"order {node.p.order}")
    return reshape(op, x, list(node.p.newshape))


def decoded(
    node: Importing, x: ir.Value, codes: Sequence[int], table: dict[int, str], *, reverse: bool
) -> list[Size]:
    """The target that the codes stand for; `reverse` reads them, and the axes, from the right."""
    count = rank(x)
    axes = list(range(count))
    if reverse:
        codes, axes = codes[::-1], axes[::-1]
    target: list[Size] = []
    place, todo = 0, list(codes)
    while todo:
        code = todo.pop(0)
        what = table.get(code, "number") if code <= 0 else "number"
        needed = {KEEP: 1, MERGE: 2, SPLIT: 1, SKIP: 1}.get(what, 0)
        if (needed and place + needed > count) or (what == SPLIT and len(todo) < 2):
            node.unfit(f"shape {list(codes)} does not fit {count} axes")
        taken = axes[place : place + needed]
        if what == REST:
            target += [(axis,) for axis in axes[place:]]
            needed = count - place
        elif what in {KEEP, MERGE}:
            target.append(tuple(sorted(taken)))
        elif what == SPLIT:
            target += _split(node, x, taken[0], todo.pop(0), todo.pop(0))
        elif what != SKIP:
            if code < -1:
                node.unfit(f"{code} is no code of a shape")
            target.append(code)
            needed = 1
        place += needed
    target = target[::-1] if reverse else target
    if target.count(-1) > 1:
        raise NeedsStatic(x.name, [dim for dim in dimensions(x) if isinstance(dim, str)])
    return target


def _split(node: Importing, x: ir.Value, axis: int, left: int, right: int) -> list[Size]:
    """Two sizes of one axis, of which one may be -1."""
    if -1 not in {left, right} or left == right:
        return [left, right]
    whole = product(x, [axis])
    if whole is None:
        return [left, right]
    other = left if right == -1 else right
    if not other or whole % other:
        node.unfit(f"an axis of {whole} does not split by {other}")
    return [whole // other if n == -1 else n for n in (left, right)]


@importer("Flatten", doc=f"{NN}.Flatten")
def flatten(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    if rank(x) < 2:
        return op.Unsqueeze(x, [1])
    return flat(op, x) if product(x, range(1, rank(x))) is not None else op.Flatten(x, axis=1)


@importer("reshape_like", doc=f"{NN}.reshape_like")
def reshape_like(node: Importing, op: Any, x: ir.Value, like: ir.Value) -> ir.Value:
    """Some axes of x replaced by some axes of another value."""
    p = node.p
    first, last = _range(node, rank(x), p.lhs_begin, p.lhs_end)
    start, end = _range(node, rank(like), p.rhs_begin, p.rhs_end)
    parts = [
        *(vector(op, x, [(axis,)]) for axis in range(first)),
        *(vector(op, like, [(axis,)]) for axis in range(start, end)),
        *(vector(op, x, [(axis,)]) for axis in range(last, rank(x))),
    ]
    y = op.Reshape(x, joined(op, parts))
    own, other = dimensions(x), dimensions(like)
    y.shape = ir.Shape([*own[:first], *other[start:end], *own[last:]])
    return y


def _range(node: Importing, count: int, begin: int | None, end: int | None) -> tuple[int, int]:
    first = (begin or 0) + (count if (begin or 0) < 0 else 0)
    last = count if end is None else end + (count if end < 0 else 0)
    if not 0 <= first <= last <= count:
        node.unfit(f"axes {begin} to {end} of {count}")
    return first, last


@importer("expand_dims", doc=f"{NN}.expand_dims")
def expand_dims(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    axis = node.p.axis
    return op.Unsqueeze(x, [axis if axis >= 0 else axis + rank(x) + 1])


@importer("squeeze", "_np_squeeze", doc=f"{NN}.squeeze")
def squeeze_(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """All axes of size 1, or some; one axis is always left unless shapes are NumPy's."""
    if node.p.axis is None:
        axes = [axis for axis in range(rank(x)) if known(x, axis) == 1]
    else:
        axes = sorted(node.axis(axis, x) for axis in node.p.axis)
    if len(axes) == rank(x) and not node.numpy:
        axes = axes[1:]
    return squeeze(op, x, axes)


@importer("shape_array", doc=f"{NN}.shape_array")
def shape_array(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Shape(x)


@importer("size_array", doc=f"{NN}.size_array")
def size_array(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Reshape(op.Size(x), [1])
