"""The same elements in another shape or order, or repeated (src/operator/tensor/matrix_op.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, Ints, importer, same
from mmdnn.ir import SAID
from mmdnn.ir.axes import (
    Size,
    along,
    at_least,
    at_least_three,
    flat,
    joined,
    product,
    reshape,
    squeeze,
    transpose,
    vector,
)
from mmdnn.ir.builder import NeedsStatic, Op, dimensions, known, rank

KEEP, INFER, REST, MERGE, SPLIT, SKIP = "keep", "infer", "rest", "merge", "split", "skip"

CODES = {0: KEEP, -1: INFER, -2: REST, -3: MERGE, -4: SPLIT}

NUMPY_CODES = {-1: INFER, -2: KEEP, -3: SKIP, -4: REST, -5: MERGE, -6: SPLIT}


@importer("Reshape", doc=f"{NN}.reshape")
def reshape_(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """0 keeps an axis, -1 infers, -2 keeps the rest, -3 merges two, -4 splits one in two."""
    p = node.p
    if node.graph.model.params and x.const_value is not None:
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


def _parameter(node: ImportedNode, x: ir.Value) -> ir.Value | None:
    """A parameter in another shape, computed when it is read: Gluon's recurrent layers flatten all."""
    if list(node.p.shape) != [-1]:
        return None
    count = product(x, range(rank(x)))
    return (
        None if count is None else node.graph.changed(x, "flat", lambda a: a.reshape(-1), (count,))
    )


