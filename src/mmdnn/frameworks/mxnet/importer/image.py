"""Preprocessing of pictures in the graph (src/operator/image): heights, widths, channels last."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, cast
from mmdnn.frameworks.mxnet.importer.indexing import FARTHEST
from mmdnn.frameworks.mxnet.importer.table import NN, Floats, ImportedNode, importer
from mmdnn.ir.axes import transpose
from mmdnn.ir.builder import Op, known, rank


@importer("_image_to_tensor", doc=f"{NN}.image.to_tensor")
def to_tensor(_node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Channels first, from 0 to 1."""
    order = [2, 0, 1] if rank(x) == 3 else [0, 3, 1, 2]
    numbers = transpose(op, cast(op, x, ir.DataType.FLOAT), order)
    return op.Div(numbers, np.float32(255))


@importer("_image_normalize", doc=f"{NN}.image.normalize")
def normalize(node: ImportedNode, op: Op, x: ir.Value, *, mean: Floats, std: Floats) -> ir.Value:
    """(x - mean) / std by channel, channels first."""
    channels = known(x, rank(x) - 3)
    middle, scale = (_channels(given, channels, x) for given in (mean, std))
    return op.Div(op.Sub(x, middle), scale)


def _channels(given: Floats, count: int, like: ir.Value) -> np.ndarray:
    each = list(given) * count if len(given) == 1 else list(given)[:count]
    return array(np.asarray(each).reshape(-1, 1, 1), like)


@importer("_image_crop", doc=f"{NN}.image.crop")
def crop(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p, axis = node.p, rank(x) - 3
    return op.Slice(x, [p.y, p.x], [p.y + p.height, p.x + p.width], [axis, axis + 1])


_FLIPPED = {"flip_left_right": 1, "flip_top_bottom": 0}


@importer(*(f"_image_{name}" for name in _FLIPPED), doc=f"{NN}.image")
def flip(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Of one picture. The middle of an odd number of rows or columns MXNet leaves undefined."""
    axis = _FLIPPED[node.type.rpartition("image_")[2]]
    if rank(x) != 3 or known(x, axis) % 2:
        node.refuse("pictures in a batch, or an odd size: MXNet gives arbitrary numbers")
    return op.Slice(x, [-1], [FARTHEST.min], [axis], [-1])
