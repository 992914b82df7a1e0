"""Tensors one after the other, on top of each other, and cut."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank
from mmdnn.ir.folding import vector


@importer("CONCATENATION", doc=DOC)
def concatenation(node: ImportedNode, op: Op, *inputs: Value, axis: int) -> Value:
    return op.Concat(*inputs, axis=node.axis(axis, inputs[0]))


@importer("STABLEHLO_CONCATENATE", doc=DOC)
def stablehlo_concatenate(node: ImportedNode, op: Op, *inputs: Value, dimension: int) -> Value:
    return op.Concat(*inputs, axis=dimension)


@importer("PACK", doc=DOC, unused="values_count")
def pack(node: ImportedNode, op: Op, *inputs: Value, axis: int) -> Value:
    place = axis % (rank(inputs[0]) + 1)
    return op.Concat(*(op.Unsqueeze(x, [place]) for x in inputs), axis=place)


@importer("UNPACK", doc=DOC, unused="num")
def unpack(node: ImportedNode, op: Op, x: Value, *, axis: int) -> list[Value]:
    place = node.axis(axis, x)
    return [op.Gather(x, np.int64(i), axis=place) for i in range(known(x, place))]


@importer("SPLIT", doc=DOC)
def split(node: ImportedNode, op: Op, axis: Value, x: Value, *, num_splits: int) -> list[Value]:
    """The axis is the first input."""
    place = node.axis(node.ints(axis, "its axis")[0], x)
    if num_splits == 1:
        return [op.Identity(x)]
    return list(op.outputs(num_splits).Split(x, axis=place, num_outputs=num_splits))


@importer("SPLIT_V", doc=DOC)
def split_v(
    node: ImportedNode, op: Op, x: Value, sizes: Value, axis: Value, *, num_splits: int
) -> list[Value]:
    """One size may be -1: what is left."""
    place = node.axis(node.ints(axis, "its axis")[0], x)
    if num_splits == 1:
        return [op.Identity(x)]
    said = vector(op, sizes)
    known_ = node.ints(sizes, "its sizes") if sizes.const_value is not None else None
    if known_ is not None and -1 in known_:
        known_[known_.index(-1)] = known(x, place) - sum(known_) - 1
        said = np.asarray(known_, np.int64)
    return list(op.outputs(num_splits).Split(x, said, axis=place))