@importer("_npx_reshape", doc=f"{NN}.reshape")
def numpy_reshape(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    if node.p.order != "C":
        node.refuse(f"order {node.p.order}")
    return reshape(op, x, decoded(node, x, node.p.newshape, NUMPY_CODES, reverse=node.p.reverse))


@importer("_np_reshape", doc=f"{NN}.reshape")
def plain_reshape(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    if node.p.order != "C":
        node.refuse(f"order {node.p.order}")
    return reshape(op, x, list(node.p.newshape))


def decoded(
    node: ImportedNode, x: ir.Value, codes: Sequence[int], table: dict[int, str], *, reverse: bool
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
    symbols = [dim for dim in dimensions(x) if isinstance(dim, str)]
    if target.count(-1) > 1 or (_is_fixed(target) and _are_said(node, symbols)):
        raise NeedsStatic(x.name, symbols)
    return target


def _is_fixed(target: Sequence[Size]) -> bool:
    """Whether only one number of elements fits."""
    return all(isinstance(size, int) and size > 0 for size in target)


def _are_said(node: ImportedNode, symbols: Sequence[str]) -> bool:
    """Whether the files say what open dimensions of inputs are; others stay open, whatever fits them."""
    said = {dimensions(v)[0] for v in node.graph.builder.graph.inputs if SAID in v.metadata_props}
    return bool(symbols) and said.issuperset(symbols)


def _split(node: ImportedNode, x: ir.Value, axis: int, left: int, right: int) -> list[Size]:
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
def flatten(_node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    if rank(x) < 2:
        return op.Unsqueeze(x, [1])
    return flat(op, x) if product(x, range(1, rank(x))) is not None else op.Flatten(x, axis=1)


@importer("reshape_like", doc=f"{NN}.reshape_like")
def reshape_like(node: ImportedNode, op: Op, x: ir.Value, like: ir.Value) -> ir.Value:
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


def _range(node: ImportedNode, count: int, begin: int | None, end: int | None) -> tuple[int, int]:
    first = (begin or 0) + (count if (begin or 0) < 0 else 0)
    last = count if end is None else end + (count if end < 0 else 0)
    if not 0 <= first <= last <= count:
        node.unfit(f"axes {begin} to {end} of {count}")
    return first, last


@importer("expand_dims", doc=f"{NN}.expand_dims")
def expand_dims(node: ImportedNode, op: Op, x: ir.Value, *, axis: int) -> ir.Value:
    return op.Unsqueeze(x, [axis if axis >= 0 else axis + rank(x) + 1])


@importer("squeeze", "_np_squeeze", doc=f"{NN}.squeeze")
def squeeze_(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """All axes of size 1, or some; one axis is always left unless shapes are NumPy's."""
    if node.p.axis is None:
        axes = [axis for axis in range(rank(x)) if known(x, axis) == 1]
    else:
        axes = sorted(node.axis(axis, x) for axis in node.p.axis)
    if len(axes) == rank(x) and not node.numpy:
        axes = axes[1:]
    return squeeze(op, x, axes)


same("Shape", "shape_array", doc=f"{NN}.shape_array")


@importer("size_array", doc=f"{NN}.size_array")
def size_array(_node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return op.Reshape(op.Size(x), [1])


@importer("transpose", "_np_transpose", doc=f"{NN}.transpose")
def transpose_(node: ImportedNode, op: Op, x: ir.Value, *, axes: Ints) -> ir.Value:
    order = [node.axis(axis, x) for axis in axes]
    return transpose(op, x, order or range(rank(x))[::-1])


@importer("SwapAxis", doc=f"{NN}.swapaxes")
def swap_axes(node: ImportedNode, op: Op, x: ir.Value, *, dim1: int, dim2: int) -> ir.Value:
    order = list(range(rank(x)))
    order[dim1], order[dim2] = node.axis(dim2, x), node.axis(dim1, x)
    return transpose(op, x, order)


@importer("_np_moveaxis", doc=f"{NN}.moveaxis")
def move_axis(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    source = [node.axis(axis, x) for axis in node.p.source]
    target = [node.axis(axis, x) for axis in node.p.destination]
    order = [axis for axis in range(rank(x)) if axis not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return transpose(op, x, order)


same("DepthToSpace", "depth_to_space", doc=f"{NN}.depth_to_space", blocksize="block_size")
same("SpaceToDepth", "space_to_depth", doc=f"{NN}.space_to_depth", blocksize="block_size")


@importer("tile", doc=f"{NN}.tile")
def tile(node: ImportedNode, op: Op, x: ir.Value, *, reps: Ints) -> ir.Value:
    """Repetitions and axes are aligned at the right."""
    times = list(reps)
    x = at_least(op, x, len(times))
    times = [1] * (rank(x) - len(times)) + times
    return op.Tile(x, np.asarray(times, np.int64)) if times else x


@importer("repeat", doc=f"{NN}.repeat")
def repeat(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Each element; without an axis of the flattened array."""
    x, axis = along(node, op, x, node.p.axis)
    after = op.Unsqueeze(x, [axis + 1])
    counts = [1] * rank(after)
    counts[axis + 1] = node.p.repeats
    y = op.Tile(after, np.asarray(counts, np.int64))
    kept: list[Size] = [(i,) for i in range(axis)]
    rest: list[Size] = [(i,) for i in range(axis + 2, rank(y))]
    return reshape(op, y, [*kept, (axis, axis + 1), *rest])


@importer("broadcast_to", "_npi_broadcast_to", doc=f"{NN}.broadcast_to")
def broadcast_to(node: ImportedNode, op: Op, x: ir.Value, *, shape: Ints) -> ir.Value:
    """A size of 0 (NumPy: -2) stays what it is."""
    target = list(shape)
    x = at_least(op, x, len(target))
    sizes = [1 if n in {0, -2} else n for n in target]
    for axis, n in enumerate(sizes):
        if n != 1 and known(x, axis) not in {1, n}:
            node.unfit(f"axis {axis} has the size {known(x, axis)}, neither 1 nor {n}")
    return expanded(op, x, np.asarray(sizes, np.int64), dict(enumerate(sizes)))


def expanded(
    op: Op, x: ir.Value, sizes: ir.Value | np.ndarray, known_sizes: dict[int, Any]
) -> ir.Value:
    """Axes of size 1 grown to these sizes; others stay."""
    y = op.Expand(x, sizes)
    dims = [
        known_sizes[i] if dim == 1 and i in known_sizes else dim
        for i, dim in enumerate(dimensions(x))
    ]
    y.shape = ir.Shape(dims)
    return y


@importer("broadcast_axis", doc=f"{NN}.broadcast_axis")
def broadcast_axis(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    sizes = [1] * rank(x)
    for axis, n in zip(node.p.axis, node.p.size, strict=True):
        place = node.axis(axis, x)
        if known(x, place) != 1:
            node.unfit(f"axis {axis} has the size {known(x, place)}, not 1")
        sizes[place] = n
    return expanded(op, x, np.asarray(sizes, np.int64), dict(enumerate(sizes)))


@importer("broadcast_like", doc=f"{NN}.broadcast_like")
def broadcast_like(node: ImportedNode, op: Op, x: ir.Value, like: ir.Value) -> ir.Value:
    """To the shape of another value, or some axes to the sizes of some of its axes."""
    p = node.p
    own, other = p.lhs_axes, p.rhs_axes
    if own is None or other is None:
        pairs = {axis: axis for axis in range(rank(x))}
    else:
        axes = zip(own, other, strict=True)
        pairs = {node.axis(a, x): node.axis(b, like) for a, b in axes}
    parts = [
        vector(op, like, [(pairs[axis],)]) if axis in pairs else np.asarray([1], np.int64)
        for axis in range(rank(x))
    ]
    return expanded(op, x, joined(op, parts), {a: dimensions(like)[b] for a, b in pairs.items()})


@importer("_np_atleast_1d", "_np_atleast_2d", "_np_atleast_3d", doc=f"{NP}.atleast_1d.html")
def numpy_at_least(node: ImportedNode, op: Op, *inputs: ir.Value) -> list[ir.Value]:
    """Axes of size 1 in front; of three, the last of them behind."""
    wanted = int(node.type[-2])
    made = [at_least_three(op, x) if wanted == 3 else at_least(op, x, wanted) for x in inputs]
    return [op.Identity(y) if y is x else y for x, y in zip(inputs, made, strict=True)]
