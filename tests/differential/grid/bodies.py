"""Nodes with bodies, and sequences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from differential.case import Case, family, fed, ints, weight
from differential.grid import normal

THEN = "then_branch = yes () => (float[] t) {t = Relu (x0)}"
ELSE = "else_branch = no () => (float[] e) {e = Mul (x0, x0)}"
COMPUTED = """
    total = ReduceSum <keepdims = 0> (x0) zero = Constant <value_float = 0.0> () test = Greater (total, zero)
"""


@family
def branches(rng: np.random.Generator) -> Iterator[Case]:
    for opened in ((), (0,)):
        x = fed(normal(rng, 2, 3), open=opened)
        for flag in (True, False):
            for given in (fed(np.array(flag)), weight(np.array(flag))):
                yield Case("If", [x, given], nodes=f"y0 = If (x1) <{THEN}, {ELSE}>")
        yield Case("If", [x], nodes=f"{COMPUTED} y0 = If (test) <{THEN}, {ELSE}>")
        two = "then_branch = yes () => (float[] t, float[] u) {t, u = Split <axis = 1> (x0)}"
        other = "else_branch = no () => (float[] e, float[] f) {f, e = Split <axis = 1> (x0)}"
        wide = fed(normal(rng, 2, 4), open=opened)
        yield Case(
            "If",
            [wide, fed(np.array(False))],
            outputs=2,
            opset=17,
            nodes=f"y0, y1 = If (x1) <{two}, {other}>",
        )


BELOW = "most = ReduceMax <keepdims = 0> (next) big = Constant <value_float = 1.5> () on = Less (most, big)"


def body_of(last: str = "on = Identity (go)", results: str = "") -> str:
    """A loop's body."""
    half = "half = Constant <value_float = 0.5> () small = Mul (state, half) next = Add (small, x0)"
    head = f"(int64 i, bool go, float[] state) => (bool on, float[] next{results})"
    return f"body = step {head} {{{half} {last}}}"


@family
def loops(rng: np.random.Generator) -> Iterator[Case]:
    """A count that is written or fed, a condition that is left out or computed, values of each step."""
    for opened in ((), (0,)):
        x = fed(normal(rng, 2, 3), open=opened)
        state = fed(normal(rng, 2, 3), open=opened)
        for count in (weight(np.int64(3)), fed(np.int64(3)), weight(np.int64(0))):
            nodes = f'y0 = Loop (x2, "", x1) <{body_of()}>'
            yield Case("Loop", [x, state, count], nodes=nodes)
            body = body_of("on = Identity (go) each = Neg (next)", ", float[] each")
            nodes = f'y0, y1 = Loop (x2, "", x1) <{body}>'
            yield Case("Loop", [x, state, count], outputs=2, nodes=nodes)
        nodes = f'y0 = Loop (x2, "", x1) <{body_of(BELOW)}>'
        yield Case("Loop", [x, state, weight(np.int64(9))], nodes=nodes)


@family
def scans(rng: np.random.Generator) -> Iterator[Case]:
    body = """body = step (float[] state, float[] x) => (float[] next, float[] each) {
        sum = Add (state, x) next = Tanh (sum) each = Mul (next, x)
    }"""
    for axis, opened in ((0, ()), (0, (0,)), (1, ()), (1, (0,))):
        for back, out in ((0, 0), (1, 1), (1, 0)):
            for size in ((), (3,)):
                shape, state = [4, 4, *size], [4, *size]
                shape[axis] = 5
                x = fed(normal(rng, *shape), open=opened)
                said = (
                    f"num_scan_inputs = 1, scan_input_axes = [{axis}], scan_output_axes = [{axis}], "
                    f"scan_input_directions = [{back}], scan_output_directions = [{out}]"
                )
                nodes = f"y0, y1 = Scan <{said}, {body}> (x1, x0)"
                h = normal(rng, *state)
                rows = fed(h, open=opened if axis else ())
                for given in (rows, weight(h), weight(np.full_like(h, 0.5))):
                    yield Case("Scan", [x, given], outputs=2, nodes=nodes)


AT = "i = Constant <value_int = {0}> ()"
JOINED = "y0 = ConcatFromSequence <axis = 1> (r)"
SEQUENCES = {
    "SequenceAt": f"{AT} y0 = SequenceAt (s, i)",
    "SequenceLength": "y0 = SequenceLength (s)",
    "ConcatFromSequence": "y0 = ConcatFromSequence <axis = {0}> (s)",
    "SequenceErase": f"{AT} r = SequenceErase (s, i) {JOINED}",
    "SequenceInsert": f"{AT} r = SequenceInsert (s, x0, i) {JOINED}",
}


@family
def sequences(rng: np.random.Generator) -> Iterator[Case]:
    for opened in ((), (0,)):
        xs = [fed(normal(rng, 2, 3), open=opened) for _ in range(3)]
        for operator, nodes in SEQUENCES.items():
            for place in (0, 1, -1):
                text = f"s = SequenceConstruct (x0, x1, x2) {nodes.format(place)}"
                yield Case(operator, xs, nodes=text)
        wide = fed(normal(rng, 2, 6), open=opened)
        at = f"{AT.format(1)} y0 = SequenceAt (s, i)"
        for said in ("axis = 1", "axis = 1, keepdims = 0", "axis = -1"):
            yield Case("SplitToSequence", [wide], nodes=f"s = SplitToSequence <{said}> (x0) {at}")
        nodes = f"s = SplitToSequence <axis = 1> (x0, x1) {at}"
        yield Case("SplitToSequence", [wide, ints(2, 4)], nodes=nodes)
