"""Sequences through generated PyTorch source."""

from __future__ import annotations

import pytest

from helpers.pytorch.harness import check, ints


@pytest.mark.parametrize(("batch", "time"), [(0, 1), (1, 0)])
def test_reverse_sequences(batch: int, time: int) -> None:
    body = f"y = ReverseSequence<batch_axis={batch}, time_axis={time}>(x, n)"
    check("float[3,3,2] x, int64[3] n => float y", body, {"n": ints(1, 3, 2)})
