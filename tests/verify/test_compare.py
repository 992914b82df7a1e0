import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdnn.verify.compare import BLOCK, Tolerance, difference

ONES = np.ones((2, 3), np.float32)


def test_equal_values_agree():
    found = difference(ONES, ONES.copy())
    assert found.ok
    assert (found.max_abs, found.max_rel, found.cosine, found.excess) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("error", "ok"), [(1e-5, True), (1.05e-4, True), (1.2e-4, False), (-1.2e-4, False)]
)
def test_the_rule_at_value_one(error, ok):
    target = ONES.copy()
    target[1, 2] += error
    assert difference(ONES, target).ok is ok


def test_a_permutation_is_not_taken_for_the_same():
    source = np.arange(6, dtype=np.float32)
    found = difference(source, source[::-1].copy())
    assert not found.ok
    assert "(0,)" in found.reason


def test_small_elements_may_be_off_by_the_rounding_of_their_layer():
    source = np.full(1000, 1000, np.float32)
    source[0] = 0
    target = source.copy()
    target[0] = 5e-3
    assert difference(source, target).ok
    target[0] = 5e-2
    assert not difference(source, target).ok


def test_one_large_element_excuses_no_other():
    source = np.zeros(10_000, np.float32)
    source[0] = 10
    target = source.copy()
    target[1] = 3e-5
    assert not difference(source, target).ok


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32), "shape 2x3 became 3x2"),
        (np.zeros((1, 3), np.float32), np.zeros(3, np.float32), "shape 1x3 became 3"),
        (np.zeros((), np.float32), np.zeros(1, np.float32), "shape scalar became 1"),
        (np.zeros(2, np.float32), np.zeros(2, np.float64), "type float32 became float64"),
        (np.zeros(2, np.int64), np.zeros(2, np.int32), "type int64 became int32"),
    ],
)
def test_shapes_and_types_agree_exactly(source, target, words):
    found = difference(source, target)
    assert found.reason == words
    assert math.isinf(found.excess)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stands_in_the_same_place(strange):
    source = np.array([1, strange, 2], np.float32)
    assert difference(source, source.copy()).ok
    assert not difference(source, np.array([1, 5, 2], np.float32)).ok
    assert not difference(np.array([1, 5, 2], np.float32), source).ok
    assert not difference(source, np.array([strange, 1, 2], np.float32)).ok
    assert not difference(source, np.array([1, -5 if np.isnan(strange) else -strange, 2], "f")).ok


def test_infinities_of_other_sign_disagree():
    assert not difference(np.array([np.inf], "f"), np.array([-np.inf], "f")).ok


def test_integers_and_booleans_are_exact():
    found = difference(np.array([1, 2, 3]), np.array([1, 2, 4]))
    assert found.reason == "1 of 3 elements differ, first at (2,): 3 became 4"
    assert found.max_abs == 1
    assert not difference(np.array([True, False]), np.array([True, True])).ok
    assert not difference(np.array(["a"], object), np.array(["b"], object)).ok
    assert difference(np.array(["a"], object), np.array(["a"], object)).ok


def test_small_values_that_point_elsewhere_are_doubtful():
    small = np.array([1e-8, 2e-8, -3e-8], np.float32)
    found = difference(small, np.zeros_like(small))
    assert found.ok
    assert found.doubtful
    assert not difference(small, small * np.float32(1.0001)).doubtful


def test_blocks_are_one_value():
    source = np.zeros(3 * BLOCK + 5, np.float32)
    source[-1] = 4
    target = source.copy()
    target[2 * BLOCK + 1] = 1
    found = difference(source, target)
    assert f"({2 * BLOCK + 1},)" in found.reason
    assert found.max_abs == 1
    assert found.rms == pytest.approx(4 / np.sqrt(source.size))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_narrow_formats_are_held_to_their_own_precision(dtype):
    source = np.linspace(1, 2, 50).astype(dtype)
    eps = float(ml_dtypes.finfo(dtype).eps)
    assert difference(source, (source.astype(float) * (1 + eps)).astype(dtype)).ok
    assert not difference(source, (source.astype(float) * (1 + 20 * eps)).astype(dtype)).ok


def test_empty_and_scalar_values():
    assert difference(np.zeros((0, 3), "f"), np.zeros((0, 3), "f")).ok
    assert not difference(np.float32(1), np.float32(2)).ok


def test_complex_values():
    source = np.array([1 + 2j], np.complex64)
    assert not difference(source, source + 1j).ok


def test_the_cosine_has_its_sign():
    assert difference(ONES, -ONES).cosine == pytest.approx(-1)
    assert difference(ONES, 0 * ONES).cosine == 0


def test_a_given_tolerance():
    assert difference(ONES, ONES + 0.5, Tolerance(1, 0)).ok
    assert not difference(ONES, ONES + np.float32(1e-6), Tolerance(0, 0)).ok


@given(st.floats(1e-3, 1e3), st.integers(0, 7))
def test_an_error_of_one_part_in_a_thousand_is_always_seen(scale, place):
    source = (scale * (1 + np.arange(8))).astype(np.float32)
    target = source.copy()
    target[place] *= np.float32(1.02)
    found = difference(source, target)
    assert not found.ok
    assert f"({place},)" in found.reason
