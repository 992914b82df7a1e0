"""Preprocessing of pictures in the graph (src/operator/image): heights, widths, channels last."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast
from mmdnn.frameworks.mxnet.importer.indexing import FARTHEST
from mmdnn.frameworks.mxnet.importer.shapes import known, rank, transpose
from mmdnn.frameworks.mxnet.importer.table import Importing, importer


@importer("_image_to_tensor", "_npx__image_to_tensor", doc=f"{NN}.image.to_tensor")
def to_tensor(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Channels first, from 0 to 1."""
    order = [2, 0, 1] if rank(x) == 3 else [0, 3, 1, 2]
    numbers = transpose(op, cast(op, x, ir.DataType.FLOAT), order)
    return op.Div(numbers, np.float32(255))


@importer("_image_normalize", "_npx__image_normalize", doc=f"{NN}.image.normalize")
def normalize(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """(x - mean) / std by channel, channels first."""
    channels = known(x, rank(x) - 3)
    mean, std = (_channels(given, channels, x) for given in (node.p.mean, node.p.std))
    return op.Div(op.Sub(x, mean), std)


def _channels(given: tuple[float, ...], count: int, like: ir.Value) -> np.ndarray:
    each = list(given) * count if len(given) == 1 else list(given)[:count]
    return array(np.asarray(each).reshape(-1, 1, 1), like)


@importer("_image_crop", "_npx__image_crop", doc=f"{NN}.image.crop")
def crop(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p, axis = node.p, rank(x) - 3
    return op.Slice(x, [p.y, p.x], [p.y + p.height, p.x + p.width], [axis, axis + 1])


@importer("_image_flip_left_right", "_npx__image_flip_left_right", doc=f"{NN}.image")
def flip_left_right(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Slice(x, [-1], [FARTHEST.min], [rank(x) - 2], [-1])


@importer("_image_flip_top_bottom", "_npx__image_flip_top_bottom", doc=f"{NN}.image")
def flip_top_bottom(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Slice(x, [-1], [FARTHEST.min], [rank(x) - 3], [-1])


@importer("all_finite", doc=f"{NN}.all_finite")
def all_finite(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """1 where no number is infinite or not one, [1]."""
    _ = node.p.init_output
    wrong = op.Cast(op.Or(op.IsNaN(x), op.IsInf(x)), to=ir.DataType.FLOAT)
    return op.Reshape(op.Sub(np.float32(1), op.ReduceMax(wrong, keepdims=0)), [1])
