"""Pooling and spatial pyramids (src/caffe/layers/pooling_layer.cpp, spp_layer.cpp)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mmdnn.verify.reference.caffe.layer import FLOAT_MAX, Array, Step, computes


@dataclass(frozen=True)
class Axis:
    """The windows along an axis.

    Attributes:
        size: Of the input.
        kernel: The window's.
        stride: From one to the next.
        pad: On each side.
    """

    size: int
    kernel: int
    stride: int
    pad: int = 0

    def count(self, floor: bool, padded: bool) -> int:
        """How many there are: the size is rounded up; the last goes if it begins in the padding."""
        exact = (self.size + 2 * self.pad - self.kernel) / self.stride
        count = (math.floor(exact) if floor else math.ceil(exact)) + 1
        if padded and (count - 1) * self.stride >= self.size + self.pad:
            count -= 1
        return count

    def bounds(self, place: int) -> tuple[int, int, int]:
        """Where a window begins and ends on the input, and its length with the padding it covers."""
        start = place * self.stride - self.pad
        end = min(start + self.kernel, self.size + self.pad)
        return max(start, 0), min(end, self.size), end - start


def average(x: Array, rows: Axis, columns: Axis, counts: tuple[int, int]) -> Array:
    """The sum of each window, by its size with the padding that it covers."""
    y = np.zeros((*x.shape[:2], *counts))
    for i in range(counts[0]):
        top, bottom, height = rows.bounds(i)
        strip = x[:, :, top:bottom].sum(2)
        for j in range(counts[1]):
            left, right, width = columns.bounds(j)
            y[:, :, i, j] = strip[:, :, left:right].sum(2) / (height * width)
    return y


def maximum(x: Array, rows: Axis, columns: Axis, counts: tuple[int, int]) -> tuple[Array, Array]:
    """The largest of each window, and where it stands in the plane: the first of equals."""
    y = np.full((*x.shape[:2], *counts), -FLOAT_MAX)
    mask = np.full(y.shape, -1.0)
    at = [
        np.array([axis.bounds(place)[:2] for place in range(count)]).reshape(count, 2)
        for axis, count in zip((rows, columns), counts, strict=True)
    ]
    for down in range(rows.kernel if rows.kernel <= rows.size else rows.size):
        i = at[0][:, 0] + down
        for across in range(min(columns.kernel, columns.size)):
            j = at[1][:, 0] + across
            inside = (i < at[0][:, 1])[:, None] & (j < at[1][:, 1])
            here = x[:, :, np.minimum(i, rows.size - 1)][..., np.minimum(j, columns.size - 1)]
            larger = inside & (here > y)
            y = np.where(larger, here, y)
            mask = np.where(larger, i[:, None] * columns.size + j, mask)
    return y, mask


@computes("Pooling")
def pooling(step: Step, x: Array) -> list[Array]:
    """The largest or the mean of each window; a second top says where the largest stands."""
    p = step.p
    said = step.fork("pooling_param", ceil_mode=True)
    if x.ndim != 4:
        step.wrong(f"a blob of {x.ndim} axes; it takes 4")
    floor = p.round_mode == p.FLOOR or not said["ceil_mode"]
    axes = [_axis(step, side, size) for side, size in zip("hw", x.shape[2:], strict=True)]
    padded = any(axis.pad for axis in axes)
    counts = axes[0].count(floor, padded), axes[1].count(floor, padded)
    if min(counts) < 1:
        step.wrong(f"no window on {list(x.shape)}")
    if p.pool == p.MAX:
        return list(maximum(x, axes[0], axes[1], counts))
    if p.pool != p.AVE or len(step.layer.tops) > 1:
        step.refuse("stochastic pooling, or a mask of averages")
    return [average(x, axes[0], axes[1], counts)]


def _axis(step: Step, side: str, size: int) -> Axis:
    p = step.p
    kernel, stride, pad = (_side(step, name, side) for name in ("kernel_size", "stride", "pad"))
    if p.global_pooling:
        if kernel or stride != 1 or pad:
            step.wrong("a window is said, and global_pooling")
        return Axis(size, size, 1)
    if not kernel or not stride or pad >= kernel:
        step.wrong(f"a window of {kernel}, stride {stride}, pad {pad}")
    return Axis(size, kernel, stride, pad)


def _side(step: Step, name: str, side: str) -> int:
    """A number for height and width, or for one of them: never both."""
    p, stem = step.p, name.removesuffix("_size")
    apart = [p.HasField(f"{stem}_{each}") for each in "hw"]
    if any(apart) and (p.HasField(name) or not all(apart)):
        step.wrong(f"{name} and {stem}_h, or one of {stem}_h and {stem}_w alone")
    return int(getattr(p, f"{stem}_{side}" if any(apart) else name))


@computes("SPP")
def spatial_pyramid(step: Step, x: Array) -> Array:
    """1 x 1, 2 x 2, 4 x 4, ... windows over the plane, flattened, one after the other."""
    p = step.p
    levels = []
    for level in range(p.pyramid_height):
        axes = [_bins(size, 2**level) for size in x.shape[2:]]
        padded = any(axis.pad for axis in axes)
        counts = axes[0].count(False, padded), axes[1].count(False, padded)
        if p.pool not in (p.MAX, p.AVE):
            step.refuse("stochastic pooling")
        if any(axis.pad >= axis.kernel for axis in axes):
            step.wrong(f"{2**level} windows on {list(x.shape)}")
        y = maximum(x, axes[0], axes[1], counts)[0] if p.pool == p.MAX else None
        levels.append(average(x, axes[0], axes[1], counts) if y is None else y)
    if len(levels) == 1:
        return levels[0]
    return np.concatenate([level.reshape(len(x), -1) for level in levels], 1)


def _bins(size: int, bins: int) -> Axis:
    kernel = math.ceil(size / bins)
    return Axis(size, kernel, kernel, (kernel * bins - size + 1) // 2)
