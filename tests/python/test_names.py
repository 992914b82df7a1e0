"""Free names, and those that Python allows."""

from __future__ import annotations

import pytest

from mmdnn.names import free, take
from mmdnn.python.names import identifier, variable


def test_free_names_are_numbered() -> None:
    taken = {"a", "a_1"}
    assert [free(name, taken) for name in ("a", "b")] == ["a_2", "b"]
    assert free("a", taken, 2) == "a_2"
    assert [take("c", taken, 2) for _ in range(3)] == ["c", "c_2", "c_3"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("conv1/3x3", "conv1_3x3"), ("1x1", "n1x1"), ("", "value"), ("é", "value"), ("_a_", "a")],
)
def test_identifiers(name: str, expected: str) -> None:
    assert identifier(name) == expected


def test_words_of_python_are_left_alone() -> None:
    taken: set[str] = set()
    assert [variable(n, taken) for n in ("lambda", "input", "O", "x")] == [
        "lambda_",
        "input_",
        "o",
        "x",
    ]
    assert variable("mx", taken, {"mx"}) == "mx_"
