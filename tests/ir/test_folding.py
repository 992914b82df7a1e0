"""What is known while a graph is made."""

from __future__ import annotations

import numpy as np

from mmdnn.ir.builder import dimensions
from mmdnn.ir.folding import FoldingBuilder


def test_a_zero_in_a_target_is_the_size_that_is_there() -> None:
    builder = FoldingBuilder("test")
    op, x = builder.op, builder.input("x", ["n", 6, 1])
    shape = op.Concat(op.Shape(x, start=0, end=1), np.asarray([6], np.int64), axis=0)
    assert dimensions(op.Reshape(x, shape)) == ("n", 6)
    assert dimensions(op.Reshape(x, np.asarray([0, 6], np.int64))) == ("n", 6)


def test_shapes_of_open_sizes_are_known_in_part() -> None:
    builder = FoldingBuilder("test")
    op, x = builder.op, builder.input("x", ["n", 4])
    twice = op.Mul(op.Shape(x), np.asarray([1, 2], np.int64))
    assert dimensions(op.ConstantOfShape(twice)) == ("n", 8)
    assert dimensions(op.Expand(np.float32(1), op.Shape(x))) == ("n", 4)
