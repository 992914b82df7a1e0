"""Inputs to run a model on: random ones and edge cases, the same on every machine.

An input's free dimensions are found by trying: `Sizes` says what they are, each another size where the
model allows, and the caller goes on to the next of `candidates` when the model cannot take one. A few
kinds of inputs are always fed (`feeds`); others are searched for what these leave unexercised (`extras`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import onnx_ir as ir

from mmdnn.ir import SAID
from mmdnn.ir.builder import Dimensions, dimensions
from mmdnn.ir.sequences import lengths_of
from mmdnn.verify.kinds import KINDS, integers, stem
from mmdnn.verify.tables import index_limits, inputs, pictures, regions

FREE_SIZES = (16, 64, 224, 1024, 8192, 2, 1)
"""What a free dimension that is not the batch is tried with, in this order."""
STEP = 4
"""By how much each further free dimension is larger than the one before: none equals another."""
BATCH = 3
MOST_ELEMENTS = 1 << 22
"""Of one input with free dimensions; sizes that make more are not tried."""
Feeds = dict[str, np.ndarray]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Sizes:
    """What the free dimensions of a model's inputs are made.

    Attributes:
        batch: Of a free first dimension.
        other: Of the first other free dimension.
        step: By how much each further one, by its name, is larger.
        said: Whether first dimensions are what the files say: a model may run with nothing else.
        modest: Whether integers that index no table of its own are lengths, or places, within its inputs.
    """

    batch: int
    other: int
    step: int = 0
    said: bool = False
    modest: bool = False


@dataclass(frozen=True)
class Feed:
    """One set of inputs, with the name of its kind.

    Attributes:
        kind: "random", "pictures", "large", ...
        values: Input name to array.
        is_batch: Whether the kinds stand together in one batch.
    """

    kind: str
    values: Feeds
    is_batch: bool = False


TOGETHER = ("pictures", "half zeros", "ties")
"""What the rows of one batch are, where the batch is open."""
ALWAYS = ("random", "pictures", "half zeros", "large")
"""What is fed one by one where the batch is fixed."""


def candidates(model: ir.Model) -> list[Sizes]:
    """The sizes worth trying, the likeliest first; one for a model without free dimensions."""
    values = inputs(model)
    batch = _batch(model)
    free = {d for v in values for d in _dims(v)[_is_batch(v, batch) :] if not isinstance(d, int)}
    steps = (STEP, 0) if len(free) > 1 else (0,)
    tried = [
        Sizes(1, size, size * step // 16, said)
        for step in (steps if free else (0,))
        for size in (FREE_SIZES if free else FREE_SIZES[:1])
        if not step or size > 2
        for said in ((False, True) if any(_said(value) for value in values) else (False,))
    ]
    if any(map(_is_wide, values)):
        tried = [each for sizes in tried for each in (sizes, replace(sizes, modest=True))]
    return [
        sizes
        for sizes in tried
        if sizes is tried[0]
        or all(math.prod(shape_of(model, v, sizes)) <= MOST_ELEMENTS for v in values)
    ]


def _is_wide(value: ir.Value) -> bool:
    """Whether it holds integers of more than a byte."""
    return value.dtype is not None and value.dtype.is_integer() and value.dtype.bitwidth > 8


def how_to_size(model: ir.Model) -> str | None:
    """How the user says the sizes that the model leaves open; None where it leaves none."""
    said = []
    for value in inputs(model):
        dims = _dims(value)
        usual = 512 if len(dims) <= 3 else 224
        sizes = [d if isinstance(d, int) else usual if i else 1 for i, d in enumerate(dims)]
        if any(not isinstance(dim, int) for dim in dims[1:]):
            said.append(f"{value.name}:{','.join(map(str, sizes))}")
    if not said:
        return None
    return f"If it takes certain sizes only, say them: --inputShape {' '.join(said)}"


def has_free_batch(model: ir.Model) -> bool:
    """Whether an input's first dimension is open, and a batch."""
    batch = _batch(model)
    return any(_is_batch(value, batch) and _is_open(value) for value in inputs(model))


