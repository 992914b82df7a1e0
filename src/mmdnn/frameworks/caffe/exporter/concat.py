"""Blobs one after the other, and cut apart: Concat and Slice layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode


@exporter("Concat", doc=f"{TUTORIAL}/concat.html")
def concat(node: ExportedNode, caffe: Writer, *parts: Operand, axis: int) -> Blob:
    blobs = [caffe.blob(part) for part in parts if 0 not in part.shape]
    if not blobs:
        node.refuse("nothing is left")
    if len(blobs) == 1:
        return blobs[0]
    return caffe.layer("Concat", *blobs, shape=node.shape(), axis=node.axis(blobs[0], axis))


@exporter("Split", doc=f"{TUTORIAL}/slice.html", unused="num_outputs")
def split(
    node: ExportedNode, caffe: Writer, x: Blob, sizes: Operand | None = None, *, axis: int
) -> Sequence[Blob]:
    axis = node.axis(x, axis)
    lengths = [node.shape(i)[axis] for i in range(len(node.node.outputs))]
    if sizes is not None and node.ints(sizes, "parts") != lengths:
        node.refuse(f"its parts {lengths} are not those of its outputs")
    if len(lengths) == 1:
        return [x]
    points = None if len(set(lengths)) == 1 else list(accumulate(lengths))[:-1]
    shapes = [node.shape(i) for i in range(len(lengths))]
    return caffe.layers("Slice", x, shapes=shapes, axis=axis, slice_point=points)
