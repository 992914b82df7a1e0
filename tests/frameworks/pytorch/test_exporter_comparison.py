"""Comparison, logic and choice through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import check, forward


@pytest.mark.parametrize("name", ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_comparisons(name: str) -> None:
    check("float[3] a, float[2,3] b => bool y", f"y = {name}(a, b)")
    zero = np.array(0, np.float32)
    text = check("float[3] a => bool y", f"y = {name}(b, a)", weights={"b": zero})
    assert "a " in forward(text)


def test_logic() -> None:
    body = "c = And(a, b)\nd = Or(c, a)\ne = Not(b)\ny = Xor(d, e)"
    text = check("bool[8] a, bool[8] b => bool y", body)
    assert forward(text) == "return a & b | a ^ ~b" or "^" in forward(text)


def test_where() -> None:
    check("bool[3] c, float[2,1] a, float[3] b => float y", "y = Where(c, a, b)")
    numbers = {"a": np.array(-np.inf, np.float32), "b": np.array(0, np.float32)}
    text = check(
        "bool[3] c, float[3] x => float y",
        "z = Where(c, a, x)\ny = Where(c, z, b)",
        weights=numbers,
    )
    assert 'float("-inf")' in text


@pytest.mark.parametrize("signs", ["1 1", "1 0", "0 1", "0 0"])
def test_not_numbers(signs: str) -> None:
    negative, positive = signs.split()
    x = np.array([1, np.inf, -np.inf, np.nan], np.float32)
    body = f"y = IsInf<detect_negative={negative}, detect_positive={positive}>(x)\nz = IsNaN(x)"
    check("float[4] x => bool y, bool z", body, {"x": x}, opset=20)
