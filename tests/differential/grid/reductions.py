"""Reductions along axes: sums and their kin, places of extremes, running sums."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from differential.case import Case, family, fed, ints, weight
from differential.grid import normal, product

KINDS = (
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax"),
    *("ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
)
AXES = {
    2: [None, (), (0,), (-1,), (0, 1)],
    4: [None, (1,), (-1,), (2, 3), (-2, 1), (0, 3), (1, 2, 3)],
}


def operand(kind: str, rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers that the operator takes: none below zero for a logarithm."""
    x = normal(rng, *shape)
    return np.abs(x) + 0.5 if kind == "ReduceLogSum" else x


@family
def reductions(rng: np.random.Generator) -> Iterator[Case]:
    for kind in KINDS:
        for shape in ((2, 3), (2, 3, 4, 5)):
            for axes in AXES[len(shape)]:
                for found in product(keepdims=[None, 0], noop_with_empty_axes=[None, 1]):
                    if axes and "noop_with_empty_axes" in found:
                        continue
                    given = [] if axes is None else [ints(*axes)]
                    x = fed(operand(kind, rng, *shape), open=(0,) if rng.random() < 0.3 else ())
                    yield Case(kind, [x, *given], found)


@family
def reductions_of_open_sizes(rng: np.random.Generator) -> Iterator[Case]:
    for kind in KINDS:
        for axes in ((1,), (-1,), (2, 3), (0,)):
            for keepdims in (0, 1):
                x = fed(operand(kind, rng, 2, 3, 4, 5), open=(0, 2, 3))
                yield Case(kind, [x, ints(*axes)], {"keepdims": keepdims})


@family
def reductions_of_old(rng: np.random.Generator) -> Iterator[Case]:
    """Until opset 17 axes are an attribute, for sums until 12."""
    for kind in KINDS:
        for axes, keepdims in ((None, 1), ([-1], 0), ([1, 2], 1)):
            attributes = {"keepdims": keepdims, **({"axes": axes} if axes else {})}
            yield Case(kind, [fed(operand(kind, rng, 2, 3, 4))], attributes, opset=12)


@family
def reductions_of_types(rng: np.random.Generator) -> Iterator[Case]:
    for kind in KINDS:
        for dtype in (np.float64, np.float16, np.int32, np.int64):
            x = np.abs(normal(rng, 2, 3, 4, dtype=dtype)) + np.ones(1, dtype)
            if "Log" in kind and np.dtype(dtype).kind == "i":
                continue  # its definition takes the logarithm of a whole number, which ONNX has not
            yield Case(kind, [fed(x), ints(1)])


@family
def places(rng: np.random.Generator) -> Iterator[Case]:
    for kind in ("ArgMax", "ArgMin"):
        for axis in (None, 0, 1, -1, -3):
            for found in product(axis=[axis], keepdims=[None, 0], select_last_index=[None, 1]):
                x = normal(rng, 2, 3, 4)
                yield Case(kind, [fed(x)], found)
                yield Case(kind, [fed(np.round(x), open=(0,))], found)
        yield Case(kind, [fed(normal(rng, 2, 3, 4, dtype=np.int32))], {"axis": 1})
        yield Case(kind, [fed(normal(rng, 5))], {"axis": 0, "keepdims": 0})


@family
def running(rng: np.random.Generator) -> Iterator[Case]:
    for axis in (0, 1, -1):
        for found in product(exclusive=[None, 1], reverse=[None, 1]):
            yield Case("CumSum", [fed(normal(rng, 2, 3, 4)), weight(np.int64(axis))], found)
            yield Case(
                "CumSum", [fed(normal(rng, 2, 3, 4), open=(0, 1)), weight(np.int64(axis))], found
            )
    yield Case("CumSum", [fed(normal(rng, 2, 3, dtype=np.int64)), weight(np.int64(1))])
    yield Case("CumSum", [fed(normal(rng, 4)), weight(np.int64(0))])
