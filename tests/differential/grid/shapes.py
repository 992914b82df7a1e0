"""The same numbers in another shape, or order; parts put together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from differential.case import Case, family, fed, ints, some, weight
from differential.grid import normal, product

OPENED = ((), (0,), (0, 1, 2))


@family
def reshapes(rng: np.random.Generator) -> Iterator[Case]:
    for shape in (
        (6, 4),
        (2, -1),
        (-1,),
        (0, -1),
        (2, 3, 2, 2),
        (1, 24),
        (0, 0, -1),
        (4, 3, 2),
        (-1, 4),
    ):
        for opened in OPENED:
            yield Case("Reshape", [fed(normal(rng, 2, 3, 4), open=opened), ints(*shape)])
    yield Case("Reshape", [fed(normal(rng, 1, 1)), weight(np.zeros(0, np.int64))])
    yield Case("Reshape", [fed(np.float32(3)), ints(1, 1)])
    yield Case("Reshape", [fed(normal(rng, 2, 3, dtype=np.int64)), ints(3, 2)])
    yield Case("Reshape", [fed(normal(rng, 2, 3)), fed(np.int64([3, -1]))])
    yield Case("Reshape", [fed(normal(rng, 2, 3)), ints(3, 2)], {"allowzero": 1})
    yield Case("Reshape", [fed(normal(rng, 2, 3))], {"shape": [3, 2]}, opset=4)


@family
def flattened(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (None, 0, 1, 2, 3, -1, -2, -3):
        for opened in OPENED:
            attributes = {} if axis is None else {"axis": axis}
            yield Case("Flatten", [fed(normal(rng, 2, 3, 4), open=opened)], attributes)


@family
def ones(rng: np.random.Generator) -> Iterator[Case]:
    for axes in ((1,), (-1,), (1, -1), (-3, 3), None):
        for opened in ((), (0,), (0, 2)):
            given = [] if axes is None else [ints(*axes)]
            x = fed(normal(rng, 2, 1, 3, 1), open=opened)
            if axes is not None or not opened:
                yield Case("Squeeze", [x, *given])
    for axes in ((0,), (1,), (-1,), (0, 2), (-1, -3), (2, 0), (-2,)):
        for opened in OPENED:
            yield Case("Unsqueeze", [fed(normal(rng, 2, 3, 4), open=opened), ints(*axes)])
    yield Case("Unsqueeze", [fed(np.float32(2)), ints(0)])
    yield Case("Squeeze", [fed(normal(rng, 1, 3))], {"axes": [0]}, opset=11)
    yield Case("Unsqueeze", [fed(normal(rng, 4, 3))], {"axes": [0, 2]}, opset=11)


@family
def transposed(rng: np.random.Generator) -> Iterator[Case]:
    yield Case("Transpose", [fed(normal(rng, 2, 3, 4))])
    for perm in permutations(range(3)):
        for opened in OPENED:
            yield Case("Transpose", [fed(normal(rng, 2, 3, 4), open=opened)], {"perm": list(perm)})
    for perm in some(list(permutations(range(4))), 9, rng):
        yield Case("Transpose", [fed(normal(rng, 2, 3, 4, 5), open=(0,))], {"perm": list(perm)})
    yield Case("Transpose", [fed(normal(rng, 2, 3))], {"perm": [1, 0]})


@family
def repeated(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((2, 3, 4), (3, 4), (1,), (2, 2, 3, 4), (1, 1, 1), (3, 1)):
        for opened in ((), (0,)):
            yield Case("Expand", [fed(normal(rng, 2, 1, 4), open=opened), ints(*shape)])
    yield Case("Expand", [fed(np.float32(3)), ints(2, 3)])
    yield Case("Expand", [fed(normal(rng, 3, 1)), fed(np.int64([2, 3, 4]))])
    yield Case("Expand", [fed(normal(rng, 3, 1, dtype=np.int64)), ints(3, 4)])
    for times in ((1, 2, 3), (2, 1, 1), (1, 1, 1), (1, 3, 1)):
        for opened in OPENED:
            yield Case("Tile", [fed(normal(rng, 2, 3, 4), open=opened), ints(*times)])
    yield Case("Tile", [fed(normal(rng, 3)), fed(np.int64([2]))])


@family
def blocks(rng: np.random.Generator) -> Iterator[Case]:
    for mode in (None, "DCR", "CRD"):
        for size in (2, 3):
            for opened in ((), (0,), (2, 3)):
                attributes = {"blocksize": size, **({"mode": mode} if mode else {})}
                x = fed(normal(rng, 2, 2 * size * size, 3, 4), open=opened)
                yield Case("DepthToSpace", [x], attributes)
                if mode is None:
                    x = fed(normal(rng, 2, 3, 2 * size, 3 * size), open=opened)
                    yield Case("SpaceToDepth", [x], attributes)


@family
def sizes(rng: np.random.Generator) -> Iterator[Case]:
    for start, end in ((None, None), (1, None), (None, -1), (-2, 3), (0, 1)):
        for opened in OPENED:
            found = product(start=[start], end=[end])[0]
            yield Case("Shape", [fed(normal(rng, 2, 3, 4), open=opened)], found)
    for opened in OPENED:
        yield Case("Size", [fed(normal(rng, 2, 3, 4), open=opened)])


@family
def joined(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (0, 1, 2, -1, -2, -3):
        shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
        for shape, size in zip(shapes, (1, 2, 3), strict=True):
            shape[axis] = size
        parts = [normal(rng, *shape) for shape in shapes]
        yield Case("Concat", [fed(part) for part in parts], {"axis": axis})
        yield Case("Concat", [fed(parts[0]), weight(parts[1]), fed(parts[2])], {"axis": axis})
        yield Case("Concat", [fed(parts[0])], {"axis": axis})
        if axis % 3:
            opened = [fed(part, open=(0,)) for part in parts]
            yield Case("Concat", opened, {"axis": axis})
    yield Case("Concat", [fed(normal(rng, 2)), fed(normal(rng, 3))], {"axis": 0})
    ints64 = [fed(normal(rng, 2, 2, dtype=np.int64)) for _ in range(2)]
    yield Case("Concat", ints64, {"axis": 1})


@family
def split(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (None, 0, 1, -1, -2):
        attributes = {} if axis is None else {"axis": axis}
        for opened in ((), (0,)):
            if opened and axis in (None, 0):
                continue
            x = fed(normal(rng, 6, 6, 6), open=opened)
            yield Case("Split", [x, ints(1, 2, 3)], attributes, outputs=3)
            yield Case("Split", [x, ints(1, 5)], attributes, outputs=2)
            yield Case("Split", [x], {**attributes, "num_outputs": 3}, outputs=3)
            x = fed(normal(rng, 7, 7, 7), open=opened)
            yield Case("Split", [x], {**attributes, "num_outputs": 2}, outputs=2)
    yield Case("Split", [fed(normal(rng, 4, 6))], {"axis": 1, "split": [2, 4]}, outputs=2, opset=11)
    yield Case("Split", [fed(normal(rng, 4, 6))], {"axis": 1}, outputs=2, opset=13)
    for names in (("y0", "", "y2"), ("", "y1", ""), ("y0", "", "")):
        x = fed(normal(rng, 4, 6), open=(0,))
        yield Case("Split", [x, ints(1, 2, 3)], {"axis": 1}, outputs=names)


@family
def padded(rng: np.random.Generator) -> Iterator[Case]:
    for mode in (None, "constant", "reflect", "edge", "wrap"):
        more = {} if mode is None else {"mode": mode}
        for pads in (
            (0, 0, 1, 2, 0, 0, 2, 1),
            (0, 0, 0, 1, 0, 0, 0, 0),
            (0, 1, 0, 0, 0, 2, 0, 0),
            (1, 0, 0, 0, 0, 0, 0, 0),
            (0, 0, -1, 0, 0, 0, 1, -2),
            (0, 0, 0, 0, 0, 0, -1, -1),
        ):
            for opened in ((), (0,), (0, 2, 3)):
                x = fed(normal(rng, 2, 3, 4, 5), open=opened)
                yield Case("Pad", [x, ints(*pads)], more)
        x = fed(normal(rng, 2, 3, 4, 5))
        yield Case("Pad", [x, ints(1, 2, 2, 1), None, ints(2, -1)], more)
        yield Case("Pad", [fed(normal(rng, 4, 5)), ints(1, 0, 2, 1)], more)
    for value in (1.5, -np.inf):
        x = fed(normal(rng, 2, 3, 4, 5))
        number = weight(np.float32(value))
        yield Case("Pad", [x, ints(0, 0, 1, 0, 0, 0, 0, 2), number])
        yield Case("Pad", [x, ints(0, 1, 0, 0, 1, 0, 0, 2), number])
    yield Case("Pad", [fed(normal(rng, 2, 3, dtype=np.int64)), ints(0, 1, 0, 2)])
    yield Case("Pad", [fed(normal(rng, 2, 3)), fed(np.int64([0, 1, 1, 0]))])
    yield Case("Pad", [fed(normal(rng, 2, 3))], {"pads": [0, 1, 0, 2], "value": 0.5}, opset=2)


@family
def reordered(rng: np.random.Generator) -> Iterator[Case]:
    for batch, time in ((None, None), (0, 1), (1, 0)):
        found = product(batch_axis=[batch], time_axis=[time])[0]
        count = 4 if found.get("batch_axis", 1) == 1 else 5
        lengths = rng.integers(1, 5, count)
        for given in (weight(lengths), fed(lengths)):
            yield Case("ReverseSequence", [fed(normal(rng, 5, 4, 2)), given], found)
    for upper in (None, 0):
        for k in (None, 0, 1, -1):
            more = {} if upper is None else {"upper": upper}
            given = [] if k is None else [weight(np.int64(k))]
            yield Case("Trilu", [fed(normal(rng, 2, 4, 5)), *given], more)
