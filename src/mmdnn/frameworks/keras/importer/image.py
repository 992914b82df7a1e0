"""Colours of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.elementwise import number, together
from mmdnn.frameworks.keras.importer.layout import FIRST
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


@importer("ops.RGBToGrayscale", doc=f"{OPS}/image")
def rgb_to_grayscale(node: ImportedNode, op: Op, x: Value, *, data_format: str) -> Value:
    axis = rank(x) - 3 if data_format == FIRST else rank(x) - 1
    if known(x, axis) == 1:
        return op.Identity(x)
    [y] = together(node, op, x, floats=True)
    y = mixed(op, y, axis, np.asarray([[0.2989, 0.5870, 0.1140]]))
    return y if x.dtype == y.dtype else op.Cast(y, to=x.dtype or ir.DataType.FLOAT)
