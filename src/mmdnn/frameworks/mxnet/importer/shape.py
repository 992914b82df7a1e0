"""Operators that rearrange: reshape, transpose, join, split, pad (src/operator/tensor/matrix_op.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.shapes import (
    Size,
    flat,
    joined,
    known,
    product,
    rank,
    reshape,
    squeeze,
    transpose,
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


@importer("transpose", "_np_transpose", doc=f"{NN}.transpose")
def transpose_(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    axes = [node.axis(axis, x) for axis in node.p.axes or ()]
    return transpose(op, x, axes or range(rank(x))[::-1])


@importer("SwapAxis", doc=f"{NN}.swapaxes")
def swap_axes(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return _swapped(op, x, node.axis(node.p.dim1, x), node.axis(node.p.dim2, x))


def _swapped(op: Any, x: ir.Value, a: int, b: int) -> ir.Value:
    order = list(range(rank(x)))
    order[a], order[b] = b, a
    return transpose(op, x, order)


@importer("_np_moveaxis", doc=f"{NN}.moveaxis")
def move_axis(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    source = [node.axis(axis, x) for axis in node.p.source]
    target = [node.axis(axis, x) for axis in node.p.destination]
    order = [axis for axis in range(rank(x)) if axis not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return transpose(op, x, order)


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


@importer("Concat", "_npi_concatenate", "_rnn_param_concat", doc=f"{NN}.concat")
def concat(node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    """Parameters alone stay a parameter: the vector of a recurrent layer."""
    p = node.p
    if node.type == "_npi_concatenate" and p.axis is None:
        return op.Concat(*(reshape(op, x, [-1]) for x in inputs), axis=0)
    dim = p.axis if node.type == "_npi_concatenate" else p.dim
    axis = node.axis(dim, inputs[0])
    joined = _joined(node, inputs) if node.type == "_rnn_param_concat" and axis == 0 else None
    return op.Concat(*inputs, axis=axis) if joined is None else joined


def _joined(node: Importing, inputs: Sequence[ir.Value]) -> ir.Value | None:
    tensors = [value.const_value for value in inputs]
    if any(tensor is None for tensor in tensors) or any(rank(value) != 1 for value in inputs):
        return None
    length, dtype = sum(known(value, 0) for value in inputs), inputs[0].dtype or ir.DataType.FLOAT
    read = [node.constant for _ in inputs]

    def compute() -> ir.TensorProtocol:
        parts = [get(value) for get, value in zip(read, inputs, strict=True)]
        return ir.tensor(np.concatenate([part for part in parts if part is not None]))

    return node.plain(f"{node.name}_params", ir.LazyTensor(compute, dtype, ir.Shape([length])))


@importer("stack", "_npi_stack", doc=f"{NN}.stack")
def stack(node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    axis = node.p.axis if node.p.axis >= 0 else node.p.axis + rank(inputs[0]) + 1
    return op.Concat(*(op.Unsqueeze(x, [axis]) for x in inputs), axis=axis)


def _at_least(op: Any, x: ir.Value, axes: int) -> ir.Value:
    """With leading axes of size 1."""
    missing = axes - rank(x)
    return op.Unsqueeze(x, list(range(missing))) if missing > 0 else x


@importer("_npi_vstack", doc=f"{NN}.vstack")
def vstack(_node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    return op.Concat(*(_at_least(op, x, 2) for x in inputs), axis=0)


@importer("_npi_hstack", doc=f"{NN}.hstack")
def hstack(_node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    inputs = tuple(_at_least(op, x, 1) for x in inputs)
    return op.Concat(*inputs, axis=min(rank(inputs[0]) - 1, 1))


@importer("SliceChannel", doc=f"{NN}.split")
def slice_channel(node: Importing, op: Any, x: ir.Value) -> list[ir.Value]:
    p = node.p
    return _parts(node, op, x, node.axis(p.axis, x), p.num_outputs, p.squeeze_axis)


def _parts(
    node: Importing, op: Any, x: ir.Value, axis: int, count: int, squeezed: bool
) -> list[ir.Value]:
    dim = dimensions(x)[axis]
    if isinstance(dim, int) and (dim % count or (squeezed and dim != count)):
        node.unfit(f"an axis of {dim} does not split into {count}")
    made = op.Split(x, axis=axis, num_outputs=count, outputs=count) if count > 1 else x
    parts = [made] if isinstance(made, ir.Value) else list(made)
    return [op.Squeeze(part, [axis]) for part in parts] if squeezed else parts


@importer("_split_v2", doc=f"{NN}.split_v2")
def split(node: Importing, op: Any, x: ir.Value) -> list[ir.Value]:
    """At places, of which the first is 0, or into equal sections."""
    p = node.p
    axis = node.axis(p.axis, x)
    if p.sections > 0:
        _ = p.indices
        return _parts(node, op, x, axis, p.sections, p.squeeze_axis)
    places = list(p.indices)
    ends: list[int] = [*places[1:], np.iinfo(np.int64).max]
    parts = [op.Slice(x, [a], [b], [axis]) for a, b in zip(places, ends, strict=True)]
    return [op.Squeeze(part, [axis]) for part in parts] if p.squeeze_axis else parts


@importer("_npi_hsplit", "_npi_dsplit", doc=f"{NN}.split")
def numpy_split(node: Importing, op: Any, x: ir.Value) -> list[ir.Value]:
    axis = 2 if node.type == "_npi_dsplit" else min(1, rank(x) - 1)
    _ = node.p.indices, node.p.axis, node.p.squeeze_axis
    if node.p.sections <= 0:
        node.refuse("places to split at")
    return _parts(node, op, x, axis, node.p.sections, False)


@importer("tile", doc=f"{NN}.tile")
def tile(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Repetitions and axes are aligned at the right."""
    times = list(node.p.reps)
    x = _at_least(op, x, len(times))
    times = [1] * (rank(x) - len(times)) + times
    return op.Tile(x, np.asarray(times, np.int64)) if times else x


