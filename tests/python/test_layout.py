"""Long lines are broken as ruff breaks them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mmdnn.python.layout import lay_out, split

LINES = [
    "x = f(a)",
    f"x = F.conv2d({', '.join(f'argument_{i}' for i in range(6))}, stride=2)",
    f"x = F.conv2d({', '.join(f'argument_{i}' for i in range(12))}, stride=2)",
    f"x = torch.cat([{', '.join(f'argument_{i}' for i in range(6))}], 1)",
    f"x = torch.cat([{', '.join(f'argument_{i}' for i in range(12))}], dim=1)",
    f"{', '.join(f'a_long_target_{i}' for i in range(7))} = f(x, parts=7)",
    f"{'a_very_long_name_of_a_variable_' * 2} = module.function(argument_of_a_function)",
    f"value = {' + '.join(f'a_long_operand_{i}' for i in range(7))}",
    f"assert f({', '.join(f'argument_{i}' for i in range(9))})",
    f'x = f("text with (brackets, and commas", {", ".join(f"argument_{i}" for i in range(7))})',
]


@pytest.mark.parametrize("line", LINES)
def test_lines_are_as_ruff_has_them(line: str) -> None:
    text = "\n".join(lay_out(line)) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert text == done.stdout


def test_a_comment_stays_where_it_fits() -> None:
    assert lay_out("x = f(a)", "(2, 3)") == ["x = f(a)  # (2, 3)"]
    assert lay_out(f"x = f({'a' * 75})", "(2, 3)") == [f"x = f({'a' * 75})"]


def test_items_are_split_at_outer_commas() -> None:
    assert split('f(a, b), "c, d", [e, f]') == ["f(a, b)", '"c, d"', "[e, f]"]
