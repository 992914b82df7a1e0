"""Expressions that values are compared with."""

from __future__ import annotations

import numpy as np

from mmdnn.ir.builder import Builder
from mmdnn.ir.expressions import matched


def test_matched() -> None:
    builder = Builder("mmdnn.test")
    op, x, y = builder.op, builder.input("x", (2,)), builder.input("y", (2,))
    zero = np.float32(0)
    guarded = op.Where(op.Equal(x, 0.0), zero, op.Reciprocal(x))
    assert matched(guarded, "Where(Equal(x, 0), 0, Reciprocal(x))") == {"x": x}
    assert matched(guarded, "Where(flag, 0, Reciprocal(z))") is not None
    assert matched(guarded, "Where(Equal(x, 1), 0, Reciprocal(x))") is None
    other = op.Where(op.Equal(y, 0.0), zero, op.Reciprocal(x))
    assert matched(other, "Where(Equal(x, 0), 0, Reciprocal(x))") is None
    assert matched(other, "Where(Equal(y, 0), 0, Reciprocal(x))") == {"x": x, "y": y}
    log = op.Where(op.Less(x, 1e-37), np.float32(-85.1), op.Log(x))
    assert matched(log, "Where(Less(x, 1e-37), -85.1, Log(x))") == {"x": x}
    assert matched(op.Add(x, y), "Add(x, y, z)") is None
    assert matched(None, "Neg(x)") is None
