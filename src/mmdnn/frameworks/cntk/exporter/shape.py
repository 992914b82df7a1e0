"""Operators that change a shape or the order of axes, or repeat along them (ReshapingNodes.h)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.markers import Unknown, unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.sequence import reshaped_along, spread
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import FREE
from mmdnn.ir.builder import dimensions
from mmdnn.ir.exporting import ExportedNode


@exporter("Reshape", doc=f"{API}/cntk.ops#reshape", unused="allowzero")
def reshape(node: ExportedNode, cntk: CNTK, x: Operand, target: Operand) -> Operand:
    found = sizes(node.output.shape)
    if found is None:
        node.refuse("the shape it takes is computed while the model runs")
    whole = _over_all(cntk, x)
    if whole is not None:
        return whole
    said = target.numbers()
    return reshaped(cntk, x, found, [] if said is None else [int(i) for i in said])


def _over_all(cntk: CNTK, x: Operand) -> Operand | None:
    """CNTK's own functions over all static axes, which the IR flattens for."""
    op = cntk.node.source_type
    if not cntk.is_own or op not in {"Softmax", "Hardmax"}:
        return None
    found = cntk.matched(f"Reshape({op}(Reshape(x, flat)), shape)")
    before = found["x"] if found else x
    if not found or len(x.shape) != 1 or sizes(cntk.node.output.shape) != before.sizes:
        return None
    return cntk.make(op, before, shape=before.shape)


@exporter("Flatten", doc=f"{API}/cntk.ops#flatten")
def flatten(node: ExportedNode, cntk: CNTK, x: Operand, *, axis: int) -> Operand:
    axis = axis if axis >= 0 else axis + x.rank
    found = sizes(node.output.shape) or (FREE, FREE)
    return reshaped(cntk, x, found, [0, -1] if axis == 1 else [])


def reshaped(cntk: CNTK, x: Operand, found: Sequence[int], said: Sequence[int]) -> Operand:
    """The elements in another shape; the batch stays the batch where it is the first axis of both.

    `found` is the shape it takes, `said` how ONNX says it, with 0 and -1; empty where it says none.
    """
    if x.tensor is not None:
        return cntk.reshape(x, found)
    if (made := reshaped_along(cntk, x)) is not None:
        return made
    if x.is_batched and len(found) and _keeps_batch(cntk.node, x, found, said):
        return cntk.reshape(x, _closed(x.shape, found[1:]))
    x = cntk.unbatched(x)
    return cntk.reshape(x, _closed(x.shape, found))


def _keeps_batch(node: ExportedNode, x: Operand, found: Sequence[int], said: Sequence[int]) -> bool:
    rest, before = found[1:], x.shape
    if FREE not in rest and FREE not in before:
        return math.prod(rest) == math.prod(before)
    if said[:1] == [0]:
        return True
    value, made = node.node.inputs[0], node.output
    names = [dimensions(one)[0] for one in (value, made) if one is not None and one.shape]
    return len(names) == 2 and names[0] == names[1] and names[0] is not None


def _closed(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """A shape with its one open size worked out, where that can be."""
    if FREE in before or list(after).count(FREE) != 1:
        return list(after)
    rest = math.prod(size for size in after if size != FREE)
    total = math.prod(before)
    return [total // rest if size == FREE and rest else size for size in after]


@exporter("Squeeze", doc=f"{API}/cntk.ops#squeeze")
def squeeze(node: ExportedNode, cntk: CNTK, x: Operand, axes: Operand | None = None) -> Operand:
    if axes is None:
        if any(not isinstance(size, int) or size == FREE for size in x.dims):
            node.refuse("axes of its input are open: which have one element only a run tells")
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
def unsqueeze(node: ExportedNode, cntk: CNTK, x: Operand, axes: Operand) -> Operand:
    given = node.ints(axes, "axes")
    rank = x.rank + len(given)
    positions = {node.front(axis, rank) for axis in given}
    before, static = iter(x.layout), iter(x.shape)
    layout = tuple(None if i in positions else next(before) for i in range(rank))
    shape = [1 if i in positions else next(static) for i, axis in enumerate(layout) if axis is None]
    return cntk.reshape(x, shape, layout)


@exporter("Transpose", doc=f"{API}/cntk.ops#transpose")
def transpose(
    node: ExportedNode, cntk: CNTK, x: Operand, *, perm: list[int] | None = None
) -> Operand:
    """Dynamic axes move by themselves: CNTK does not count them."""
    order = list(range(x.rank))[::-1] if perm is None else perm
    layout: Layout = tuple(x.layout[position] for position in order)
    places = [x.static(position) for position in order if x.layout[position] is None]
    return cntk.transpose(x, places, layout)


@exporter("DepthToSpace", doc=f"{API}/cntk.ops#depth_to_space")
def depth_to_space(
    node: ExportedNode, cntk: CNTK, x: Operand, *, blocksize: int, mode: str
) -> Operand:
    block = blocksize
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
def space_to_depth(node: ExportedNode, cntk: CNTK, x: Operand, *, blocksize: int) -> Operand:
    block = blocksize
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
def shape(
    node: ExportedNode, cntk: CNTK, x: Operand, *, start: int | None = None, end: int | None = None
) -> Operand:
    """Only what is known of it before the model runs; CNTK's shapes are no values."""
    found = x.sizes
    if found is None or FREE in found:
        return unknown(node)
    if node.type == "Size":
        return cntk.constant(np.asarray(math.prod(found)), x)
    return cntk.constant(np.asarray(found[start:end]), x)


@exporter("Expand", doc="https://onnx.ai/onnx/operators/onnx__Expand.html")
def expand(node: ExportedNode, cntk: CNTK, x: Operand, target: Operand) -> Operand:
    """Times ones."""
    found = sizes(node.output.shape)
    if isinstance(target, Unknown):
        return spread(cntk, x)
    fed = target.value is not None and target.value.is_graph_input()
    if found is None or (fed and FREE in found):
        node.refuse("the shape it takes is computed while the model runs")
    return repeated(cntk, x, found)


def repeated(cntk: CNTK, x: Operand, found: Sequence[int]) -> Operand:
    """The operand broadcast to a shape; what is dynamic in it stays so."""
    lead = len(found) - x.rank
    if any(
        axis is not None and size == 1 != found[lead + position]
        for position, (axis, size) in enumerate(zip(x.layout, x.sizes or (), strict=False))
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
        cntk.node.refuse("the shape it takes is open")
    ones = cntk.constant(np.ones(wanted), x)
    x = cntk.reshape(x, own, layout)
    return cntk.make("ElementTimes", x, ones, shape=tuple(wanted), layout=layout)


@exporter("Tile", doc=f"{API}/cntk.ops#splice")
def tile(node: ExportedNode, cntk: CNTK, x: Operand, repeats: Operand) -> Operand:
    for axis, count in enumerate(node.ints(repeats, "repeats")):
        if count == 1:
            continue
        x, position = cntk.static(x, axis)
        if count < 1:
            node.refuse("nothing is left of its input")
        x = cntk.splice([x] * count, position)
    return x
