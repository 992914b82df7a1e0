"""Operators that move, copy or pick elements (Source/ComputationNetworkLib/ReshapingNodes.h)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.markers import Unknown, unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.picking import picked
from mmdnn.frameworks.cntk.exporter.sequence import reshaped_along, spread
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writing import Writing
from mmdnn.frameworks.cntk.graph import BATCH, FREE
from mmdnn.ir import LAYER


@exporter("Reshape", doc=f"{API}/cntk.ops#reshape")
def reshape(node: Exporting, cntk: Writing, x: Operand, target: Operand) -> Operand:
    node.ignore("allowzero")
    found = sizes(node.output.shape)
    if found is None:
        node.refuse("the shape it takes is computed while the model runs")
    whole = _over_all(node, cntk, x)
    if whole is not None:
        return whole
    said = target.numbers()
    return reshaped(node, cntk, x, found, [] if said is None else [int(i) for i in said])


def _over_all(node: Exporting, cntk: Writing, x: Operand) -> Operand | None:
    """CNTK's own functions over all static axes, which the IR flattens for."""
    maker = x.producer("Softmax", "Hardmax")
    flat = maker.inputs[0].producer() if maker is not None and maker.inputs[0] is not None else None
    first = flat.inputs[0] if flat is not None and flat.op_type == "Reshape" else None
    if not cntk.is_own or maker is None or flat is None or first is None:
        return None
    layers = {one.metadata_props.get(LAYER) for one in (maker, flat)}
    fits = layers == {node.source_layer} and node.source_type == maker.op_type
    if not fits or len(x.shape) != 1 or sizes(node.output.shape) != sizes(first.shape):
        return None
    before = cntk.operand(first)
    return cntk.make(maker.op_type, before, shape=before.shape)


