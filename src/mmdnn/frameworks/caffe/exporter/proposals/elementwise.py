"""Layers that work element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.lifting import Proposal, proposals
from mmdnn.ir.lifting.groups import Group, number_in, rank, sizes, stored

SUM, PROD, MAX = "SUM", "PROD", "MAX"


@proposals("Power")
def power(group: Group, proposal: Proposal) -> None:
    if group.all("Expand"):
        proposal.fill(scale=0.0, shift=group.number("Expand", default=0.0))
        return
    power, scale = (group.number(operator, default=1.0) for operator in ("Pow", "Mul"))
    proposal.fill(power=power, scale=scale, shift=group.number("Add", default=0.0))


@proposals("Exp")
def exp(group: Group, proposal: Proposal) -> None:
    before, after = _around(group, "Exp")
    outer, inner = 1.0 if after is None else after, 1.0 if before is None else before
    found = {"scale": inner, "shift": _round(math.log(outer))}
    for base in (2.0, 10.0) if before is not None else ():
        shift = math.log(outer) / math.log(base)
        scale = float(np.float32(inner) / np.float32(np.log(np.float32(base))))
        if _near(scale) and _near(shift):
            found = {"base": base, "scale": _round(scale), "shift": _round(shift)}
            break
    proposal.fill(**found)


def _near(number: float) -> bool:
    return abs(number - round(number, 3)) < 1e-5


def _round(number: float) -> float:
    return round(number, 3) if _near(number) else number


def _around(group: Group, core: str) -> tuple[float | None, float | None]:
    """The factors before and after a node."""
    place = group.nodes.index(group.first(core))
    numbers: list[float | None] = [None, None]
    for index, node in enumerate(group.nodes):
        if node.op_type == "Mul":
            numbers[int(index > place)] = number_in(node)
    return numbers[0], numbers[1]


@proposals("Log")
def log(group: Group, proposal: Proposal) -> None:
    before, after = _around(group, "Log")
    proposal.fill(
        scale=1.0 if before is None else before,
        shift=group.number("Add", default=0.0),
        base=None if after is None else _round(math.exp(1 / after)),
    )


@proposals("Swish")
def swish(group: Group, proposal: Proposal) -> None:
    beta = number_in(group.first("Mul"))
    proposal.fill(beta=1.0 if beta is None else beta)


@proposals("Threshold")
def threshold(group: Group, proposal: Proposal) -> None:
    proposal.fill(threshold=group.number("Greater", default=0.0))


@proposals("Eltwise")
def eltwise(group: Group, proposal: Proposal) -> None:
    """Terms in the order in which they are added, with their factors."""
    if group.all("Max"):
        operation, values = MAX, [value for value in group.first("Max").inputs if value is not None]
        terms = [(value, 1.0) for value in values]
    elif not group.all("Add", "Sub", "Sum"):
        operation = PROD
        terms = [(value, 1.0) for value in _leaves(group, {"Mul"})]
    else:
        operation, terms = SUM, _terms(group)
    proposal.bottoms = [value for value, _ in terms]
    coeff = [factor for _, factor in terms]
    given = coeff if set(coeff) != {1.0} else None
    proposal.fill(operation=operation, coeff=given)


def _leaves(group: Group, types: set[str]) -> list[ir.Value]:
    """What a tree of these nodes is made of, left to right."""

    def walk(value: ir.Value) -> list[ir.Value]:
        node = value.producer()
        if node is None or node not in group.nodes or node.op_type not in types | {"Identity"}:
            return [value]
        return [leaf for inner in node.inputs if inner is not None for leaf in walk(inner)]

    return walk(group.tops[0])


def _terms(group: Group) -> list[tuple[ir.Value, float]]:
    found = []
    for leaf in _leaves(group, {"Add", "Sub", "Sum"}):
        node = leaf.producer()
        factor = number_in(node) if node in group.nodes and node is not None else None
        sources = (
            [v for v in node.inputs if v is not None and v.const_value is None] if node else []
        )
        subtracted = any(
            use.node.op_type == "Sub" and use.idx == 1 and use.node in group.nodes
            for use in leaf.uses()
        )
        if factor is not None and sources:
            found.append((sources[0], factor))
        else:
            found.append((leaf, -1.0 if subtracted else 1.0))
    return found


def _affine(kind: str, factor: str) -> None:
    @proposals(kind)
    def proposal_of(group: Group, proposal: Proposal) -> None:
        own = [w for w in group.weights if w in group.first(factor).inputs]
        param: dict[str, Any] = {"bias_term": bool(group.all("Add"))} if kind == "Scale" else {}
        if own:
            axis, covered = _covered(stored(own[0]), sizes(group.bottoms[0]))
            param |= {"axis": axis, "num_axes": len(covered)}
        else:
            x, second = _bottoms(group, factor)
            proposal.bottoms, covered = [x, second], sizes(second)
            wide = next(value for value in group.first(factor).inputs if value is not x)
            appended = rank(wide or second) - len(covered)
            param["axis"] = rank(x) - len(covered) - appended if covered else 0
        rest = [weight for weight in group.weights if weight not in own]
        proposal.blobs = [(weight, covered) for weight in (*own, *rest)]
        proposal.fill(**param)


def _bottoms(group: Group, factor: str) -> tuple[ir.Value, ir.Value]:
    """The value that is scaled, and the other one, which may get axes before."""
    x, y = (value or group.give_up() for value in group.first(factor).inputs)
    maker = y.producer()
    while maker is not None and maker in group.nodes:
        y = maker.inputs[0] or group.give_up()
        maker = y.producer()
    return x, y


def _covered(stored: tuple[int, ...], x: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Stored sizes begin at an axis of x; those of size 1 behind may be axes not covered."""
    if not stored:
        return 1, ()
    axis = len(x) - len(stored)
    end = len(stored)
    while end > 1 and stored[end - 1] == 1 and x[axis + end - 1] != 1:
        end -= 1
    return axis, stored[:end]


_affine("Scale", "Mul")
_affine("Bias", "Add")
