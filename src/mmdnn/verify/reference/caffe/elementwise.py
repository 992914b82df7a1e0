"""Several blobs, or a blob and weights, element by element: Eltwise, Scale, Bias, Axpy."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.layer import FLOAT_MAX, Array, Step, computes


@computes("Eltwise", over=range(64))
def eltwise(step: Step, *bottoms: Array) -> Array:
    """Sum with coefficients, product, or maximum.

    In place, the top is a bottom: what has been written of it is what is read. (A sum begins by writing
    zeros, a maximum by the smallest number.)
    """
    step.same(*bottoms)
    p = step.p
    if len(bottoms) < 2:
        step.wrong("it has one bottom, and wants two")
    if p.coeff and (len(p.coeff) != len(bottoms) or p.operation != p.SUM):
        step.wrong("coefficients are for sums, one for each bottom")
    parts = list(zip(bottoms, step.is_over, strict=True))
    if p.operation == p.SUM:
        y = np.zeros_like(bottoms[0])
        for (x, over), factor in zip(parts, list(p.coeff) or [1.0] * len(parts), strict=True):
            y = y + factor * (y if over else x)
        return np.asarray(y)
    if p.operation == p.PROD:
        y = bottoms[0] * bottoms[1]
        for x, over in parts[2:]:
            y = np.multiply(y, y if over else x)
        return np.asarray(y)
    first, second, *more = (np.full_like(x, -FLOAT_MAX) if over else x for x, over in parts)
    y = np.where(first > second, first, second)
    for x in more:
        y = np.where(x > y, x, y)
    return y


def _factor(step: Step, bottoms: tuple[Array, ...]) -> tuple[tuple[int, ...], int]:
    """The shape of what is applied, and the axis of the first bottom where it begins."""
    x, p = bottoms[0], step.p
    if len(bottoms) > 1:
        shape = bottoms[1].shape
        axis = step.axis(p.axis, x) if shape else 0
    elif p.num_axes == 0:
        shape, axis = (), 0
    else:
        axis = step.axis(p.axis, x)
        end = x.ndim if p.num_axes == -1 else axis + p.num_axes
        if p.num_axes < -1 or end > x.ndim:
            step.wrong(f"{p.num_axes} axes from axis {axis} of the shape {list(x.shape)}")
        shape = x.shape[axis:end]
    if x.shape[axis : axis + len(shape)] != shape:
        step.wrong(f"the shape {list(shape)} does not fit {list(x.shape)} at axis {axis}")
    return shape, axis


def _spread(array: Array, axis: int, x: Array) -> Array:
    return array.reshape(*array.shape, *[1] * (x.ndim - axis - array.ndim))


@computes("Scale", over=[0])
def scale(step: Step, *bottoms: Array) -> Array:
    """The first bottom by the second, or by a weight; and a bias of the same shape."""
    x = bottoms[0]
    shape, axis = _factor(step, bottoms)
    own = len(bottoms) == 1
    y = x * _spread(step.weight(0, shape) if own else bottoms[1], axis, x)
    if step.p.bias_term:
        y = y + _spread(step.weight(int(own), shape), axis, x)
    return np.asarray(y)


@computes("Bias", over=[0])
def bias(step: Step, *bottoms: Array) -> Array:
    """The second bottom, or a weight, added to the first."""
    x = bottoms[0]
    shape, axis = _factor(step, bottoms)
    return np.asarray(
        x + _spread(step.weight(0, shape) if len(bottoms) == 1 else bottoms[1], axis, x)
    )


@computes("Axpy", over=[2])
def axpy(step: Step, a: Array, x: Array, y: Array) -> Array:
    """A factor for each image and channel: a * x + y (github.com/hujie-frank/SENet)."""
    step.same(x, y)
    if a.shape[:2] != x.shape[:2] or a.size != a.shape[0] * a.shape[1]:
        step.wrong(f"factors of the shape {list(a.shape)} for {list(x.shape)}")
    return np.asarray(a.reshape(*a.shape[:2], *[1] * (x.ndim - 2)) * x + y)
