"""Element-wise layers with one input or several (src/caffe/layers/*_layer.cpp of the same name).

None of them broadcasts sizes of 1, as ONNX does.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.pooling import LOWEST
from mmdnn.frameworks.caffe.importer.shapes import agree, channels, known
from mmdnn.frameworks.caffe.importer.table import YOLO, ImportedLayer, importer, plain
from mmdnn.ir.builder import Op, rank, shape

PROD, SUM, MAX = 0, 1, 2


@importer("Split")
def split(layer: ImportedLayer, _op: Op, x: ir.Value) -> list[ir.Value]:
    return [x] * len(layer.tops)


@importer("Eltwise")
def eltwise(layer: ImportedLayer, op: Op, *bottoms: ir.Value) -> ir.Value:
    """A sum or maximum in place loses its first bottom: the top is initialised before it is read."""
    p = layer.param()
    if len(bottoms) < 2:
        layer.unfit(f"it takes 2 bottoms or more, and there are {len(bottoms)}")
    for other in bottoms[1:]:
        agree(bottoms[0], other)
    if p.coeff and (p.operation != SUM or len(p.coeff) != len(bottoms)):
        layer.unfit(f"{len(p.coeff)} coefficients do not fit {len(bottoms)} bottoms")
    if p.operation == PROD:
        return reduce(op.Mul, bottoms)
    lost = int(layer.in_place)
    if p.operation == MAX:
        return op.Max(*([LOWEST] if lost else []), *bottoms[lost:])
    coefficients = list(p.coeff) or [1.0] * len(bottoms)
    return _sum(op, bottoms[lost:], coefficients[lost:])


def _sum(op: Op, bottoms: tuple[ir.Value, ...], coefficients: list[float]) -> ir.Value:
    if len(bottoms) > 2 and set(coefficients) == {1.0}:
        return op.Sum(*bottoms)
    total: ir.Value | None = None
    for x, coefficient in zip(bottoms, coefficients, strict=True):
        if total is not None and coefficient == -1:
            total = op.Sub(total, x)
            continue
        term = x if coefficient == 1 else op.Mul(x, coefficient)
        total = term if total is None else op.Add(total, term)
    assert total is not None
    return total


@importer("Scale")
def scale(layer: ImportedLayer, op: Op, x: ir.Value, factor: ir.Value | None = None) -> ir.Value:
    """Multiplied by a factor that covers `num_axes` axes from `axis` on, or by a second bottom."""
    p = layer.param()
    if factor is None:
        covered = covered_shape(layer, x, p)
        y = op.Mul(x, layer.weight(0, "weight", covered))
    else:
        aligned = _aligned(layer, op, x, factor, p.axis)
        covered = tuple(known(aligned, i) for i in range(rank(aligned))) if p.bias_term else ()
        y = op.Mul(x, aligned)
    return op.Add(y, layer.weight(int(factor is None), "bias", covered)) if p.bias_term else y


@importer("Bias")
def bias(layer: ImportedLayer, op: Op, x: ir.Value, shift: ir.Value | None = None) -> ir.Value:
    p = layer.param()
    if shift is None:
        return op.Add(x, layer.weight(0, "bias", covered_shape(layer, x, p)))
    return op.Add(x, _aligned(layer, op, x, shift, p.axis))


def covered_shape(layer: ImportedLayer, x: ir.Value, p: Any) -> tuple[int, ...]:
    """The shape of a learned factor, with ones for the axes after it."""
    if p.num_axes == 0:
        return ()
    count, axis = rank(x), layer.axis(p.axis, x)
    end = count if p.num_axes == -1 else axis + p.num_axes
    if p.num_axes < -1 or end > count:
        layer.unfit(f"{p.num_axes} axes from {axis} on do not fit {count} axes")
    return (*(known(x, i) for i in range(axis, end)), *[1] * (count - end))


def _aligned(layer: ImportedLayer, op: Op, x: ir.Value, factor: ir.Value, axis: int) -> ir.Value:
    """A second bottom, with axes of size 1 appended so that its first axis is `axis` of x."""
    count, own = rank(x), rank(factor)
    if own == 0:
        return factor
    axis = layer.axis(axis, x)
    after = count - axis - own
    if after < 0:
        layer.unfit(f"the second bottom's {own} axes from {axis} on do not fit {count} axes")
    agree(x, factor, [(axis + i, i) for i in range(own)])
    return op.Unsqueeze(factor, list(range(own, own + after))) if after else factor


@importer("Power")
def power(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """(shift + scale x)^power; a constant, whatever x is, where power or scale is 0."""
    p = layer.param()
    if not p.power * p.scale:
        with np.errstate(all="ignore"):
            value = np.float32(p.shift) ** np.float32(p.power) if p.power else np.float32(1)
        filled = op.Expand(value, op.Shape(x))
        filled.shape = x.shape
        return filled
    x = affine(op, x, p.scale, p.shift)
    return x if p.power == 1 else op.Pow(x, p.power)


@importer("Exp")
def exp(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """base^(shift + scale x), as base^shift e^(scale ln(base) x)."""
    p = layer.param()
    inner = np.float32(p.scale) * _log_base(layer, p.base)
    y = op.Exp(x if inner == 1 else op.Mul(x, inner))
    base = np.float32(np.e if p.base == -1 else p.base)
    return op.Mul(y, base ** np.float32(p.shift)) if p.shift else y


@importer("Log")
def log(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """The logarithm of shift + scale x."""
    p = layer.param()
    base = _log_base(layer, p.base)
    if not base:
        layer.unfit("there is no logarithm of base 1")
    y = op.Log(affine(op, x, p.scale, p.shift))
    return y if base == 1 else op.Mul(y, np.float32(1) / base)


def _log_base(layer: ImportedLayer, base: float) -> np.float32:
    if base == -1:
        return np.float32(1)
    if not 0 < base < np.inf:
        layer.unfit(f"its base {base} is not positive")
    return np.float32(np.log(np.float32(base)))


def affine(op: Op, x: ir.Value, scale: float, shift: float) -> ir.Value:
    """`scale * x + shift`, without what changes nothing."""
    if scale != 1:
        x = op.Mul(x, scale)
    return op.Add(x, shift) if shift else x


@importer("Clip")
def clip(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """max(min, min(x, max)): where the limits are the wrong way round, the lower one wins."""
    p = layer.param()
    return op.Clip(x, p.min, max(p.min, p.max))


@importer("Dropout")
def dropout(layer: ImportedLayer, op: Op, x: ir.Value, *, scale_train: int) -> ir.Value:
    """Fast R-CNN's fork may scale what is kept when the network is used, not when it is trained."""
    if layer.layer.phase == "TRAIN":
        layer.refuse("in phase TRAIN it is random")
    ratio = layer.param().dropout_ratio
    y = op.Dropout(x, ratio)
    return y if scale_train else op.Mul(y, np.float32(1 - ratio))


@importer("ReLU6", doc=f"{YOLO}/relu6_layer.cpp")
def relu6(_layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    return op.Clip(x, 0.0, 6.0)


@importer("Axpy", doc="https://github.com/hujie-frank/SENet")
def axpy(layer: ImportedLayer, op: Op, scale: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    """A factor for each channel of each image, [N, C] or [N, C, 1, 1]: scale · x + y."""
    rank = len(shape(x))
    if shape(scale)[1:] not in {(channels(layer, x),), (channels(layer, x), 1, 1)}:
        layer.refuse(f"its factors have the shape {shape(scale)}, and x has {shape(x)}")
    agree(scale, x, [(0, 0), (1, 1)])
    agree(x, y)
    if len(shape(scale)) != rank:
        if len(shape(scale)) == 4:
            scale = op.Squeeze(scale, [2, 3])
        if rank > 2:
            scale = op.Unsqueeze(scale, list(range(2, rank)))
    return op.Add(op.Mul(scale, x), y)


plain(__name__)
