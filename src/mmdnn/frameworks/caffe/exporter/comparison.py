"""Comparisons, what is made of truth values, and choices by them.

A truth value is a blob of ones and zeros. Caffe's Threshold says where its bottom is greater than a number:
all comparisons are made of it. Two blobs are compared by their difference, which in IEEE 754 is 0 only
where they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.broadcast import alike
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.values import is_finite

PAGE = f"{TUTORIAL}/threshold.html"

Test: TypeAlias = Callable[[Writer, Blob, float, str], Blob]


def above(caffe: Writer, x: Blob, limit: float, suffix: str = "") -> Blob:
    """Where x > limit."""
    return caffe.layer("Threshold", x, suffix=suffix, threshold=limit)


def at_least(caffe: Writer, x: Blob, limit: float, suffix: str = "") -> Blob:
    """Where x >= limit: greater than the number before it."""
    return above(caffe, x, float(np.nextafter(np.float32(limit), np.float32(-math.inf))), suffix)


def opposite(caffe: Writer, truth: Blob, suffix: str = "") -> Blob:
    """1 for 0, and 0 for 1."""
    return caffe.power(truth, scale=-1.0, shift=1.0, suffix=suffix)


def _limit(caffe: Writer, x: Operand, y: Operand) -> float | None:
    """The finite number that y is, where x has all axes of the result."""
    number = caffe.number(y)
    fits = isinstance(x, Blob) and len(y.shape) <= len(x.shape)
    return number if fits and number is not None and math.isfinite(number) else None


def _difference(caffe: Writer, a: Operand, b: Operand) -> Blob:
    return caffe.sum(*alike(caffe, a, b), coeff=[1.0, -1.0], suffix="difference")


def _with_number(
    caffe: Writer, a: Operand, b: Operand, test: Test, suffix: str = ""
) -> Blob | None:
    """A test of `a` against a number, or of a number against `b`; None where neither is one."""
    limit, other = _limit(caffe, a, b), _limit(caffe, b, a)
    if limit is not None and isinstance(a, Blob):
        return test(caffe, a, limit, suffix)
    if other is not None and isinstance(b, Blob):
        return test(caffe, caffe.power(b, scale=-1.0, suffix="negative"), -other, suffix)
    return None


def _greater(caffe: Writer, a: Operand, b: Operand, suffix: str = "") -> Blob:
    found = _with_number(caffe, a, b, above, suffix)
    return found or above(caffe, _difference(caffe, a, b), 0.0, suffix)


@exporter("Greater", "Less", doc=PAGE)
def greater(node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    return _greater(caffe, *((a, b) if node.type == "Greater" else (b, a)))


@exporter("GreaterOrEqual", "LessOrEqual", doc=PAGE)
def not_less(node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    a, b = (a, b) if node.type == "GreaterOrEqual" else (b, a)
    found = _with_number(caffe, a, b, at_least)
    return found or opposite(caffe, _greater(caffe, b, a, "less"))


@exporter("Equal", doc=PAGE)
def equal(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    """Neither above nor below."""
    x, y = (b, a) if isinstance(a, Constant) else (a, b)
    limit = _limit(caffe, x, y)
    if limit is not None and isinstance(x, Blob):
        both = at_least(caffe, x, limit, "least"), above(caffe, x, limit, "above")
        return caffe.sum(*both, coeff=[1.0, -1.0])
    gap = _difference(caffe, x, y)
    up = above(caffe, gap, 0.0, "above")
    down = above(caffe, caffe.power(gap, scale=-1.0, suffix="negative"), 0.0, "below")
    return opposite(caffe, caffe.sum(up, down, suffix="unequal"))


@exporter("Not", doc=f"{TUTORIAL}/power.html")
def not_(_node: ExportedNode, caffe: Writer, x: Operand) -> Blob:
    return opposite(caffe, caffe.blob(x))


@exporter("And", doc=f"{TUTORIAL}/eltwise.html")
def and_(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    return caffe.product(*alike(caffe, a, b))


@exporter("Or", doc=f"{TUTORIAL}/eltwise.html")
def or_(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    both = alike(caffe, a, b)
    return caffe.layer("Eltwise", *both, operation="MAX")


@exporter("Xor", doc=f"{TUTORIAL}/absval.html")
def xor(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    return caffe.layer("AbsVal", _difference(caffe, a, b))


@exporter("Where", doc=f"{TUTORIAL}/eltwise.html")
def where(node: ExportedNode, caffe: Writer, truth: Operand, a: Operand, b: Operand) -> Blob:
    """Each branch times its truth value, and their sum.

    0 does not take away what is infinite or no number. So a branch that may be so is refused, but for the
    number -inf: that is the logarithm of 0.
    """
    limits = [caffe.number(x) for x in (a, b)]
    blobs = alike(caffe, truth, *(x for x, n in zip((a, b), limits, strict=True) if n is None))
    chosen, rest = blobs[0], iter(blobs[1:])
    terms: list[Blob] = []
    for number, side, value in zip(limits, (1, 0), node.node.inputs[1:], strict=True):
        mask = chosen if side else opposite(caffe, chosen, "else")
        if number is None:
            if value is not None and not is_finite(value):
                node.refuse(
                    "its branches may be infinite, and nothing of Caffe's chooses between such"
                )
            terms.append(caffe.product(next(rest), mask, suffix="then" if side else "other"))
        elif number == -math.inf:
            keep = opposite(caffe, chosen, "kept") if side else chosen
            terms.append(caffe.layer("Log", keep, suffix="none"))
        elif not math.isfinite(number):
            node.refuse(f"one of its branches is {number}")
        elif number:
            terms.append(caffe.power(mask, scale=number, suffix="number"))
    if not terms:
        return caffe.power(chosen, scale=0.0)
    return terms[0] if len(terms) == 1 else caffe.sum(*terms)