def _is_open(value: ir.Value) -> bool:
    return bool(value.shape) and not isinstance(_dims(value)[0], int)


def _batch(model: ir.Model) -> set[int | str | None]:
    """The names of open first dimensions of inputs that have others beside it."""
    return {_dims(v)[0] for v in inputs(model) if len(_dims(v)) > 1 and _is_open(v)}


def _said(value: ir.Value) -> int | None:
    """The size that the files say of an open first dimension."""
    text = value.metadata_props.get(SAID) if _is_open(value) else None
    return int(text) if text else None


def _is_batch(value: ir.Value, batch: set[int | str | None]) -> bool:
    """Whether the first dimension is a batch: a vector's is one where other inputs have it too."""
    dims = _dims(value)
    return len(dims) > 1 or (len(dims) == 1 and dims[0] in batch)


def feeds(
    model: ir.Model, sizes: Sizes, shapes: Shapes | None = None, *, batches: bool = True
) -> Iterator[Feed]:
    """The inputs that a model is always run on.

    Args:
        model: The model whose inputs are to be filled.
        sizes: For the free dimensions.
        shapes: Input name to shape, where the user has said it.
        batches: Whether the model takes a batch of several, where that is open.

    Yields:
        Standard normal values first; pictures from 0 to 255, values half of which are zero, halves
        and ties, large values. Integers stay in the range that the model's own tables allow where it can be
        seen; else they are of both signs, and fill their type where that is narrow.
    """
    filler = Filler(model, shapes)
    yield filler.feed("random", sizes)
    if batches and has_free_batch(model) and not shapes:
        rows = [filler.feed(kind, sizes).values for kind in TOGETHER]
        yield Feed(
            f"{', '.join(TOGETHER)}: a batch of {BATCH}", filler.batch(rows, sizes), is_batch=True
        )
        yield filler.feed("large", sizes)
        return
    for kind in ALWAYS[1:]:
        yield filler.feed(kind, sizes)


def extras(
    model: ir.Model, sizes: Sizes, shapes: Shapes | None, used: Sequence[str]
) -> Iterator[Feed]:
    """Further kinds of inputs, to be searched for what others leave unexercised."""
    filler = Filler(model, shapes)
    said = ", ".join(used)
    if has_free_batch(model) and not shapes:
        sizes = replace(sizes, batch=BATCH)
    for kind in KINDS:
        if kind not in said and (kind != "not numbers" or _asks_for_nan(model)):
            yield filler.feed(kind, sizes)


def _asks_for_nan(model: ir.Model) -> bool:
    """Whether the model says what it does with what is no number: elsewhere no operator defines it."""
    nodes = ir.traversal.RecursiveGraphIterator(model.graph)
    return any(node.op_type in ("IsNaN", "IsInf") for node in nodes)


