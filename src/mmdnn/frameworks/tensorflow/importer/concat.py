"""Tensors joined and split."""

from __future__ import annotations

from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op


def _joined(node: ImportedNode, op: Op, parts: tuple[Value, ...], axis: Value) -> Value:
    place = node.axis(node.ints(axis, "its axis")[0], parts[0])
    return op.Concat(*parts, axis=place) if len(parts) > 1 else parts[0]


@importer("ConcatV2", doc=f"{RAW}/ConcatV2", unused="N")
def concat_v2(node: ImportedNode, op: Op, *inputs: Value) -> Value:
    return _joined(node, op, inputs[:-1], inputs[-1])


@importer("Concat", doc=f"{RAW}/Concat", unused="N")
def concat(node: ImportedNode, op: Op, axis: Value, *parts: Value) -> Value:
    return _joined(node, op, parts, axis)


@importer("Pack", doc=f"{RAW}/Pack", unused="N")
def pack(node: ImportedNode, op: Op, *parts: Value, axis: int) -> Value:
    return op.Concat(*(op.Unsqueeze(part, [axis]) for part in parts), axis=axis)


@importer("Unpack", doc=f"{RAW}/Unpack")
def unpack(node: ImportedNode, op: Op, x: Value, *, num: int, axis: int) -> list[Value]:
    if num == 1:
        return [op.Squeeze(x, [axis])]
    axis = node.axis(axis, x)
    parts = op.outputs(num).Split(x, axis=axis, num_outputs=num)
    return [op.Squeeze(part, [axis]) for part in parts]


@importer("Split", doc=f"{RAW}/Split")
def split(node: ImportedNode, op: Op, axis: Value, x: Value, *, num_split: int) -> list[Value]:
    place = node.axis(node.ints(axis, "its axis")[0], x)
    if num_split == 1:
        return [x]
    return list(op.outputs(num_split).Split(x, axis=place, num_outputs=num_split))


@importer("SplitV", doc=f"{RAW}/SplitV")
def split_v(
    node: ImportedNode, op: Op, x: Value, sizes: Value, axis: Value, *, num_split: int
) -> list[Value]:
    """One size may be -1: what is left."""
    place = node.axis(node.ints(axis, "its axis")[0], x)
    if num_split == 1:
        return [x]
    known = node.ints(sizes, "its sizes")
    if -1 not in known:
        return list(op.outputs(num_split).Split(x, known, axis=place))
    rest = op.Sub(op.Shape(x, start=place, end=place + 1), [sum(known) + 1])
    parts = [rest if size == -1 else op.Identity([size]) for size in known]
    return list(op.outputs(num_split).Split(x, op.Concat(*parts, axis=0), axis=place))


@importer("ConcatOffset", doc=f"{RAW}/ConcatOffset", unused="N")
def concat_offset(node: ImportedNode, op: Op, axis: Value, *shapes: Value) -> list[Value]:
    place = node.ints(axis, "its axis")[0]
    found, start = [], 0
    for each in shapes:
        sizes = node.ints(each)
        offsets = [0] * len(sizes)
        offsets[place] = start
        start += sizes[place]
        found.append(node.constant(offsets, each))
    return found
