"""Python values as source text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mmdnn.python.literals import Raw, docstring, literal, string

VALUES = [
    1, -2.5, 1e20, True, None, "text", 'a "quoted" one', "it's", "both ' and \"", "line\n", (1,),
    (1, "a"), [1, [2.5]], {"k": [1]}, math.inf,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_text_gives_the_value_back(value: Any) -> None:
    assert eval(literal(value)) == value


def test_numpys_numbers() -> None:
    assert literal(np.float32(0.1)) == "0.1"
    assert literal(np.float16(1.1)) == "1.099609375"
    assert literal(np.array([[1, 2]], np.int8)) == "[[1, 2]]"
    assert literal(np.finfo(np.float32).max) == "3.4028234663852886e+38"
    assert literal(Raw("torch.int64")) == "torch.int64"


def test_strings_have_double_quotes() -> None:
    assert string("it's") == '"it\'s"'
    assert string('"') == "'\"'"


@pytest.mark.parametrize("text", ["plain", 'ends with "', 'has """ in it', "back\\slash", "a\n\nb"])
def test_docstrings_are_closed(text: str) -> None:
    assert eval(docstring(text)).strip() == text
