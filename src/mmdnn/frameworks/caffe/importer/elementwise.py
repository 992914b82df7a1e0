"""Layers that combine blobs element by element, or scale and shift one.

src/caffe/layers/eltwise_layer.cpp, scale_layer.cpp, bias_layer.cpp. None of them broadcasts sizes
of 1, as ONNX does.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.convolution import TUTORIAL
from mmdnn.frameworks.caffe.importer.pooling import LOWEST
from mmdnn.frameworks.caffe.importer.shapes import agree, known
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import dimensions

PROD, SUM, MAX = 0, 1, 2


@importer("Eltwise", doc=f"{TUTORIAL}/eltwise.html")
def eltwise(layer: Importing, op: Any, *bottoms: ir.Value) -> ir.Value:
    """A sum or maximum in place loses its first bottom: the top is initialised before it is read."""
    p = layer.param("eltwise_param")
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


def _sum(op: Any, bottoms: tuple[ir.Value, ...], coefficients: list[float]) -> ir.Value:
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


@importer("Scale", doc=f"{TUTORIAL}/scale.html")
def scale(layer: Importing, op: Any, x: ir.Value, factor: ir.Value | None = None) -> ir.Value:
    """Multiplied by a factor that covers `num_axes` axes from `axis` on, or by a second bottom."""
    p = layer.param("scale_param")
    if factor is None:
        covered = covered_shape(layer, x, p)
        y = op.Mul(x, layer.weight(0, "weight", covered))
    else:
        aligned = _aligned(layer, op, x, factor, p.axis)
        covered = tuple(known(aligned, i) for i in range(_rank(aligned))) if p.bias_term else ()
        y = op.Mul(x, aligned)
    return op.Add(y, layer.weight(int(factor is None), "bias", covered)) if p.bias_term else y


@importer("Bias", doc=f"{TUTORIAL}/bias.html")
def bias(layer: Importing, op: Any, x: ir.Value, shift: ir.Value | None = None) -> ir.Value:
    p = layer.param("bias_param")
    if shift is None:
        return op.Add(x, layer.weight(0, "bias", covered_shape(layer, x, p)))
    return op.Add(x, _aligned(layer, op, x, shift, p.axis))


def covered_shape(layer: Importing, x: ir.Value, p: Any) -> tuple[int, ...]:
    """The shape of a learned factor, with ones for the axes after it."""
    if p.num_axes == 0:
        return ()
    rank, axis = _rank(x), layer.axis(p.axis, x)
    end = rank if p.num_axes == -1 else axis + p.num_axes
    if p.num_axes < -1 or end > rank:
        layer.unfit(f"{p.num_axes} axes from {axis} on do not fit {rank} axes")
    return (*(known(x, i) for i in range(axis, end)), *[1] * (rank - end))


def _aligned(layer: Importing, op: Any, x: ir.Value, factor: ir.Value, axis: int) -> ir.Value:
    """A second bottom, with axes of size 1 appended so that its first axis is `axis` of x."""
    rank, own = _rank(x), _rank(factor)
    if own == 0:
        return factor
    axis = layer.axis(axis, x)
    after = rank - axis - own
    if after < 0:
        layer.unfit(f"the second bottom's {own} axes from {axis} on do not fit {rank} axes")
    agree(x, factor, [(axis + i, i) for i in range(own)])
    return op.Unsqueeze(factor, list(range(own, own + after))) if after else factor


def _rank(x: ir.Value) -> int:
    return len(dimensions(x))
