"""Inputs to run a model on: random ones and edge cases, the same on every machine.

An input's free dimensions are found by trying: `Sizes` says what the batch and the others are, and
the caller goes on to the next of `candidates` when the model cannot take one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import onnx_ir as ir

from mmdnn.ir.sequences import lengths_of

LARGE = 100.0
"""Scale of the large values, about that of pictures from 0 to 255 with their mean taken away."""
FREE_SIZES = (16, 64, 224, 1024, 8192, 2, 1)
"""What a free dimension that is not the batch is tried with, in this order."""
MOST_ELEMENTS = 1 << 22
"""Of one input with free dimensions; sizes that make more are not tried."""
Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sizes:
    """What the free dimensions of a model's inputs are made.

    Attributes:
        batch: Of a free first dimension.
        other: Of any other free dimension.
    """

    batch: int
    other: int


@dataclass(frozen=True)
class Feed:
    """One set of inputs, with the name of its kind.

    Attributes:
        kind: "random", "zeros", "large", ...
        values: Input name to array.
    """

    kind: str
    values: Feeds


def candidates(model: ir.Model) -> list[Sizes]:
    """The sizes worth trying, the likeliest first; one for a model without free dimensions."""
    values = inputs(model)
    free = [dim for value in values for dim in list(value.shape or ())[1:] if _free(dim)]
    tried = [Sizes(batch=1, other=size) for size in (FREE_SIZES if free else FREE_SIZES[:1])]
    return [
        sizes
        for sizes in tried
        if sizes is tried[0] or all(math.prod(_shape(v, sizes)) <= MOST_ELEMENTS for v in values)
    ]


def has_free_batch(model: ir.Model) -> bool:
    """Whether an input's first dimension is open."""
    return any(value.shape and _free(value.shape[0]) for value in inputs(model))


def inputs(model: ir.Model) -> list[ir.Value]:
    """The inputs that must be fed: those that no initializer gives."""
    return [v for v in model.graph.inputs if v.name not in model.graph.initializers]


def feeds(
    model: ir.Model, sizes: Sizes, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Iterator[Feed]:
    """The inputs to run a model on.

    Args:
        model: The model whose inputs are to be filled.
        sizes: For the free dimensions.
        shapes: Input name to shape, where the user has said it.

    Yields:
        Standard normal values; the same with every other column zero, in all channels; large
        values. Integers stay in the range that the model's own tables allow where it can be seen.
        (Nothing but zeros would be no fair question: what a normalisation makes of a constant is
        rounding, and onnxruntime's is off by 4e-4 there.)
    """
    limits = _index_limits(model)
    values = inputs(model)
    kinds: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
        "random": lambda rng, shape: rng.standard_normal(shape),
        "half zeros": _half_zeros,
        "large": lambda rng, shape: LARGE * rng.standard_normal(shape),
    }
    for kind, draw in kinds.items():
        made = {}
        for value in values:
            name = str(value.name)
            shape = (shapes or {}).get(name) or _shape(value, sizes)
            rng = np.random.default_rng([crc32(name.encode()), crc32(kind.encode()), sizes.batch])
            made[name] = _fill(value, kind, rng, shape, limits.get(name), draw)
        made.update(_lengths(values, made))
        yield Feed(f"{kind}, batch of {sizes.batch}" if sizes.batch > 1 else kind, made)


def _lengths(values: list[ir.Value], made: Feeds) -> Feeds:
    """Lengths of sequences: the first one is of full length, the others of any."""
    found: Feeds = {}
    for value in values:
        name = lengths_of(value)
        if name is None or name not in made or name in found:
            continue
        batch, time = made[str(value.name)].shape[:2]
        rng = np.random.default_rng([crc32(name.encode()), batch])
        others = rng.integers(1, time, max(batch - 1, 0), endpoint=True)
        found[name] = np.array([time, *others][:batch], made[name].dtype)
    return found


def _half_zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(rng.standard_normal(shape))
    values[..., ::2] = 0
    return values


def _fill(
    value: ir.Value,
    kind: str,
    rng: np.random.Generator,
    shape: tuple[int, ...],
    limit: int | None,
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray],
) -> np.ndarray:
    dtype = value.dtype or ir.DataType.FLOAT
    if dtype == ir.DataType.STRING:
        return np.full(shape, "", dtype=object)
    if kind == "half zeros" and not dtype.is_floating_point():
        return np.zeros(shape, dtype.numpy())
    if dtype == ir.DataType.BOOL or dtype.is_integer() or limit is not None:
        return rng.integers(0, max(limit or 2, 1), shape).astype(dtype.numpy())
    return np.asarray(draw(rng, shape)).astype(dtype.numpy())


def _shape(value: ir.Value, sizes: Sizes) -> tuple[int, ...]:
    return tuple(
        dim if isinstance(dim, int) else sizes.other if axis else sizes.batch
        for axis, dim in enumerate(value.shape or ())
    )


def _free(dim: object) -> bool:
    return not isinstance(dim, int)


def _index_limits(model: ir.Model) -> dict[str, int]:
    """How large the values of an input may be, where it (cast or reshaped) indexes a table."""
    found: dict[str, int] = {}
    for value in inputs(model):
        sizes = list(_tables(model, value, {value}))
        if sizes:
            found[str(value.name)] = min(sizes)
    return found


_PASSING = {"Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Transpose"}
_INDEXING = {"Gather", "GatherElements", "GatherND", "OneHot", "NegativeLogLikelihoodLoss"}


def _tables(model: ir.Model, value: ir.Value, seen: set[ir.Value]) -> Iterator[int]:
    """The sizes of the tables that a value indexes, seen through local functions."""
    for node, position in value.uses():
        function = model.functions.get(node.op_identifier())
        if function is not None:
            yield from _tables(model, function.inputs[position], seen)
        elif node.op_type in _INDEXING and (position == 1 or node.op_type == "OneHot"):
            yield _table_size(node)
        elif node.op_type in _PASSING and position == 0 and node.outputs[0] not in seen:
            seen.add(node.outputs[0])
            yield from _tables(model, node.outputs[0], seen)


def _table_size(node: ir.Node) -> int:
    """The entries that a lookup can choose from, 1 where the model leaves it open."""
    table = node.inputs[1 if node.op_type == "OneHot" else 0]
    if table is None:
        return 1
    if node.op_type == "OneHot":
        depth = table.const_value
        return int(depth.numpy().reshape(-1)[0]) if depth is not None else 1
    axis = {"Gather": 0, "GatherElements": 0, "GatherND": 0}.get(node.op_type, 1)
    axis = node.attributes.get_int("axis", axis)
    size = table.shape[axis] if table.shape is not None else 1
    return size if isinstance(size, int) else 1
