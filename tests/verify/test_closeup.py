import numpy as np
import pytest

from mmdnn.verify.closeup import LARGEST, LEAST, MOST, closeup
from mmdnn.verify.compare import BLOCK, difference


def test_worst_places_come_first_and_equal_ones_are_left_out():
    was = np.zeros((2, 3, 20), np.float32)
    now = was.copy()
    now[1, 2, 19], now[0, 1, 4] = -3, 2
    seen = closeup(was, now)
    assert [(p.index, p.source, p.target, p.error) for p in seen.places] == [
        ((1, 2, 19), "0.0", "-3.0", 3.0),
        ((0, 1, 4), "0.0", "2.0", 2.0),
    ]
    assert (sum(seen.counts), seen.counts[0], seen.size) == (120, 118, 120)


def test_blocks_make_no_difference():
    was, now = np.zeros(3 * BLOCK + 5), np.zeros(3 * BLOCK + 5)
    now[[1, BLOCK, 2 * BLOCK + 7, 3 * BLOCK + 4]] = 5, 7, np.inf, 6
    seen = closeup(was, now)
    assert [place.index[0] for place in seen.places] == [2 * BLOCK + 7, BLOCK, 3 * BLOCK + 4, 1]
    assert sum(seen.counts) == seen.size == was.size
    assert seen.counts[0] == was.size - 4


def test_ten_places_are_kept():
    was, now = np.zeros(1000), np.arange(1000.0)
    errors = [place.error for place in closeup(was, now).places]
    assert errors == [999.0 - i for i in range(MOST)]


def test_each_error_is_counted_in_its_decade():
    errors = np.array([0, 1e-14, 1.0 * 10**LEAST, 0.02, 0.05, 5.0, 10.0 ** (LARGEST + 2)])
    counts = closeup(np.zeros(7), errors).counts
    assert len(counts) == LARGEST - LEAST + 3
    known = {0: 1, 1: 1, 2: 1, 2 - 2 - LEAST: 2, 2 - LEAST: 1, 2 + LARGEST - LEAST: 1}
    assert {place: count for place, count in enumerate(counts) if count} == known


@pytest.mark.parametrize(
    ("was", "now", "worst"),
    [
        ([np.nan, 1], [np.nan, 1], []),
        ([np.inf, 1], [np.inf, 2], [1.0]),
        ([np.nan, 1], [0, 2], [np.inf, 1.0]),
        ([np.inf, 1], [-np.inf, 1], [np.inf]),
        ([], [], []),
    ],
)
def test_what_is_no_number(was, now, worst):
    assert [place.error for place in closeup(np.array(was), np.array(now)).places] == worst


def test_integers_and_truth_values_have_errors_too():
    assert closeup(np.array([1, 2]), np.array([1, 4])).places[0].error == 2
    assert closeup(np.array([True]), np.array([False])).places[0].error == 1
    assert closeup(np.array(3), np.array(4)).places[0].index == ()


def test_nothing_is_seen_of_other_shapes_and_of_text():
    assert closeup(np.zeros(2), np.zeros(3)) is None
    assert closeup(np.array(["a"]), np.array(["b"])) is None


def test_mean_and_variance_of_the_error_have_its_sign():
    gap = difference(np.zeros(4), np.array([1.0, -1, 3, 1]))
    assert (gap.max_abs, gap.mean, gap.variance) == (3, 1, 2)
    whole = difference(np.zeros(4, int), np.array([1, -1, 3, 1]))
    assert (whole.max_abs, whole.mean, whole.variance) == (3, 1, 2)
    exact = difference(np.ones(5), np.ones(5))
    assert (exact.mean, exact.variance) == (0, 0)
    assert np.isnan(difference(np.ones(5), np.ones(4)).mean)


def test_what_is_no_number_on_both_sides_counts_nothing():
    gap = difference(np.array([np.nan, np.inf, 1.0]), np.array([np.nan, np.inf, 1.5]))
    assert (gap.mean, gap.variance) == (0.5, 0.0)
