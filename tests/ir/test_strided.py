"""Slices with masks, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder
from mmdnn.ir.strided import Masks, sliced

X = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("begin", "end", "steps", "masks", "wanted"),
    [
        ([0, 1], [2, 3], [1, 1], Masks(), X[0:2, 1:3]),
        ([1, -1], [2, 0], [1, -1], Masks(begin=3, end=3), X[:, ::-1]),
        ([0, -1], [0, 0], [1, 1], Masks(ellipsis=1, shrink_axis=2), X[..., -1]),
        ([0, 0, 1], [0, 0, 3], [1, 1, 2], Masks(ellipsis=1, new_axis=2), X[..., None, 1:3:2]),
        ([1, 0, -2], [2, 0, 0], [1, 1, 1], Masks(new_axis=2, shrink_axis=5), X[1, None, -2]),
        ([0, 0, -7], [0, 0, -9], [1, 1, -1], Masks(begin=3, end=7), X[:, :, -7::-1]),
        ([0, 0, 9], [0, 0, -9], [1, 1, -2], Masks(begin=3, end=3), X[:, :, 9:-9:-2]),
    ],
)
@pytest.mark.parametrize("computed", [False, True])
def test_as_numpy(begin, end, steps, masks, wanted, computed) -> None:
    builder = Builder("test")
    x = builder.input("x", X.shape)
    bounds = [builder.constant(each, np.int64) for each in (begin, end)]
    if computed:
        zero = builder.op.Cast(builder.op.Mul(builder.op.ReduceMin(x, keepdims=0), 0.0), to=7)
        bounds = [builder.op.Add(each, zero) for each in bounds]
    if computed and any(s < 0 and not masks.begin >> i & 1 for i, s in enumerate(steps)):
        with pytest.raises(UnsupportedError, match="backwards from a place that is computed"):
            sliced(builder.op, x, bounds[0], bounds[1], steps, masks)
        return
    y = sliced(builder.op, x, bounds[0], bounds[1], steps, masks)
    builder.graph.outputs.append(y)
    np.testing.assert_array_equal(engine.run(builder.model(), {"x": X})[str(y.name)], wanted)
