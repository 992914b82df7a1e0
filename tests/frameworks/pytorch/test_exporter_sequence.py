"""Sequences through generated PyTorch source."""

from __future__ import annotations

import pytest

from helpers.pytorch.harness import check, ints


@pytest.mark.parametrize(("batch", "time"), [(0, 1), (1, 0)])
def test_reverse_sequences(batch: int, time: int) -> None:
    body = f"y = ReverseSequence<batch_axis={batch}, time_axis={time}>(x, n)"
    check("float[3,3,2] x, int64[3] n => float y", body, {"n": ints(1, 3, 2)})


def test_sequences_of_tensors() -> None:
    body = """
        one = Constant<value_int=1>()
        none = SequenceEmpty()
        some = SequenceInsert(none, x)
        three = SequenceConstruct(x, z, x)
        four = SequenceInsert(three, z, one)
        less = SequenceErase(four, one)
        at = SequenceAt(less, one)
        y = ConcatFromSequence<axis=1>(less)
        u = ConcatFromSequence<axis=0, new_axis=1>(some)
        parts = SplitToSequence<axis=1>(x, one)
        w = ConcatFromSequence<axis=0>(parts)
        n = SequenceLength(four)
    """
    signature = "float[2,3] x, float[2,3] z => float y, float u, float at, float w, int64 n"
    check(signature, body)


def test_what_may_be_missing() -> None:
    body = "o = Optional(x) h = OptionalHasElement(o) y = OptionalGetElement(o)"
    check("float[2,3] x => float y, bool h", body)
