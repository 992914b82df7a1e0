"""Pooling.

A last window that would begin in the padding behind is dropped; what only it reaches over is never counted
in an average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer.convolution import batched
from mmdnn.frameworks.pytorch.importer.dtypes import like
from mmdnn.frameworks.pytorch.importer.sizes import several
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank

F = f"{NN}.functional"


@dataclass(frozen=True)
class Windows:
    """The windows of a pool along one axis of known size."""

    size: int
    kernel: int
    stride: int
    pad: int
    dilation: int = 1
    ceil: bool = False

    @property
    def count(self) -> int:
        """How many there are (aten/src/ATen/native/Pool.h)."""
        span = self.size + 2 * self.pad - self.dilation * (self.kernel - 1) - 1
        count = (-(-span // self.stride) if self.ceil else span // self.stride) + 1
        if self.ceil and (count - 1) * self.stride >= self.size + self.pad:
            count -= 1
        return count

    @property
    def behind(self) -> int:
        """Elements that the last window needs behind, the padding among them."""
        reach = (self.count - 1) * self.stride + self.dilation * (self.kernel - 1) + 1
        return max(reach - self.size - self.pad, 0)

    @property
    def counted(self) -> np.ndarray:
        """How many elements and zeros of the padding each window holds."""
        starts = np.arange(self.count) * self.stride - self.pad
        return np.asarray(np.minimum(starts + self.kernel, self.size + self.pad) - starts)

    @property
    def inside(self) -> np.ndarray:
        """How many elements each window holds."""
        starts = np.arange(self.count) * self.stride - self.pad
        return np.asarray(np.minimum(starts + self.kernel, self.size) - np.maximum(starts, 0))


def _windows(
    x: Value, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any, ceil: bool
) -> list[Windows]:
    count = len(kernel)
    return [
        Windows(known(x, rank(x) - count + i), k, s, p, d, bool(ceil))
        for i, (k, s, p, d) in enumerate(zip(kernel, stride, padding, dilation, strict=True))
    ]


def _axes_of(node: ImportedCall) -> int:
    return int(node.type[node.type.index("pool") + 4])


@importer("max_pool1d", "max_pool2d", "max_pool3d", doc=f"{F}.max_pool2d")
def max_pool(
    node: ImportedCall, op: Op, x: Value, *,
    kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
) -> Value:  # fmt: skip
    return _max(node, op, x, [kernel_size, stride, padding, dilation], ceil_mode, indices=False)[0]


@importer(
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    doc=f"{F}.max_pool2d",
)
def max_pool_with_indices(
    node: ImportedCall, op: Op, x: Value, *,
    kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
) -> list[Value]:  # fmt: skip
    return _max(node, op, x, [kernel_size, stride, padding, dilation], ceil_mode, indices=True)


def _max(
    node: ImportedCall, op: Op, x: Value, said: list[Any], ceil: bool, *, indices: bool
) -> list[Value]:
    count = _axes_of(node)
    kernel = several(said[0], count)
    stride = several(said[1], count) if said[1] else kernel
    padding, dilation = several(said[2], count), several(said[3], count)
    pads = padding * 2
    if ceil:
        windows = _windows(x, kernel, stride, padding, dilation, ceil)
        pads = padding + [w.behind for w in windows]
    attributes: dict[str, Any] = {
        "kernel_shape": kernel, "strides": stride, "pads": pads,
        "dilations": dilation if set(dilation) != {1} else None,
    }  # fmt: skip
    alone = rank(x) == count + 1
    x = op.Unsqueeze(x, [0]) if alone else x
    if not indices and any(p >= k for p, k in zip(pads, kernel * 2, strict=True)):
        ends = [0, 0, *pads[:count], 0, 0, *pads[count:]]
        x = op.Pad(x, np.asarray(ends, np.int64), like(x, -np.inf))
        attributes["pads"] = None
    if not indices:
        found = [op.MaxPool(x, **attributes)]
    else:
        y, places = op.outputs(2).MaxPool(x, **attributes)
        plane = axes.product(x, range(2, rank(x)))
        if plane is None:
            sizes = [known(x, axis) for axis in range(2, rank(x))]
            plane = math.prod(sizes)
        found = [y, op.Mod(places, np.int64(plane))]
    return [op.Squeeze(each, [0]) for each in found] if alone else found


@importer("avg_pool1d", "avg_pool2d", "avg_pool3d", doc=f"{F}.avg_pool2d")
def avg_pool(
    node: ImportedCall, op: Op, x: Value, *,
    kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int,
) -> Value:  # fmt: skip
    count = _axes_of(node)
    kernel = several(kernel_size, count)
    stride = several(stride, count) if stride else kernel
    padding = several(padding, count)
    windows = _windows(x, kernel, stride, padding, [1] * count, True) if ceil_mode else []
    behind = [w.behind for w in windows] or padding
    said: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": padding + behind}
    over = any(b > p for b, p in zip(behind, padding, strict=True))
    include = int(bool(count_include_pad)) if any(said["pads"]) else None
    if not divisor_override and not (over and count_include_pad):
        return batched(
            op, x, count + 1, lambda x: op.AveragePool(x, **said, count_include_pad=include)
        )
    area = math.prod(kernel)
    y = batched(op, x, count + 1, lambda x: op.AveragePool(x, **said, count_include_pad=1))
    if divisor_override:
        return op.Mul(y, like(x, area / divisor_override))
    factors = np.asarray(1.0)
    for w in windows:
        factors = np.multiply.outer(factors, kernel[windows.index(w)] / w.counted)
    return op.Mul(y, like(x, factors))


def _adaptive(x: Value, target: Any, count: int) -> list[int | None]:
    return [
        None if n is None or n == dimensions(x)[rank(x) - count + i] else n
        for i, n in enumerate(several(target, count))
    ]


@importer(
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d", doc=f"{F}.adaptive_avg_pool2d",
)  # fmt: skip
def adaptive_avg_pool(node: ImportedCall, op: Op, x: Value, *, output_size: Any) -> Value:
    count = _axes_of(node)
    target = _adaptive(x, output_size, count)
    first = rank(x) - count
    if all(n == 1 for n in target):
        if first == 2:
            return op.GlobalAveragePool(x)
        return op.ReduceMean(x, list(range(first, rank(x))), keepdims=1)
    kernel = []
    for i, n in enumerate(target):
        size = dimensions(x)[first + i]
        divides = isinstance(size, int) and n is not None and size % n == 0
        kernel.append(1 if n is None else size // n if divides and isinstance(size, int) else 0)
    if all(kernel):
        said = {"kernel_shape": kernel, "strides": kernel}
        return batched(op, x, count + 1, lambda x: op.AveragePool(x, **said))
    for i, n in enumerate(target):
        if n is not None:
            x = mixed(op, x, first + i, _means(known(x, first + i), n))
    return x


def _bounds(size: int, new: int) -> list[tuple[int, int]]:
    """Where the windows begin and end; they may overlap."""
    return [(i * size // new, -(-(i + 1) * size // new)) for i in range(new)]


def _means(size: int, new: int) -> np.ndarray:
    matrix = np.zeros((new, size))
    for row, (start, end) in enumerate(_bounds(size, new)):
        matrix[row, start:end] = 1 / (end - start)
    return matrix


def mixed(op: Op, x: Value, axis: int, matrix: np.ndarray) -> Value:
    """Mixtures of the elements of an axis: those of the rows of a matrix."""
    weights = like(x, matrix)
    if axis == rank(x) - 2:
        return op.MatMul(weights, x)
    if axis == rank(x) - 1:
        return op.MatMul(x, np.ascontiguousarray(weights.T))
    letters = "abcdefgh"[: rank(x)]
    new = letters.replace(letters[axis], "z")
    return op.Einsum(x, weights, equation=f"{letters},z{letters[axis]}->{new}")


@importer(
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    doc=f"{F}.adaptive_max_pool2d",
)
def adaptive_max_pool(node: ImportedCall, op: Op, x: Value, *, output_size: Any) -> list[Value]:
    """All elements of each window side by side, the last one again where a window is smaller than others."""
    count = _axes_of(node)
    first = rank(x) - count
    sizes = [known(x, first + i) for i in range(count)]
    new = [
        n if n is not None else size
        for n, size in zip(several(output_size, count), sizes, strict=True)
    ]
    tables = []
    for size, n in zip(sizes, new, strict=True):
        bounds = _bounds(size, n)
        width = max(end - start for start, end in bounds)
        tables.append(np.asarray([[min(s + k, e - 1) for k in range(width)] for s, e in bounds]))
    flat = np.zeros((), np.int64)
    for size, table in zip(sizes, tables, strict=True):
        flat = np.add.outer(flat * size, table)
    order = [*range(0, 2 * count, 2), *range(1, 2 * count, 2)]
    places = flat.transpose(order).reshape(*new, -1)
    plane: list[Any] = [(axis,) for axis in range(first)]
    cells = op.Gather(
        axes.reshape(op, x, [*plane, math.prod(sizes)]), places.astype(np.int64), axis=first
    )
    best = op.ArgMax(cells, axis=-1, keepdims=1)
    flat_places = op.Expand(places.astype(np.int64), op.Shape(cells))
    index = op.Squeeze(op.GatherElements(flat_places, best, axis=-1), [-1])
    return [op.ReduceMax(cells, [-1], keepdims=0), index]


@importer("max_unpool2d", "max_unpool3d", doc=f"{F}.max_unpool2d", unused="stride padding")
def max_unpool(node: ImportedCall, op: Op, x: Value, indices: Value, *, output_size: Any) -> Value:
    """Elements at their flat places in planes of zeros."""
    count = _axes_of(node)
    first = rank(x) - count
    lead: list[Any] = [(axis,) for axis in range(first)]
    plane = tuple(range(first, rank(x)))
    flat = axes.reshape(op, x, [*lead, plane])
    places = axes.reshape(op, indices, [*lead, plane])
    total = axes.joined(
        op, [axes.vector(op, x, lead), np.asarray([math.prod(output_size)], np.int64)]
    )
    zeros = op.Expand(like(x, 0), total)
    found = op.ScatterElements(zeros, places, flat, axis=first)
    return axes.reshape(op, found, [*lead, *output_size])