class Filler:
    """Fills a model's inputs.

    Args:
        model: Whose inputs they are.
        shapes: Input name to shape, where the user has said it.
    """

    def __init__(self, model: ir.Model, shapes: Shapes | None = None) -> None:
        self.model = model
        self.shapes = shapes or {}
        self.values = inputs(model)
        self.limits = index_limits(model)
        self.regions = regions(model)
        self.pictures = pictures(model)

    def feed(self, kind: str, sizes: Sizes) -> Feed:
        """Inputs of one kind."""
        made: Feeds = {}
        for value in self.values:
            name = str(value.name)
            shape = self.shapes.get(name)
            shape = shape_of(self.model, value, sizes) if shape is None else shape
            rng = np.random.default_rng([crc32(name.encode()), crc32(kind.encode()), sizes.batch])
            if name in self.limits:
                made[name] = _indices(value, kind, rng, shape, self.limits[name])
            elif sizes.modest and _is_wide(value):
                made[name] = np.asarray(rng.integers(1, self._least(sizes), shape, endpoint=True))
                made[name] = made[name].astype((value.dtype or ir.DataType.INT64).numpy())
            else:
                made[name] = _fill(value, kind, rng, shape)
        for name in self.regions:
            made[name] = _regions(made[name], made)
        for name, size in self.pictures.items():
            made[name] = np.ones_like(made[name])
            made[name][:, :2] = size
        made.update(self._lengths(made))
        return Feed(kind, made)

    def _least(self, sizes: Sizes) -> int:
        """The smallest size of an input that has several axes."""
        known = [
            self.shapes.get(str(value.name)) or shape_of(self.model, value, sizes)
            for value in self.values
        ]
        found = (size for shape in known if len(shape) > 1 for size in shape if size > 1)
        return min(found, default=1)

    def batch(self, rows: Sequence[Feeds], sizes: Sizes) -> Feeds:
        """Several inputs of batch 1 as one of a batch."""
        made: Feeds = {}
        for value in self.values:
            name, dims = str(value.name), _dims(value)
            open_ = bool(dims) and _is_open(value) and _is_batch(value, _batch(self.model))
            parts = [row[name] for row in rows]
            made[name] = np.concatenate(parts) if open_ else parts[0]
        made.update(self._lengths(made))
        return made

    def _lengths(self, made: Feeds) -> Feeds:
        """Lengths of sequences: the first one is of full length, the others of any."""
        found: Feeds = {}
        for value in self.values:
            name = lengths_of(value)
            if name is None or name not in made or name in found:
                continue
            batch, time = made[str(value.name)].shape[:2]
            rng = np.random.default_rng([crc32(name.encode()), batch])
            others = rng.integers(1, time, max(batch - 1, 0), endpoint=True)
            found[name] = np.array([time, *others][:batch], made[name].dtype)
        return found


def _indices(
    value: ir.Value, kind: str, rng: np.random.Generator, shape: tuple[int, ...], limit: int
) -> np.ndarray:
    """Indices into a table, each kind from where the one before ended: small tables are read whole."""
    count = math.prod(shape)
    first = count * list(KINDS).index(stem(kind))
    rows = (first + np.arange(count)) % max(limit, 1)
    dtype = value.dtype or ir.DataType.FLOAT
    return np.asarray(rng.permutation(rows).reshape(shape)).astype(dtype.numpy())


def _regions(drawn: np.ndarray, fed: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows of two corners, maybe behind a picture's number: of the first one, inside and beside it."""
    side = max((array.shape[-1] for array in fed.values() if array.ndim == 4), default=16)
    ahead = drawn.shape[-1] - 4
    with np.errstate(all="ignore"):
        corners = side * (np.abs(np.nan_to_num(drawn[..., ahead:].astype(np.float64))) % 1.25)
    pairs = np.sort(corners.reshape(*drawn.shape[:-1], 2, 2), axis=-2)
    numbers = np.zeros((*drawn.shape[:-1], ahead))
    return np.concatenate([numbers, pairs.reshape(corners.shape)], -1).astype(drawn.dtype)


def _fill(
    value: ir.Value, kind: str, rng: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    dtype = value.dtype or ir.DataType.FLOAT
    if dtype == ir.DataType.STRING:
        return np.full(shape, "", dtype=object)
    if dtype == ir.DataType.BOOL:
        return np.asarray(rng.integers(0, 2, shape)).astype(bool)
    if dtype.is_integer():
        return integers(dtype, kind, rng, shape)
    with np.errstate(over="ignore"):
        return np.asarray(KINDS[stem(kind)](rng, shape)).astype(dtype.numpy())


def shape_of(model: ir.Model, value: ir.Value, sizes: Sizes) -> tuple[int, ...]:
    """An input's shape, its free dimensions filled: those of one name are one size."""
    named, first = _named(model), _is_batch(value, _batch(model))
    said = _said(value) if sizes.said else None
    return tuple(
        dim
        if isinstance(dim, int)
        else said
        if said and not place
        else sizes.batch
        if first and not place
        else sizes.other + sizes.step * named.get(dim, place)
        for place, dim in enumerate(_dims(value))
    )


def _named(model: ir.Model) -> dict[str | None, int]:
    """The place of each named free dimension among all of them."""
    batch = _batch(model)
    names = [
        d for v in inputs(model) for d in _dims(v)[_is_batch(v, batch) :] if isinstance(d, str)
    ]
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def _dims(value: ir.Value) -> Dimensions:
    return dimensions(value) if value.shape is not None else ()
