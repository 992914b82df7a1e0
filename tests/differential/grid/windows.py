"""Windows that slide: convolutions, transposed ones, poolings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from differential.case import Case, Input, family, fed, weight
from differential.grid import Options, normal, product

IMAGES = {1: [(7,), (8,)], 2: [(7, 8), (6, 5)], 3: [(5, 6, 4)]}
KERNELS = {1: [(3,), (2,)], 2: [(3, 3), (2, 3), (1, 4)], 3: [(2, 3, 2)]}
PADS = {
    1: [None, (1, 1), (0, 2)],
    2: [None, (1, 1, 1, 1), (0, 1, 2, 1), (1, 0, 0, 2)],
    3: [None, (1, 0, 1, 0, 1, 1)],
}
RANKS = (1, 2, 2, 2, 3)
"""How often each number of axes is drawn."""


def per_axis(number: int | None, rank: int) -> list[int] | None:
    """The same for every axis; where it is negative, one more for the next axis."""
    if number is None:
        return None
    return [abs(number) + (axis if number < 0 else 0) for axis in range(rank)]


def drawn(rng: np.random.Generator, count: int, **choices: Any) -> Iterator[tuple[int, Options]]:
    """Random combinations of options, with a number of axes; paddings are said, or found, not both."""
    for _ in range(count):
        rank = int(rng.choice(RANKS))
        found: Options = {}
        for key, values in choices.items():
            options = values[rank] if isinstance(values, dict) else values
            value = options[int(rng.integers(len(options)))]
            per = key in {"strides", "dilations", "output_padding"}
            found[key] = per_axis(value, rank) if per else value
        if found.get("auto_pad"):
            found.pop("pads", None)
        yield rank, {key: value for key, value in found.items() if value is not None}


AUTO = [None, None, "SAME_UPPER", "SAME_LOWER", "VALID"]


def picture(rng: np.random.Generator, channels: int, image: tuple[int, ...], opened: str) -> Input:
    """An image of these sizes, all or some of them open."""
    axes = {"": (), "batch": (0,), "sizes": tuple(range(2, 2 + len(image)))}
    axes["all"] = (0, *axes["sizes"])
    return fed(normal(rng, 2, channels, *image), open=axes[opened])


@family
def convolutions(rng: np.random.Generator) -> Iterator[Case]:
    options = {
        "image": IMAGES,
        "kernel": KERNELS,
        "pads": PADS,
        "auto_pad": AUTO,
        "strides": [None, 2, -1, 3],
        "dilations": [None, None, 2, -1],
        "group": [None, None, 2, 4],
        "bias": [True, False],
        "open": ["", "", "batch", "sizes", "all"],
    }
    for _, found in drawn(rng, 420, **options):
        image, kernel, opened = (found.pop(key) for key in ("image", "kernel", "open"))
        bias, groups = found.pop("bias"), found.get("group", 1)
        x = picture(rng, 4, image, opened)
        w = weight(normal(rng, 4, 4 // groups, *kernel))
        yield Case("Conv", [x, w, *([weight(normal(rng, 4))] * bias)], found)


@family
def computed_convolutions(rng: np.random.Generator) -> Iterator[Case]:
    for found in product(auto_pad=[None, "SAME_UPPER"], strides=[None, [2, 1]], group=[None, 2]):
        w = fed(normal(rng, 4, 4 // found.get("group", 1), 3, 2))
        yield Case("Conv", [picture(rng, 4, (6, 7), ""), w], found)
        yield Case("Conv", [picture(rng, 4, (6, 7), ""), w, fed(normal(rng, 4))], found)
        w = fed(normal(rng, 4, 4 // found.get("group", 1), 3, 2))
        yield Case("ConvTranspose", [picture(rng, 4, (6, 7), ""), w], found)


@family
def transposed_convolutions(rng: np.random.Generator) -> Iterator[Case]:
    options = {
        "image": {1: [(4,), (5,)], 2: [(4, 4), (3, 5)], 3: [(3, 2, 4)]},
        "kernel": {1: [(3,), (2,)], 2: [(3, 3), (2, 2), (4, 3), (1, 1)], 3: [(2, 3, 2)]},
        "pads": PADS,
        "auto_pad": AUTO,
        "strides": [None, 2, -1, 3],
        "dilations": [None, None, 2],
        "output_padding": [None, None, 1, -1],
        "group": [None, None, 2],
        "bias": [True, False],
        "open": ["", "", "batch", "sizes"],
    }
    for _, found in drawn(rng, 420, **options):
        image, kernel, opened = (found.pop(key) for key in ("image", "kernel", "open"))
        bias, groups = found.pop("bias"), found.get("group", 1)
        x = picture(rng, 4, image, opened)
        w = weight(normal(rng, 4, 6 // groups, *kernel))
        if opened in ("", "batch") and rng.random() < 0.15:
            found.pop("pads", None)
            strides = found.get("strides", [1] * len(image))
            found["output_shape"] = [
                size * stride + int(rng.integers(-1, 2))
                for size, stride in zip(image, strides, strict=True)
            ]
        yield Case("ConvTranspose", [x, w, *([weight(normal(rng, 6))] * bias)], found)


def pooling_options(**more: Any) -> Options:
    return {
        "image": {1: [(7,), (8,)], 2: [(7, 8), (8, 8), (6, 5), (9, 10)], 3: [(5, 6, 4)]},
        "kernel_shape": {1: [[3], [2]], 2: [[3, 3], [2, 2], [2, 3], [1, 3]], 3: [[2, 3, 2]]},
        "pads": PADS,
        "auto_pad": AUTO,
        "strides": [None, 2, 3, -1],
        "dilations": [None, None, None, 2],
        "ceil_mode": [None, 0, 1, 1],
        "open": ["", "", "batch", "sizes"],
        **more,
    }


@family
def max_poolings(rng: np.random.Generator) -> Iterator[Case]:
    for rank, found in drawn(rng, 420, **pooling_options(places=[0, 0, 0, 0, 1])):
        image, opened, places = (found.pop(key) for key in ("image", "open", "places"))
        if places and rank == 2 and rng.random() < 0.5:
            found["storage_order"] = 1
        yield Case("MaxPool", [picture(rng, 3, image, opened)], found, outputs=1 + places)


@family
def average_poolings(rng: np.random.Generator) -> Iterator[Case]:
    for _, found in drawn(rng, 420, **pooling_options(count_include_pad=[None, 0, 1])):
        image, opened = found.pop("image"), found.pop("open")
        yield Case("AveragePool", [picture(rng, 3, image, opened)], found)


@family
def poolings_of_windows_larger_than_the_image(rng: np.random.Generator) -> Iterator[Case]:
    kinds: list[tuple[str, Options]] = [
        ("MaxPool", {}),
        ("AveragePool", {}),
        ("AveragePool", {"count_include_pad": 1}),
        ("LpPool", {"p": 2}),
    ]
    for kind, more in kinds:
        for pads in ([0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]):
            for kernel, strides in (([2, 3], [3, 3]), ([3, 4], [3, 2]), ([2, 3], [2, 1])):
                said = {"kernel_shape": kernel, "strides": strides, "pads": pads, **more}
                yield Case(kind, [picture(rng, 3, (1, 2), "")], {"ceil_mode": 1, **said})
    for kind, more in kinds:
        said = {"kernel_shape": [2, 3, 2], "pads": [0, 1, 1] * 2, "strides": [3, 3, 3], **more}
        for ceil in (0, 1):
            yield Case(kind, [picture(rng, 3, (4, 9, 1), "")], {"ceil_mode": ceil, **said})
    said = {"pads": [1, 1, 1, 1], "strides": [3, 1]}
    w = weight(normal(rng, 2, 3, 1, 1))
    yield Case("Conv", [picture(rng, 3, (1, 1), ""), w, weight(normal(rng, 2))], said)


@family
def norm_poolings(rng: np.random.Generator) -> Iterator[Case]:
    for _, found in drawn(rng, 120, **pooling_options(p=[None, 1, 2, 3])):
        image, opened = found.pop("image"), found.pop("open")
        yield Case("LpPool", [picture(rng, 3, image, opened)], found)


@family
def global_poolings(rng: np.random.Generator) -> Iterator[Case]:
    for image in ((7,), (6, 5), (3, 4, 2)):
        for opened in ("", "batch", "all"):
            for kind in ("GlobalAveragePool", "GlobalMaxPool"):
                yield Case(kind, [picture(rng, 3, image, opened)])
            for p in (None, 1, 3):
                attributes = {} if p is None else {"p": p}
                yield Case("GlobalLpPool", [picture(rng, 3, image, opened)], attributes)


@family
def unpoolings(rng: np.random.Generator) -> Iterator[Case]:
    """The places are those of maxima: one in each window."""
    for strides, pads in ((None, None), ([2, 2], None), ([2, 2], [0, 0, 1, 1])):
        x = normal(rng, 1, 2, 3, 3)
        rows = np.arange(3)[:, None] * 12 + np.arange(3) * 2
        places = rows + np.arange(2).reshape(1, 2, 1, 1) * 36
        attributes = {"kernel_shape": [2, 2], "strides": strides, "pads": pads}
        known = {key: value for key, value in attributes.items() if value}
        if strides and not pads:
            yield Case("MaxUnpool", [fed(x), fed(places.astype(np.int64))], known)
            yield Case("MaxUnpool", [fed(x), weight(places.astype(np.int64))], known)


@family
def deformed_convolutions(rng: np.random.Generator) -> Iterator[Case]:
    for found in product(strides=[None, [2, 1]], pads=[None, [1, 0, 1, 2]], group=[None, 2]):
        high = (6 + sum(found.get("pads", [0] * 4)[::2]) - 3) // found.get("strides", [1])[0] + 1
        wide = 5 + sum(found.get("pads", [0] * 4)[1::2]) - 2 + 1
        for mask in (False, True):
            inputs = [
                fed(normal(rng, 1, 4, 6, 5)),
                weight(normal(rng, 4, 4 // found.get("group", 1), 3, 2)),
                fed(normal(rng, 1, 12, high, wide) * 0.4),
                weight(normal(rng, 4)) if mask else None,
                *([fed(np.abs(normal(rng, 1, 6, high, wide)))] if mask else []),
            ]
            given = inputs if mask else inputs[:3]
            yield Case("DeformConv", given, {"kernel_shape": [3, 2], **found})


@family
def strips(rng: np.random.Generator) -> Iterator[Case]:
    """Pictures cut into columns and put together again."""
    for found in product(
        strides=[None, [2, 1]], pads=[None, [1, 0, 1, 0]], dilations=[None, [1, 2]]
    ):
        strides, pads = found.get("strides", [1, 1]), found.get("pads", [0] * 4)
        dilations = found.get("dilations", [1, 1])
        count = 1
        for axis, (size, kernel) in enumerate(((6, 2), (5, 3))):
            reach = dilations[axis] * (kernel - 1) + 1
            count *= (size + pads[axis] + pads[axis + 2] - reach) // strides[axis] + 1
        x = normal(rng, 1, 2 * 6, count)
        block, image = weight(np.int64([2, 3])), weight(np.int64([6, 5]))
        yield Case("Col2Im", [fed(x), image, block], found, opset=18)
