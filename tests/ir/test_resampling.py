"""A matrix for an axis says what onnxruntime computes; its places decide as onnxruntime's do."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder
from mmdnn.ir.resampling import PLACES, ROUNDINGS, Resampling

SIZES = [(3, 7, None), (10, 5, None), (7, 3, None), (4, 6, None), (1, 3, None), (4, 1, None)]
SCALED = [
    (6, 4, 0.7),
    (27, 30, 30 / 27),
    (10, 6, 0.6),
    (5, 8, 1.7),
    (13, 3, 0.3),
    (10, 25, 2.5),
    (5, 1, 0.3),
    (10, 33, 3.3),
]


def computed(size: int, new: int, scale: float | None, **attributes: Any) -> np.ndarray:
    """What onnxruntime takes of each element: the columns of ones, resized."""
    builder = Builder("mmdnn.test")
    x = builder.input("x", (1, 1, size, size))
    if scale is None:
        inputs = [x, None, None, np.array([1, 1, new, size])]
    else:
        inputs = [x, None, np.array([1, 1, scale, 1], np.float32)]
    y = builder.op.Resize(*inputs, **attributes)
    builder.graph.outputs.append(y)
    feeds = {"x": np.eye(size, dtype=np.float32)[None, None]}
    return engine.run(builder.model(), feeds)[str(y.name)][0, 0]


@pytest.mark.parametrize("transformation", PLACES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_nearest(transformation: str, rounding: str) -> None:
    how = Resampling("nearest", transformation, rounding)
    for size, new, scale in SIZES + SCALED:
        wanted = computed(
            *(size, new, scale),
            mode="nearest",
            coordinate_transformation_mode=transformation,
            nearest_mode=rounding,
        )
        np.testing.assert_array_equal(how.matrix(size, new, scale), wanted, f"{size} {new} {scale}")


@pytest.mark.parametrize("transformation", PLACES)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_mixtures(transformation: str, mode: str) -> None:
    for a, outside, antialias in product([-0.75, -0.5], [False, True], [False, True]):
        if mode == "linear" and (a != -0.75 or outside > antialias):
            continue
        how = Resampling(mode, transformation, a=a, exclude_outside=outside, antialias=antialias)
        attributes = {"cubic_coeff_a": a} if mode == "cubic" else {}
        attributes |= {"exclude_outside": int(outside)} if outside else {}
        for size, new, scale in SIZES + SCALED:
            wanted = computed(
                *(size, new, scale),
                mode=mode,
                coordinate_transformation_mode=transformation,
                antialias=int(antialias),
                **attributes,
            )
            np.testing.assert_allclose(how.matrix(size, new, scale), wanted, atol=2e-5)


def test_a_table_of_fractions() -> None:
    exact = Resampling("cubic", "half_pixel", a=-0.5, exclude_outside=True)
    table = Resampling("cubic", "half_pixel", a=-0.5, exclude_outside=True, steps=1024)
    off = np.abs(exact.matrix(5, 7) - table.matrix(5, 7)).max()
    assert 0 < off < 1 / 1024
    np.testing.assert_array_equal(exact.matrix(4, 8), table.matrix(4, 8))
