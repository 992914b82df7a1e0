"""Expressions print with the parentheses that they need, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmdnn.python.expressions import (
    Code,
    Operand,
    binary,
    call,
    code,
    member,
    method,
    operand,
    text,
    unary,
)  # fmt: skip
from mmdnn.python.literals import Raw


class Named:
    """What has a name."""

    def __init__(self, name: str) -> None:
        self.name = name


A, B = Named("a"), Named("b")


def printed(x: Operand) -> str:
    return text(x, lambda named: str(named.name))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (call("f", A, 2, key="text"), 'f(a, 2, key="text")'),
        (call("f"), "f()"),
        (call(A, B, n=None), "a(b, n=None)"),
        (call(call("layer", 5), A), "layer(5)(a)"),
        (method(A, "clamp", 0, max=1.5), "a.clamp(0, max=1.5)"),
        (method(binary("+", A, B), "sum"), "(a + b).sum()"),
        (member(unary("-", A), "T"), "(-a).T"),
        (binary("*", binary("+", A, B), 2), "(a + b) * 2"),
        (binary("+", binary("*", A, B), 2), "a * b + 2"),
        (binary("-", A, binary("-", A, B)), "a - (a - b)"),
        (binary("-", binary("-", A, B), B), "a - b - b"),
        (binary("**", A, 2), "a**2"),
        (binary("**", unary("-", A), 2), "(-a) ** 2"),
        (binary("**", -2, A), "(-2) ** a"),
        (binary("**", A, -2), "a**-2"),
        (binary("<", binary("<", A, B), A), "(a < b) < a"),
        (code("{0}[{1}:]", A, 1), "a[1:]"),
        (call("f", [A, 1], (B,), [1, 2]), "f([a, 1], (b,), [1, 2])"),
        (call("f", {"k": A}), 'f({"k": a})'),
        (call("f", Raw("np.float32")), "f(np.float32)"),
        (call("f", np.float32(0.1), np.array([1, 2])), "f(0.1, [1, 2])"),
    ],
)
def test_text(x: Operand, expected: str) -> None:
    assert printed(x) == expected


def test_a_call_tells_its_arguments() -> None:
    made = call("f", A, 2, key=B)
    assert (made.function, made.args, made.kwargs) == ("f", (A, 2), {"key": B})
    made = method(A, "g", 2, key=B)
    assert (made.args, made.kwargs) == ((2,), {"key": B})


def test_references_are_what_has_a_name() -> None:
    x = call("f", binary("+", A, 1), [B, A])
    assert list(x.references(Named)) == [A, B, A]


def test_names_may_be_expressions() -> None:
    inlined: dict[Any, Any] = {A: binary("+", B, 1), B: "b"}
    assert text(binary("*", A, B), inlined.__getitem__) == "(b + 1) * b"


def test_equal_expressions_are_equal() -> None:
    assert binary("+", A, 1) == binary("+", A, 1) != binary("+", B, 1)
    assert operand((1, A)) == Code("({0}, {1})", (1, A))
