"""Statements: what moves into the expression that uses it, what variables are called, the lines."""

from __future__ import annotations

from mmdnn.python.expressions import Code, binary, call
from mmdnn.python.statements import Printer, Statement, arrange, inline, name_variables, walk


class Value:
    """A variable, with the name that it would like to have."""

    def __init__(self, hint: str) -> None:
        self.hint = hint


def lines(statements: list[Statement], inputs: list[Value], outputs: list[Value]) -> list[str]:
    arranged, names = arrange(
        statements,
        outputs,
        lambda inlined: name_variables(inlined, inputs, outputs, lambda v: str(v.hint), set()),
    )
    return Printer(names.__getitem__).lines(arranged, "")


def test_what_is_used_once_and_at_once_moves() -> None:
    a, b, c = Value("a"), Value("b"), Value("c")
    made = lines([Statement([b], call("f", a)), Statement([c], call("g", b))], [a], [c])
    assert made == ["x = g(f(a))"]


def test_what_is_used_twice_stays() -> None:
    a, b, c = Value("a"), Value("b"), Value("c")
    made = [Statement([b], call("f", a)), Statement([c], binary("+", b, b))]
    assert lines(made, [a], [c]) == ["x = f(a)", "x = x + x"]
    assert inline(made, [c])[0].targets == [b]


def test_branches_have_names_of_their_own() -> None:
    a, b, c, d = (Value(name) for name in "abcd")
    made = [
        Statement([b], call("f", a)),
        Statement([c], binary("+", b, b)),
        Statement([d], call("h", b, c, c)),
    ]
    assert lines(made, [a], [d]) == ["x = f(a)", "c = x + x", "x = h(x, c, c)"]


def test_what_would_be_too_long_stays_apart() -> None:
    a, b, c = Value("a" * 30), Value("b"), Value("c")
    made = [Statement([b], call("f", a, a)), Statement([c], call("a_function", b, n=1))]
    assert len(lines(made, [a], [c])) == 2


def test_bodies_are_indented() -> None:
    a, b = Value("a"), Value("b")
    body = [(Code("if {0}:", (a,)), [Statement([b], call("f", a))]), (Code("else:"), [])]
    whole = Statement([b], Code(""), body)
    assert lines([whole], [a], [b]) == ["if a:", "    b = f(a)", "else:", "    pass"]
    assert [s.targets for s in walk([whole])] == [[b], [b]]


def test_targets_that_nobody_reads() -> None:
    a, b, c = Value("a"), Value("b"), Value("c")
    assert lines([Statement([b, c], call("f", a))], [a], [c]) == ["_, c = f(a)"]