@importer("repeat", doc=f"{NN}.repeat")
def repeat(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Each element; without an axis of the flattened array."""
    p = node.p
    times = p.repeats
    if p.axis is None:
        x, axis = reshape(op, x, [tuple(range(rank(x)))]), 0
    else:
        axis = node.axis(p.axis, x)
    after = op.Unsqueeze(x, [axis + 1])
    counts = [1] * rank(after)
    counts[axis + 1] = times
    y = op.Tile(after, np.asarray(counts, np.int64))
    kept: list[Size] = [(i,) for i in range(axis)]
    rest: list[Size] = [(i,) for i in range(axis + 2, rank(y))]
    return reshape(op, y, [*kept, (axis, axis + 1), *rest])


@importer("Pad", doc=f"{NN}.pad")
def pad(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    widths = list(p.pad_width)
    if len(widths) != 2 * rank(x):
        node.unfit(f"pad_width {widths} does not fit {rank(x)} axes")
    pads = np.asarray(widths[::2] + widths[1::2], np.int64)
    _ = p.constant_value
    if p.mode == "constant":
        return op.Pad(x, pads, array(p.constant_value, x))
    return op.Pad(x, pads, mode=p.mode)


@importer("_npi_pad", doc=f"{NN}.pad")
def numpy_pad(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    modes = {"constant": "constant", "edge": "edge", "reflect": "reflect"}
    _ = p.reflect_type, p.constant_value
    if p.mode not in modes or p.reflect_type != "even":
        node.refuse(f"mode {p.mode}")
    widths = [list(pair) for pair in p.pad_width]
    widths = widths * rank(x) if len(widths) == 1 else widths
    pads = np.asarray([w[0] for w in widths] + [w[-1] for w in widths], np.int64)
    if p.mode == "constant":
        return op.Pad(x, pads, array(p.constant_value, x))
    return op.Pad(x, pads, mode=modes[p.mode])


@importer("depth_to_space", doc=f"{NN}.depth_to_space")
def depth_to_space(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.DepthToSpace(x, blocksize=node.p.block_size, mode="DCR")


@importer("space_to_depth", doc=f"{NN}.space_to_depth")
def space_to_depth(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.SpaceToDepth(x, blocksize=node.p.block_size)


@importer("reverse", "_npi_flip", doc=f"{NN}.reverse")
def reverse(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    axes = [node.axis(axis, x) for axis in node.p.axis or range(rank(x))]
    lowest = np.iinfo(np.int64).min
    count = len(axes)
    return op.Slice(x, [-1] * count, [lowest] * count, axes, [-1] * count)


@importer("broadcast_to", "_npi_broadcast_to", doc=f"{NN}.broadcast_to")
def broadcast_to(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """A size of 0 (NumPy: -2) stays what it is."""
    target = list(node.p.shape)
    x = _at_least(op, x, len(target))
    sizes = [1 if n in {0, -2} else n for n in target]
    for axis, n in enumerate(sizes):
        if n != 1 and known(x, axis) not in {1, n}:
            node.unfit(f"axis {axis} has the size {known(x, axis)}, neither 1 nor {n}")
    return expanded(op, x, np.asarray(sizes, np.int64), dict(enumerate(sizes)))


def expanded(
    op: Any, x: ir.Value, sizes: ir.Value | np.ndarray, known_sizes: dict[int, Any]
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
def broadcast_axis(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    sizes = [1] * rank(x)
    for axis, n in zip(node.p.axis, node.p.size, strict=True):
        place = node.axis(axis, x)
        if known(x, place) != 1:
            node.unfit(f"axis {axis} has the size {known(x, place)}, not 1")
        sizes[place] = n
    return expanded(op, x, np.asarray(sizes, np.int64), dict(enumerate(sizes)))


@importer("broadcast_like", doc=f"{NN}.broadcast_like")
def broadcast_like(node: Importing, op: Any, x: ir.Value, like: ir.Value) -> ir.Value:
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


@importer("shape_array", doc=f"{NN}.shape_array")
def shape_array(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Shape(x)


@importer("size_array", doc=f"{NN}.size_array")
def size_array(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Reshape(op.Size(x), [1])


@importer("diag", "_np_diag", doc=f"{NN}.diag")
def diagonal(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """A matrix from a diagonal, or the diagonal of two axes, last."""
    k = node.p.k
    legacy = node.type == "diag"
    axes = (node.p.axis1, node.p.axis2) if legacy else (0, 1)
    if rank(x) == 1:
        return _from_diagonal(op, x, k)
    return take_diagonal(node, op, x, k, axes)


def _from_diagonal(op: Any, x: ir.Value, k: int) -> ir.Value:
    n = known(x, 0)
    rows = np.arange(n) + max(-k, 0)
    places = np.stack([rows, rows + k], 1).astype(np.int64)
    side = n + abs(k)
    zeros = op.Expand(array(0, x), np.asarray([side, side], np.int64))
    return op.ScatterND(zeros, places, x)


def take_diagonal(node: Importing, op: Any, x: ir.Value, k: int, axes: Sequence[int]) -> ir.Value:
    """The k-th diagonal of two axes, as the last axis."""
    a, b = (node.axis(axis, x) for axis in axes)
    rows, columns = known(x, a), known(x, b)
    start, stop = max(-k, 0), min(rows, columns - k)
    places = np.arange(start, stop)
    rest = [axis for axis in range(rank(x)) if axis not in {a, b}]
    merged = reshape(op, transpose(op, x, [*rest, a, b]), _merged(len(rest)))
    return op.Gather(merged, (places * columns + places + k).astype(np.int64), axis=len(rest))


def _merged(count: int) -> list[Size]:
    return [*((axis,) for axis in range(count)), (count, count + 1)]


@importer("_np_diagonal", doc=f"{NN}.diagonal")
def numpy_diagonal(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return take_diagonal(node, op, x, node.p.offset, (node.p.axis1, node.p.axis2))


@importer("_np_roll", doc=f"{NN}.roll")
def roll(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Elements shifted round along axes, or of the flattened array."""
    shifts, axes = list(node.p.shift or ()), node.p.axis
    if axes is None:
        y = _rolled(op, reshape(op, x, [tuple(range(rank(x)))]), shifts[0], 0)
        return op.Reshape(y, op.Shape(x))
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    for shift, axis in zip(shifts, axes, strict=True):
        x = _rolled(op, x, shift, node.axis(axis, x))
    return x


def _rolled(op: Any, x: ir.Value, shift: int, axis: int) -> ir.Value:
    shift %= known(x, axis)
    parts = [known(x, axis) - shift, shift]
    if not shift:
        return x
    first, last = op.Split(x, np.asarray(parts, np.int64), axis=axis, outputs=2)
    return op.Concat(last, first, axis=axis)
