"""Pictures in another size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from differential.case import Case, family, fed, ints, some, weight
from differential.grid import normal, product

COORDINATES = (
    *(None, "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"),
    "half_pixel_symmetric",
)
SCALES = ((1, 1, 2, 2), (1, 1, 2, 3), (1, 1, 0.5, 0.5), (1, 1, 1.5, 0.7), (1, 1, 1, 2))


@family
def nearest(rng: np.random.Generator) -> Iterator[Case]:
    options = product(
        coordinate_transformation_mode=COORDINATES,
        nearest_mode=[None, "floor", "ceil", "round_prefer_ceil"],
    )
    for found in options:
        for scales in SCALES:
            opened = [(), (0,), (2, 3)][int(rng.integers(3))]
            x = fed(normal(rng, 1, 2, 4, 6), open=opened)
            yield Case("Resize", [x, None, weight(np.float32(scales))], found)
        sizes = ints(1, 2, *([8, 12], [3, 9], [4, 5])[int(rng.integers(3))])
        yield Case("Resize", [fed(normal(rng, 1, 2, 4, 6)), None, None, sizes], found)


@family
def interpolated(rng: np.random.Generator) -> Iterator[Case]:
    options = product(
        mode=["linear", "cubic"],
        coordinate_transformation_mode=COORDINATES,
        antialias=[None, 1],
        exclude_outside=[None, 1],
        cubic_coeff_a=[None, -0.5],
    )
    options = [
        found
        for found in options
        if found["mode"] == "cubic" or not {"exclude_outside", "cubic_coeff_a"} & found.keys()
    ]
    for found in options:
        for scales in some(SCALES, 3, rng):
            opened = [(), (0,), (2, 3)][int(rng.integers(3))]
            x = fed(normal(rng, 1, 2, 4, 6), open=opened)
            yield Case("Resize", [x, None, weight(np.float32(scales))], found)
        sizes = ints(1, 2, *([8, 12], [3, 9], [4, 5], [1, 1])[int(rng.integers(4))])
        yield Case("Resize", [fed(normal(rng, 1, 2, 4, 6)), None, None, sizes], found)


@family
def of_axes(rng: np.random.Generator) -> Iterator[Case]:
    for mode in (None, "linear", "cubic"):
        more = {} if mode is None else {"mode": mode}
        x = fed(normal(rng, 1, 2, 4, 6))
        for axes, numbers in (([2, 3], [2, 2]), ([3, 2], [3, 2]), ([-1], [2]), ([2], [0.5])):
            attributes = {"axes": axes, **more}
            yield Case("Resize", [x, None, weight(np.float32(numbers))], attributes)
        for policy in ("stretch", "not_larger", "not_smaller"):
            attributes = {"axes": [2, 3], "keep_aspect_ratio_policy": policy, **more}
            yield Case("Resize", [x, None, None, ints(7, 8)], attributes)
        x = fed(normal(rng, 1, 2, 5))
        yield Case("Resize", [x, None, weight(np.float32([1, 1, 2]))], more)
        if mode != "cubic":
            x = fed(normal(rng, 1, 2, 3, 4, 2))
            yield Case("Resize", [x, None, weight(np.float32([1, 1, 2, 2, 2]))], more)
    region = weight(np.float32([0, 0, 0.2, 0.1, 1, 1, 0.8, 1.3]))
    for mode in ("nearest", "linear"):
        for outside in (None, 1.5):
            found = product(extrapolation_value=[outside])[0]
            found |= {"mode": mode, "coordinate_transformation_mode": "tf_crop_and_resize"}
            x = fed(normal(rng, 1, 2, 4, 6))
            yield Case("Resize", [x, region, None, ints(1, 2, 3, 5)], found)


@family
def of_old(rng: np.random.Generator) -> Iterator[Case]:
    for mode in (None, "nearest", "linear"):
        more = {} if mode is None else {"mode": mode}
        for scales in ((1, 1, 2, 2), (1, 1, 1.5, 2), (1, 1, 3, 1)):
            x = fed(normal(rng, 1, 2, 3, 4))
            yield Case("Upsample", [x, weight(np.float32(scales))], more, opset=9)
            yield Case("Upsample", [x], {"scales": [float(n) for n in scales], **more}, opset=8)
            yield Case("Resize", [x, weight(np.float32(scales))], more, opset=10)


@family
def samples(rng: np.random.Generator) -> Iterator[Case]:
    for found in product(
        mode=[None, "nearest", "cubic"],
        padding_mode=[None, "border", "reflection"],
        align_corners=[None, 1],
    ):
        grid = (rng.random((1, 3, 5, 2)) * 2.4 - 1.2).astype(np.float32)
        yield Case("GridSample", [fed(normal(rng, 1, 2, 4, 6)), fed(grid)], found)
        yield Case("GridSample", [fed(normal(rng, 1, 2, 4, 6)), weight(grid)], found)
        if found.get("mode") != "cubic":
            grid = (rng.random((1, 2, 3, 4, 3)) * 2.4 - 1.2).astype(np.float32)
            yield Case("GridSample", [fed(normal(rng, 1, 2, 3, 4, 5)), fed(grid)], found)
    for align in (None, 1):
        more = {} if align is None else {"align_corners": align}
        yield Case("AffineGrid", [fed(normal(rng, 2, 2, 3)), ints(2, 3, 4, 5)], more)
        yield Case("AffineGrid", [fed(normal(rng, 2, 3, 4)), ints(2, 3, 4, 5, 2)], more)
