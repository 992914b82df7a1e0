"""Colours of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.convolution import convolved, to_onnx
from mmdnn.frameworks.keras.importer.elementwise import number, together
from mmdnn.frameworks.keras.importer.layout import FIRST, several
from mmdnn.frameworks.keras.importer.resize import mixed
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

IMAGES = f"{LAYERS}/preprocessing_layers/image_augmentation"


def _ranged(op: Op, x: Value, before: tuple[float, float], after: tuple[float, float]) -> Value:
    """Numbers of one range in another."""
    if before == after:
        return x
    y = op.Div(op.Sub(x, number(x, before[0])), number(x, before[1] - before[0]))
    return op.Add(op.Mul(y, number(x, after[1] - after[0])), number(x, after[0]))


@importer("AutoContrast", doc=IMAGES, unused="data_format")
def auto_contrast(node: ImportedNode, op: Op, x: Value, *, value_range: Any) -> Value:
    """Each channel from its least to its largest over the whole range; one of a single value stays."""
    own, full = (float(value_range[0]), float(value_range[1])), (0.0, 255.0)
    scaled = _ranged(op, x, own, full)
    low, high = (op[f"Reduce{kind}"](scaled, [1, 2], keepdims=1) for kind in ("Min", "Max"))
    scale = op.Div(number(x, 255), op.Sub(high, low))
    y = op.Add(op.Mul(scaled, scale), op.Mul(op.Neg(low), scale))
    y = _ranged(op, op.Clip(y, number(x, 0), number(x, 255)), full, own)
    return op.Where(op.IsNaN(y), x, y)


_EDGES = ("top", "bottom", "left", "right")


@importer("ops.PadImages", "ops.CropImages", doc=f"{OPS}/image")
def pad_images(
    node: ImportedNode, op: Op, x: Value, *, target_height: Any, target_width: Any, data_format: str
) -> Value:
    """Rows and columns added or taken away at the edges; a size and one edge tell the other."""
    crops = node.layer.type == "ops.CropImages"
    word, way = ("cropping", -1) if crops else ("padding", 1)
    edges = [node.parameter(f"{edge}_{word}") for edge in _EDGES]
    first = rank(x) - (2 if data_format == FIRST else 3)
    pads = [0] * (2 * rank(x))
    for place, target in enumerate((target_height, target_width)):
        axis, (before, after) = first + place, edges[2 * place : 2 * place + 2]
        if target is not None and None in (before, after):
            rest = way * (int(target) - known(x, axis))
            before = rest - (after or 0) if before is None else before
            after = rest - before
        pads[axis], pads[axis + rank(x)] = way * int(before or 0), way * int(after or 0)
    return op.Pad(x, pads)


@importer("ops.ExtractPatches", doc=f"{OPS}/image")
def extract_patches(
    node: ImportedNode, op: Op, x: Value, *,
    size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: str,
) -> Value:  # fmt: skip
    """Each window's numbers as channels: rows, columns, channels."""
    count = rank(x) - 2
    window = several(node, size, count)
    channels = known(x, 1 if data_format == FIRST else rank(x) - 1)
    total = int(np.prod(window)) * channels
    kernel = np.eye(total, dtype=np.float32).reshape(*window, channels, total)
    said = {"strides": size if strides is None else strides, "dilation_rate": dilation_rate}
    said |= {"padding": padding, "data_format": data_format}
    turned = to_onnx(node, op, node.constant(kernel, x.dtype))
    return convolved(node, op, x, turned, None, **said)


@importer("ops.RGBToGrayscale", doc=f"{OPS}/image")
def rgb_to_grayscale(node: ImportedNode, op: Op, x: Value, *, data_format: str) -> Value:
    axis = rank(x) - 3 if data_format == FIRST else rank(x) - 1
    if known(x, axis) == 1:
        return op.Identity(x)
    [y] = together(node, op, x, floats=True)
    y = mixed(op, y, axis, np.asarray([[0.2989, 0.5870, 0.1140]]))
    return y if x.dtype == y.dtype else op.Cast(y, to=x.dtype or ir.DataType.FLOAT)
