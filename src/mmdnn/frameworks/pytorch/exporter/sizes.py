"""Sizes that a model computes from shapes, as Python's own integers.

`Concat(Gather(Shape(x), 0), [64, -1])` is `(x.shape[0], 64, -1)`: no tensor is made for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.graph import Member, Variable
from mmdnn.ir import sizes
from mmdnn.python.expressions import ATOM, Code, binary
from mmdnn.python.statements import Statement, walk

Size = int | Code
Lookup = Callable[[ir.Value], Variable]

SYMBOLS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "//"}


def size_code(size: sizes.Size, variable: Lookup) -> Size:
    """A size as a number, or as code.

    Args:
        size: It.
        variable: Gives the variable that holds a value.
    """
    if isinstance(size, sizes.Dim):
        return Code(f"{{0}}.shape[{size.axis}]", (variable(size.value),), needs=(ATOM,))
    if isinstance(size, sizes.Count):
        return Code("{0}.numel()", (variable(size.value),), needs=(ATOM,))
    if isinstance(size, sizes.Term):
        return binary(
            SYMBOLS[size.operator], size_code(size.left, variable), size_code(size.right, variable)
        )
    return size


def product(sizes: Sequence[Size]) -> Size:
    """All of them multiplied."""
    known = int(np.prod([size for size in sizes if isinstance(size, int)], dtype=np.int64))
    open_ = [size for size in sizes if isinstance(size, Code)]
    total: Size = known
    for size in open_:
        total = size if total == 1 else binary("*", total, size)
    return total


def prune(statements: list[Statement], outputs: Sequence[Variable]) -> list[Statement]:
    """Without the statements that nothing needs: sizes that were computed as tensors."""
    used: set[Any] = set(outputs)
    kept: list[Statement] = []
    for statement in reversed(statements):
        layers = statement.bodies or any(True for _ in statement.code.references(Member))
        if layers or not statement.targets or used.intersection(statement.targets):
            used.update(statement.references(Variable))
            used.update(target for inner in walk([statement]) for target in inner.targets)
            kept.append(statement)
    return kept[::-1]