@exporter("Flatten", doc=f"{API}/cntk.ops#flatten")
def flatten(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    axis = int(node.attribute("axis", 1))
    axis = axis if axis >= 0 else axis + x.rank
    found = sizes(node.output.shape) or (FREE, FREE)
    return reshaped(node, cntk, x, found, [0, -1] if axis == 1 else [])


def reshaped(
    node: Exporting, cntk: Writing, x: Operand, found: Sequence[int], said: Sequence[int]
) -> Operand:
    """The elements in another shape; the batch stays the batch where it is the first axis of both.

    Args:
        node: The node.
        cntk: To write with.
        x: What is reshaped.
        found: The shape it takes, `FREE` where that is open.
        said: The shape as ONNX says it, with 0 and -1; empty where it says none.
    """
    if x.tensor is not None:
        return cntk.reshape(x, found)
    first = node.node.inputs[0]
    made = reshaped_along(cntk, x, first.shape if first is not None else None, node.output.shape)
    if made is not None:
        return made
    if x.is_batched and len(found) and _keeps_batch(node, x, found, said):
        return cntk.reshape(x, _closed(x.shape, found[1:]))
    x = cntk.unbatched(x)
    return cntk.reshape(x, _closed(x.shape, found))


def _keeps_batch(node: Exporting, x: Operand, found: Sequence[int], said: Sequence[int]) -> bool:
    rest, before = found[1:], x.shape
    if FREE not in rest and FREE not in before:
        return math.prod(rest) == math.prod(before)
    if said[:1] == [0]:
        return True
    value, made = node.node.inputs[0], node.output
    names = [one.shape[0] for one in (value, made) if one is not None and one.shape is not None]
    same = len(names) == 2 and names[0] == names[1] and names[0] is not None
    named = not isinstance(names[0], ir.SymbolicDim) or names[0].value is not None
    return same and named


def _closed(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """A shape with its one open size worked out, where that can be."""
    if FREE in before or list(after).count(FREE) != 1:
        return list(after)
    rest = math.prod(size for size in after if size != FREE)
    total = math.prod(before)
    return [total // rest if size == FREE and rest else size for size in after]


@exporter("Squeeze", doc=f"{API}/cntk.ops#squeeze")
def squeeze(node: Exporting, cntk: Writing, x: Operand, axes: Operand | None = None) -> Operand:
    if axes is None:
        positions = [i for i, size in enumerate(x.dims) if size == 1]
    else:
        positions = [node.front(axis, x.rank) for axis in node.ints(axes, "axes")]
    x = cntk.unbatched(x) if any(x.layout[position] for position in positions) else x
    if cntk.is_own and node.source_type == "Squeeze":
        layout = tuple(axis for i, axis in enumerate(x.layout) if i not in positions)
        gone = [x.axis(position) for position in positions]
        left = cntk.squeezed(x, positions).shape
        return cntk.make("Squeeze", x, shape=left, layout=layout, axisVec=gone)
    return cntk.squeezed(x, positions)


@exporter("Unsqueeze", doc=f"{API}/cntk.ops#expand_dims")
def unsqueeze(node: Exporting, cntk: Writing, x: Operand, axes: Operand) -> Operand:
    given = node.ints(axes, "axes")
    rank = x.rank + len(given)
    positions = {node.front(axis, rank) for axis in given}
    before, static = iter(x.layout), iter(x.shape)
    layout = tuple(None if i in positions else next(before) for i in range(rank))
    shape = [1 if i in positions else next(static) for i, axis in enumerate(layout) if axis is None]
    return cntk.reshape(x, shape, layout)


@exporter("Transpose", doc=f"{API}/cntk.ops#transpose")
def transpose(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """Dynamic axes move by themselves: CNTK does not count them."""
    order = [int(axis) for axis in node.attribute("perm", list(range(x.rank))[::-1])]
    layout: Layout = tuple(x.layout[position] for position in order)
    places = [x.static(position) for position in order if x.layout[position] is None]
    return cntk.transpose(x, places, layout)


@exporter("Concat", doc=f"{API}/cntk.ops#splice")
def concat(node: Exporting, cntk: Writing, *parts: Operand) -> Operand:
    position = node.position("axis", 1, parts[0].rank)
    kept = [part for part in parts if 0 not in part.shape] or [parts[0]]
    if len(kept) == 1:
        return kept[0]
    return cntk.splice(unified(cntk, kept, position), position)


def unified(cntk: Writing, parts: Sequence[Operand], position: int) -> list[Operand]:
    """Operands of one layout, in which an axis is static."""
    layouts = {part.layout for part in parts}
    if len(layouts) == 1 and parts[0].layout[position] is None:
        return list(parts)
    batched = position > 0 and any(part.is_batched for part in parts)
    if batched and all(part.tensor is None for part in parts):
        return [cntk.batched(part) for part in parts]
    if batched and all(part.is_batched or part.dims[0] == 1 for part in parts):
        rank = parts[0].rank
        layout: Layout = (BATCH, *[None] * (rank - 1))
        return [
            part if part.is_batched else cntk.viewed(cntk.squeezed(part, [0]), layout)
            for part in parts
        ]
    return [cntk.unbatched(part) for part in parts]


@exporter("Split", doc=f"{API}/cntk.ops#slice")
def split(
    node: Exporting, cntk: Writing, x: Operand, given: Operand | None = None
) -> list[Operand]:
    position = node.position("axis", 0, x.rank)
    node.ignore("num_outputs")
    x = cntk.unbatched(x) if x.layout[position] is not None else x
    size, count = cntk.size(x, position), len(node.node.outputs)
    step = -(-size // count)
    parts = (
        node.ints(given, "parts")
        if given is not None
        else [min(step, size - i * step) for i in range(count)]
    )
    ends = np.cumsum(parts).tolist()
    return [
        cntk.cut(x, position, end - length, end) for end, length in zip(ends, parts, strict=True)
    ]


@exporter("Slice", doc=f"{API}/cntk.ops#slice")
def slice_(
    node: Exporting,
    cntk: Writing,
    x: Operand,
    starts: Operand,
    ends: Operand,
    axes: Operand | None = None,
    steps: Operand | None = None,
) -> Operand:
    begins, stops = node.ints(starts, "begin"), node.ints(ends, "end")
    which = node.ints(axes, "axes") if axes is not None else list(range(len(begins)))
    strides = node.ints(steps, "steps") if steps is not None else [1] * len(begins)
    for axis, begin, stop, step in zip(which, begins, stops, strides, strict=True):
        position = node.front(axis, x.rank)
        if (begin, step) == (0, 1) and stop >= 1 << 31:
            continue
        x = cntk.unbatched(x) if x.layout[position] is not None else x
        x = sliced(node, cntk, x, position, slice(begin, stop, step))
    return x


def sliced(node: Exporting, cntk: Writing, x: Operand, position: int, where: slice) -> Operand:
    """A slice as Python has it, of a static axis; backwards by a second one."""
    if x.dims[position] == FREE:
        return _of_open(node, cntk, x, position, where)
    found = range(*where.indices(cntk.size(x, position)))
    if not found:
        node.refuse("nothing is left of its input")
    first, last = sorted((found[0], found[-1]))
    x = cntk.cut(x, position, first, last + 1, abs(found.step))
    return x if found.step > 0 or len(found) == 1 else cntk.cut(x, position, 0, len(found), -1)


def _of_open(node: Exporting, cntk: Writing, x: Operand, position: int, where: slice) -> Operand:
    """The last elements of an axis of open size, or elements counted from its front."""
    to_end = where.stop >= 1 << 31
    if where.step == 1 and where.start < 0 and to_end:
        return cntk.cut(x, position, where.start, 0)
    if where.step == 1 and 0 <= where.start < where.stop and not to_end:
        rows = np.arange(where.start, where.stop, dtype=x.dtype.numpy())
        return picked(cntk, x, position, cntk.constant(rows))
    return node.refuse(f"the size of axis {position} is open")


@exporter("Expand", doc="https://onnx.ai/onnx/operators/onnx__Expand.html")
def expand(node: Exporting, cntk: Writing, x: Operand, target: Operand) -> Operand:
    """Times ones."""
    found = sizes(node.output.shape)
    if isinstance(target, Unknown):
        return spread(node, cntk, x)
    if found is None:
        node.refuse("the shape it takes is computed while the model runs")
    return repeated(node, cntk, x, found)


def repeated(node: Exporting, cntk: Writing, x: Operand, found: Sequence[int]) -> Operand:
    """The operand broadcast to a shape; what is dynamic in it stays so."""
    lead = len(found) - x.rank
    before = (node.node.inputs[0].shape if node.node.inputs[0] is not None else None) or ()
    if any(
        axis is not None and size == 1 != found[lead + position]
        for position, (axis, size) in enumerate(zip(x.layout, before, strict=False))
    ):
        x = cntk.unbatched(x)
    layout: Layout = (None,) * lead + x.layout
    wanted = [size for size, axis in zip(found, layout, strict=True) if axis is None]
    own = [1] * lead + list(x.shape)
    if len(wanted) == len(own) and all(a in (b, FREE) for a, b in zip(wanted, own, strict=True)):
        return cntk.reshape(x, own, layout)
    if FREE in wanted:
        wanted = [b if a == FREE else a for a, b in zip(wanted, own, strict=True)]
    if FREE in wanted:
        node.refuse("the shape it takes is open")
    ones = cntk.constant(np.ones(wanted, x.dtype.numpy()))
    x = cntk.reshape(x, own, layout)
    return cntk.make("ElementTimes", x, ones, shape=tuple(wanted), layout=layout)


@exporter("Tile", doc=f"{API}/cntk.ops#splice")
def tile(node: Exporting, cntk: Writing, x: Operand, repeats: Operand) -> Operand:
    for position, count in enumerate(node.ints(repeats, "repeats")):
        if count == 1:
            continue
        x = cntk.unbatched(x) if x.layout[position] is not None else x
        if count < 1:
            node.refuse("nothing is left of its input")
        x = cntk.splice([x] * count, position)
    return x


MODES = {"constant": 0, "reflect": 1}
"""CNTK::PaddingMode."""


@exporter("Pad", doc=f"{API}/cntk.ops#pad")
def pad(
    node: Exporting,
    cntk: Writing,
    x: Operand,
    pads: Operand,
    value: Operand | None = None,
    axes: Operand | None = None,
) -> Operand:
    """Negative padding cuts; the edge is repeated by hand."""
    mode = node.attribute("mode", "constant")
    amounts = node.ints(pads, "padding")
    which = node.ints(axes, "axes") if axes is not None else list(range(x.rank))
    number = 0.0 if value is None else float(node.numbers(value, "value").reshape(-1)[0])
    if mode not in {*MODES, "edge", "wrap"}:
        node.refuse(f"its mode is {mode}")
    around: dict[int, tuple[int, int]] = {}
    for place, axis in enumerate(which):
        position = node.front(axis, x.rank)
        begin, end = amounts[place], amounts[place + len(which)]
        if not (begin or end):
            continue
        x = cntk.unbatched(x) if x.layout[position] is not None else x
        if min(begin, end) < 0:
            size = cntk.size(x, position)
            x = cntk.cut(x, position, max(-begin, 0), size + min(end, 0))
        around[position] = (max(begin, 0), max(end, 0))
    if mode in MODES:
        return cntk.padded(x, around, number, MODES[mode])
    for position, (begin, end) in around.items():
        x = _surrounded(cntk, x, position, begin, end, mode)
    return x


def _surrounded(
    cntk: Writing, x: Operand, position: int, begin: int, end: int, mode: str
) -> Operand:
    size = cntk.size(x, position)
    if mode == "edge":
        first, last = cntk.cut(x, position, 0, 1), cntk.cut(x, position, size - 1, size)
        return cntk.splice([*[first] * begin, x, *[last] * end], position)
    if max(begin, end) > size:
        cntk.node.refuse("it wraps around more than once")
    before = [cntk.cut(x, position, size - begin, size)] if begin else []
    behind = [cntk.cut(x, position, 0, end)] if end else []
    return cntk.splice([*before, x, *behind], position)


@exporter("DepthToSpace", doc=f"{API}/cntk.ops#depth_to_space")
def depth_to_space(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    block, mode = node.attribute("blocksize"), node.attribute("mode", "DCR")
    x = cntk.batched(x)
    channels, height, width = x.shape
    depth = _divided(channels, block * block)
    if mode == "DCR":
        parts, order = (block, block, depth, height, width), [2, 3, 0, 4, 1]
    else:
        parts, order = (depth, block, block, height, width), [0, 3, 1, 4, 2]
    moved = cntk.transpose(cntk.reshape(x, parts), order)
    return cntk.reshape(moved, (depth, _times(height, block), _times(width, block)))


@exporter("SpaceToDepth", doc=f"{API}/cntk.ops#space_to_depth")
def space_to_depth(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    block = node.attribute("blocksize")
    x = cntk.batched(x)
    depth, height, width = x.shape
    if FREE in x.shape:
        node.refuse("the size of its input is open")
    parts = (depth, height // block, block, width // block, block)
    moved = cntk.transpose(cntk.reshape(x, parts), [2, 4, 0, 1, 3])
    return cntk.reshape(moved, (depth * block * block, height // block, width // block))


def _divided(size: int, by: int) -> int:
    return size if size == FREE else size // by


def _times(size: int, by: int) -> int:
    return size if size == FREE else size * by


@exporter("Shape", "Size", doc="https://onnx.ai/onnx/operators/onnx__Shape.html")
def shape(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """Only what is known of it before the model runs; CNTK's shapes are no values."""
    found = sizes(node.node.inputs[0].shape) if node.node.inputs[0] is not None else None
    start, end = node.attribute("start", 0), node.attribute("end", x.rank)
    if found is None or FREE in found:
        return unknown(node)
    if node.type == "Size":
        return cntk.constant(np.asarray(math.prod(found), x.dtype.numpy()))
    return cntk.constant(np.asarray(found[start:end], x.dtype.numpy()))


__all__ = ["repeated", "reshaped", "sliced", "unified"]
