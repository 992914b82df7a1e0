"""Parts by their places."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from differential.case import Case, Input, family, fed, ints, weight
from differential.grid import normal, product

FAR = 2**31 - 1


@family
def slices(rng: np.random.Generator) -> Iterator[Case]:
    shape = (4, 5, 6)
    for _ in range(220):
        count = int(rng.integers(1, 4))
        axes = sorted(rng.choice(3, count, replace=False).tolist())
        starts, ends, steps = [], [], []
        for axis in axes:
            size = shape[axis]
            step = int(rng.choice([1, 1, 1, 2, 3, -1, -2]))
            low, high = sorted(int(n) for n in rng.choice(size + 1, 2, replace=False))
            if step > 0:
                start, end = low, high
                end = [end, end - size if end < size else FAR][int(rng.integers(2))]
            else:
                start, end = high - 1, low - 1
                end = end if end >= 0 else -FAR
                end = [end, end - size if 0 <= end < size else end][int(rng.integers(2))]
            start = [start, start - size][int(rng.integers(2))] if start >= 0 else start
            starts.append(start)
            ends.append(end)
            steps.append(step)
        signed = [axis - 3 if rng.random() < 0.3 else axis for axis in axes]
        given = [ints(*starts), ints(*ends)]
        if axes != list(range(count)) or rng.random() < 0.6 or any(s != 1 for s in steps):
            given.append(ints(*signed))
        if any(step != 1 for step in steps):
            given.append(ints(*steps))
        opened = [(), (), (0,), (0, 1, 2)][int(rng.integers(4))]
        yield Case("Slice", [fed(normal(rng, *shape), open=opened), *given])


@family
def slices_of_types(rng: np.random.Generator) -> Iterator[Case]:
    yield Case("Slice", [fed(normal(rng, 3, 4)), ints(1, 2), ints(9, 13)])
    for start, stop in ((0, 15), (2, 9), (4, 5), (7, 9), (-9, 2), (-9, FAR), (-2, FAR)):
        for opened in ((), (1,), (0, 1)):
            x = fed(normal(rng, 2, 5, 3), open=opened)
            yield Case("Slice", [x, ints(start), ints(stop), ints(1)])
    for dtype in (np.int64, np.int32, np.float64, np.float16, np.bool_, np.uint8):
        x = normal(rng, 3, 4, dtype=dtype)
        yield Case("Slice", [fed(x), ints(1), ints(FAR), ints(1)])
    yield Case(
        "Slice", [fed(normal(rng, 3, 4))], {"starts": [1], "ends": [-1], "axes": [1]}, opset=9
    )
    yield Case("Slice", [fed(normal(rng, 3, 4))], {"starts": [0, 1], "ends": [2, 99]}, opset=9)


PLACES = ([1], [[0, 2], [1, 1]], 1, [-1, 0], [[-2]])


@family
def gathers(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (None, 0, 1, 2, -1):
        attributes = {} if axis is None else {"axis": axis}
        for places in PLACES:
            for opened in ((), (0,), (0, 1, 2)):
                x = fed(normal(rng, 3, 4, 5), open=opened)
                yield Case("Gather", [x, weight(np.int64(places))], attributes)
        yield Case("Gather", [fed(normal(rng, 3, 4, 5)), fed(np.int64([2, 0]))], attributes)
        yield Case("Gather", [weight(normal(rng, 4, 3, 5)), fed(np.int64([[2, 0]]))], attributes)
        yield Case("Gather", [fed(normal(rng, 3, 4, 5)), fed(np.int32([-1]))], attributes)
    yield Case("Gather", [fed(normal(rng, 3, 4, dtype=np.int64)), weight(np.int64([1]))])


@family
def gathers_of_elements(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (None, 0, 1, -1):
        attributes = {} if axis is None else {"axis": axis}
        for low in (0, -3):
            places = rng.integers(low, 3, (3, 3) if axis in (None, 0) else (2, 3))
            for given in (weight(places), fed(places)):
                yield Case("GatherElements", [fed(normal(rng, 3, 3)), given], attributes)
    x, places = normal(rng, 2, 3, 4), rng.integers(0, 3, (2, 1, 4))
    yield Case("GatherElements", [fed(x), weight(places)], {"axis": 1})


@family
def gathers_of_tuples(rng: np.random.Generator) -> Iterator[Case]:
    x = normal(rng, 2, 3, 4)
    for places, batch in (
        ([[0, 1], [1, 2]], None),
        ([[[0, 1, 3]], [[1, 2, -1]]], None),
        ([[1], [0]], None),
        ([[[1]], [[0]]], 1),
        ([[2], [-1]], 1),
        ([[1], [2]], 1),
        ([[[1], [2], [0]], [[0], [0], [3]]], 2),
    ):
        attributes = {} if batch is None else {"batch_dims": batch}
        yield Case("GatherND", [fed(x), weight(np.int64(places))], attributes)
        yield Case("GatherND", [fed(x, open=(0,)), fed(np.int64(places))], attributes)


@family
def scatters(rng: np.random.Generator) -> Iterator[Case]:
    x = normal(rng, 3, 4)
    for reduction in (None, "add", "mul", "max", "min"):
        more = {} if reduction is None else {"reduction": reduction}
        for axis in (None, 1, -1):
            places = np.stack([rng.permutation(3)[:2] for _ in range(4)], axis=1)
            attributes = {**more, **({} if axis is None else {"axis": axis})}
            for given in (weight(places), fed(places)):
                updates = fed(normal(rng, 2, 4))
                if axis is not None:
                    given = Input(np.ascontiguousarray(places.T[:3]), constant=given.constant)
                    updates = fed(normal(rng, 3, 2))
                yield Case("ScatterElements", [fed(x), given, updates], attributes)
        for places, shape in (
            ([[0], [2]], (2, 4)),
            ([[0, 1], [2, 3], [1, 0]], (3,)),
            ([[[-1]]], (1, 1, 4)),
        ):
            updates = fed(normal(rng, *shape))
            yield Case("ScatterND", [fed(x), weight(np.int64(places)), updates], more)
            yield Case("ScatterND", [fed(x), fed(np.int64(places)), updates], more)
    yield Case(
        "TensorScatter",
        [fed(normal(rng, 2, 1, 4, 3)), fed(normal(rng, 2, 1, 2, 3)), fed(np.int64([0, 2]))],
        {"axis": -2},
        opset=24,
    )


@family
def one_hot(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (None, 0, 1, -1, -2):
        for values in ([0, 1], [-1.5, 2.0]):
            attributes = {} if axis is None else {"axis": axis}
            marks = weight(np.float32(values))
            for places in ([[1, 0], [3, 2]], [[-1, 0], [3, 7]]):
                given = [weight(np.int64(4)), marks]
                yield Case("OneHot", [fed(np.int64(places)), *given], attributes)
                yield Case("OneHot", [fed(np.float32(places)), *given], attributes)
    yield Case("OneHot", [fed(np.int64([1, 2])), weight(np.int64([3])), weight(np.int64([0, 1]))])


@family
def largest(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (None, 0, 1, -1):
        for found in product(axis=[axis], largest=[None, 0], sorted=[None]):
            for outputs in (2, ("y0", ""), ("", "y1")):
                x = rng.permutation(24).reshape(2, 3, 4).astype(np.float32)
                count = ints(2)
                yield Case("TopK", [fed(x), count], found, outputs=outputs)
            yield Case("TopK", [fed(x, open=(0,)), count], found, outputs=2)
    x = rng.permutation(12).reshape(3, 4)
    yield Case("TopK", [fed(x), ints(3)], {}, outputs=2)
    yield Case("TopK", [fed(np.round(normal(rng, 2, 9))), ints(5)], {}, outputs=2)


@family
def chosen(rng: np.random.Generator) -> Iterator[Case]:
    for axis, count in ((None, 12), (0, 3), (1, 4), (-1, 4)):
        attributes = {} if axis is None else {"axis": axis}
        marks = rng.integers(0, 2, count).astype(bool)
        none = np.zeros(count, bool)
        for given in (*map(weight, (marks, marks[: count - 1], none)), fed(marks), fed(none)):
            yield Case("Compress", [fed(normal(rng, 3, 4)), given], attributes)
    yield Case("NonZero", [fed(np.round(normal(rng, 3, 4)))])
    yield Case("NonZero", [fed(normal(rng, 5, dtype=np.int64))])
    for found in product(axis=[None, 0, -1], sorted=[None, 0]):
        x = np.round(normal(rng, 4, 3))
        yield Case("Unique", [fed(x)], found, outputs=4)
        yield Case("Unique", [fed(x)], found)
