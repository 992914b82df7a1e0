"""Joining and splitting through generated PyTorch source."""

from __future__ import annotations

import pytest

from helpers.pytorch.harness import check, forward, ints


def test_concat() -> None:
    text = check("float[2,3] a, float[2,1] b => float y", "y = Concat<axis=-1>(a, b)")
    assert forward(text) == "return torch.cat([a, b], -1)"


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 2, 3), (6, 0, 0)])
def test_split(sizes: tuple[int, ...]) -> None:
    body = "a, b, c = Split<axis=1>(x, s)"
    signature = "float[2,6] x => float a, float b, float c"
    check(signature, body, weights={"s": ints(*sizes)})
    check("float[2,6] x, int64[3] s => float a, float b, float c", body, {"s": ints(*sizes)})


@pytest.mark.parametrize("size", [6, 7, 8])
def test_split_into_a_number_of_parts(size: int) -> None:
    body = "a, b, c = Split<axis=-1, num_outputs=3>(x)"
    check(f"float[2,{size}] x => float a, float b, float c", body, opset=18)


def test_split_of_which_one_part_is_used() -> None:
    body = "a, b, c = Split<axis=1, num_outputs=3>(x)\ny = Relu(b)"
    check("float[2,6] x => float y", body, opset=18)
