"""Random graphs of operators that take any order, that name axes, and that take channels-first only."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder, dimensions

MOST = 3000
"""Elements of a value, at most."""


def random_model(random: Random, steps: int) -> ir.Model:
    """A model of whole numbers, so that no sum depends on the order of its terms."""
    builder = Builder("test")
    images = [builder.input("x", [2, 4, 4, 3])]
    if random.random() < 0.5:
        images.append(builder.input("z", ["batch", 3, 4, 4]))
    pool = list(images)
    for number in range(steps):
        kind = random.choice(list(STEPS))
        for value in random.sample(pool, len(pool)):
            with builder.layer(f"layer{number}", kind):
                made = STEPS[kind](random, builder, value, pool)
            if made:
                pool += made
                break
    ends = [value for value in pool if not value.uses() and value.producer()] or [pool[-1]]
    if len(ends) < 3 and random.random() < 0.3:
        ends.append(random.choice(pool))
    outputs = [v if v.producer() else builder.op.Identity(v) for v in dict.fromkeys(ends)]
    for place, value in enumerate(outputs):
        builder.rename(value, f"out{place}")
    builder.graph.outputs.extend(outputs)
    return builder.model()


Step = Callable[[Random, Builder, ir.Value, list[ir.Value]], "list[ir.Value] | None"]


def numbers(random: Random, shape: list[int]) -> np.ndarray:
    seed = random.randrange(1 << 30)
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


def small(*values: ir.Value) -> list[ir.Value] | None:
    """Those, if they are not too large to go on."""
    sizes = [math.prod(d if isinstance(d, int) else 2 for d in dimensions(v)) for v in values]
    return list(values) if all(0 < size < MOST for size in sizes) else None


def is_float(value: ir.Value) -> bool:
    return value.dtype == ir.DataType.FLOAT


def conv(random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    """A convolution of an image that is channels-last, or first."""
    dims = dimensions(x)
    if len(dims) != 4 or not is_float(x):
        return None
    last = random.random() < 0.7
    first = builder.op.Transpose(x, perm=[0, 3, 1, 2]) if last else x
    channels, *sizes = dimensions(first)[1:]
    if not isinstance(channels, int) or not all(isinstance(size, int) for size in sizes):
        return None
    kernel = [random.choice([1, min(2, size)]) for size in sizes]
    kind = random.choice(["Conv", "MaxPool", "BatchNormalization", "GlobalAveragePool"])
    if kind == "Conv":
        weight = numbers(random, [random.choice([3, 4]), channels, *kernel])
        made = builder.op.Conv(first, builder.weight("weight", ir.tensor(weight)))
    elif kind == "MaxPool":
        made = builder.op.MaxPool(first, kernel_shape=kernel)
    elif kind == "GlobalAveragePool":
        made = builder.op.ReduceMax(first, [2, 3])
    else:
        names = ("scale", "bias", "mean", "var")
        given = [builder.weight(n, ir.tensor(numbers(random, [channels]))) for n in names[:3]]
        ones = builder.weight("var", ir.tensor(np.ones(channels, np.float32)))
        made = builder.op.BatchNormalization(first, *given, ones, epsilon=0.0)
    return small(builder.op.Transpose(made, perm=[0, 2, 3, 1]) if last else made)


def transpose(random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    rank = len(dimensions(x))
    return small(builder.op.Transpose(x, perm=random.sample(range(rank), rank)))


def unary(random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    return (
        [builder.op[random.choice(["Relu", "Neg", "Abs", "Identity"])](x)] if is_float(x) else None
    )


def binary(random: Random, builder: Builder, x: ir.Value, pool: list[ir.Value]):
    if not is_float(x):
        return None
    dims = dimensions(x)
    others = [v for v in pool if is_float(v) and dimensions(v) in (dims, dims[1:])]
    other: ir.Value | np.ndarray = random.choice(others or [x])
    if random.random() < 0.5:
        shape = [random.choice([1, d]) if isinstance(d, int) else 1 for d in dims]
        other = numbers(random, shape[random.randrange(len(shape) + 1) :])
    return small(builder.op[random.choice(["Add", "Sub", "Max", "Min"])](x, other))


def axis_of(random: Random, x: ir.Value) -> int | None:
    known = [i for i, d in enumerate(dimensions(x)) if isinstance(d, int)]
    return random.choice(known) if known else None


def named(random: Random, builder: Builder, x: ir.Value, pool: list[ir.Value]):
    """An operator that names an axis."""
    axis = axis_of(random, x)
    if axis is None or not is_float(x):
        return None
    op, rank = builder.op, len(dimensions(x))
    size = dimensions(x)[axis]
    kind = random.choice(
        ["concat", "split", "slice", "pad", "tile", "cumsum", "arg", "reduce", "expand"]
    )
    if kind == "concat":
        others = [v for v in pool if is_float(v) and dimensions(v) == dimensions(x)]
        return small(op.Concat(x, random.choice(others), axis=random.choice([axis, axis - rank])))
    if kind == "split" and size > 1:
        return list(op.outputs(2).Split(x, [1, size - 1], axis=axis))
    if kind == "slice":
        return [op.Slice(x, [0], [max(1, size - 1)], [axis])]
    if kind == "pad":
        pads = [0] * 2 * rank
        pads[axis], pads[axis + rank] = 1, random.choice([0, 1])
        return small(op.Pad(x, pads))
    if kind == "tile":
        return small(op.Tile(x, [2 if i == axis else 1 for i in range(rank)]))
    if kind == "cumsum":
        return [op.CumSum(x, np.int64(axis))]
    if kind == "arg":
        return (
            [op.Cast(op.ArgMax(x, axis=axis, keepdims=random.choice([0, 1])), to=1)]
            if rank > 1
            else None
        )
    if kind == "expand":
        return small(op.Expand(x, [3 if i == axis and size == 1 else 1 for i in range(rank)]))
    axes = sorted({axis, *random.sample(range(rank), random.choice([0, 1]))})
    keep = random.choice([0, 1])
    return (
        [op[random.choice(["ReduceMax", "ReduceSum"])](x, axes, keepdims=keep)]
        if rank > len(axes)
        else None
    )


def unit(random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    dims = dimensions(x)
    ones = [i for i, d in enumerate(dims) if d == 1]
    if ones and len(dims) > 1 and random.random() < 0.7:
        return [builder.op.Squeeze(x, [random.choice(ones)])]
    return [builder.op.Unsqueeze(x, [random.randrange(len(dims) + 1)])] if len(dims) < 5 else None


def reshape(random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    """Two axes merged, or one split."""
    dims = dimensions(x)
    if len(dims) < 2 or not all(isinstance(d, int) for d in dims[1:]):
        return None
    if random.random() < 0.3:
        return [builder.op.Flatten(x, axis=1)]
    sizes, place = [int(d) for d in dims[1:]], random.randrange(len(dims) - 1)
    if random.random() < 0.6 and place + 1 < len(sizes):
        new = [*sizes[:place], sizes[place] * sizes[place + 1], *sizes[place + 2 :]]
    elif sizes[place] % 2 == 0 and len(dims) < 5:
        new = [*sizes[:place], sizes[place] // 2, 2, *sizes[place + 1 :]]
    else:
        return None
    return [builder.op.Reshape(x, [dims[0] if isinstance(dims[0], int) else -1, *new])]


def dense(random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    dims = dimensions(x)
    if not is_float(x) or len(dims) < 2 or not isinstance(dims[-1], int) or dims[-1] > 200:
        return None
    units = random.choice([2, 12])
    if len(dims) == 2 and random.random() < 0.5:
        weight = builder.weight("weight", ir.tensor(numbers(random, [units, dims[-1]])))
        bias = builder.weight("bias", ir.tensor(numbers(random, [units])))
        return small(builder.op.Gemm(x, weight, bias, transB=1))
    return small(
        builder.op.MatMul(
            x, builder.weight("weight", ir.tensor(numbers(random, [dims[-1], units])))
        )
    )


def shape_of(_random: Random, builder: Builder, x: ir.Value, _pool: list[ir.Value]):
    return [builder.op.Cast(builder.op.Shape(x), to=1)]


STEPS: dict[str, Step] = {
    "conv": conv, "conv2": conv, "conv3": conv, "transpose": transpose, "unary": unary, "unary2": unary,
    "binary": binary, "binary2": binary, "named": named, "named2": named, "unit": unit,
    "reshape": reshape, "dense": dense, "shape": shape_of,
}  # fmt: skip


def feeds(of: ir.Model, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        str(v.name): rng.integers(
            -3, 4, [d if isinstance(d, int) else 2 for d in dimensions(v)]
        ).astype(np.float32)
        for v in of.graph.inputs
    }
