"""LSTM, GRU and RNN as loops over PastValue and FutureValue, as CNTK's own layers are.

(bindings/python/cntk/layers/blocks.py of CNTK 2.7.) CNTK's gates stand in the order i, candidate, f, o, its
weights are (input, gates * hidden). What has other activations than these is a Scan; see `recurrence`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.control_flow import close, delayed, initial
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import formula
from mmdnn.frameworks.cntk.exporter.markers import Lengths, Unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.sequence import along, as_sequence, end, framed, unpacked
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import BATCH, DYNAMIC, Axis
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.recurrent import nodes as recurrent
from mmdnn.ir.recurrent.packing import ONNX, reordered
from mmdnn.ir.recurrent.views import Inputs

ACTIVATIONS = {"Sigmoid": "StableSigmoid", "Tanh": "Tanh", "Relu": "ReLU"}

LAYERS = f"{API}/cntk.layers.blocks"

BEHIND: Layout = (None, BATCH, None)
"""A result behind time: directions, batch, hidden."""

GATES = {"LSTM": "icfo", "GRU": "zrh", "RNN": "h"}
"""CNTK's gates in their order."""


@exporter.unfit("LSTM", "GRU", "RNN")
def is_other(node: ir.Node) -> bool:
    """Whether its activations, a clip or coupled gates make it a loop of its own."""
    found = recurrent.read(node)
    names = {name for each in found.names for name in each}
    return found.clip is not None or found.coupled or not names <= ACTIVATIONS.keys()


@dataclass
class Direction:
    """One direction of a layer: its weights in CNTK's form.

    Attributes:
        w: (input, gates * hidden).
        r: (hidden, gates * hidden).
        bias: (gates * hidden,), of the input's product; None for none.
        inner: The bias of the state's product, where that has one of its own.
        peepholes: Of i, o and f, (hidden,) each; empty for none.
        hidden: The state's size.
        delay: "PastValue" or "FutureValue".
        initial: The states before the first frame: h, and c of an LSTM.
        functions: Names of CNTK's activations.
        reset_after: GRU: whether the reset gate comes after the product.
    """

    w: Operand
    r: Operand
    bias: Operand | None
    inner: Operand | None
    peepholes: list[Operand]
    hidden: int
    delay: str
    initial: list[Operand]
    functions: list[str]
    reset_after: bool


Step = Callable[[CNTK, Direction, Operand, Sequence[Operand]], list[Operand]]
"""`(cntk, direction, x, states before)` -> states after."""


@exporter("LSTM", "GRU", "RNN", doc=f"{LAYERS}#LSTM", unused=" ".join(recurrent.ATTRIBUTES))
def layer(node: ExportedNode, cntk: CNTK, *inputs: Operand | None) -> list[Operand | None]:
    found = recurrent.read(node.node)
    if found.batch_first:
        node.refuse("its batch is its first axis")
    given = Inputs.of(inputs)
    x, back = _as_sequence(cntk, given.x, given.lengths, any(found.backwards))
    directions = [_direction(cntk, found, given, way) for way in range(found.ways)]
    states = [_loop(cntk, one, framed(cntk, x), STEPS[node.type]) for one in directions]
    y = back(cntk, _stacked(cntk, [one[0] for one in states])) if node.wants(0) else None
    finals = [
        _final(cntk, directions, states, place) if node.wants(1 + place) else None
        for place in range(len(states[0]))
    ]
    return [y, *finals]


def _as_sequence(
    cntk: CNTK, x: Operand, lengths: Operand | None, backwards: bool
) -> tuple[Operand, Callable[[CNTK, Operand], Operand]]:
    """The input [time, batch, input] as a sequence, and what makes [time, ...] of a result."""
    if x.layout[1] == BATCH and x.layout[0] is not None:
        if backwards and not isinstance(lengths, Lengths):
            cntk.node.refuse("it goes backwards from the end of the padding")
        axis = x.layout[0]
        return along(cntk, x), lambda cntk, y: cntk.viewed(y, (axis, *BEHIND))
    x = cntk.unbatched(x) if x.layout[1] is None else x
    if x.is_static:
        x = cntk.batched(cntk.transpose(x, [1, 0, 2]))
    if isinstance(lengths, Unknown):
        cntk.node.refuse("its lengths are those of other sequences")
    axis = Axis(DYNAMIC, cntk.scope.uid("steps"), ordered=True)
    counts = None if lengths is None else cntk.cast(cntk.batched(lengths), x.dtype)
    return as_sequence(cntk, cntk.viewed(x, (BATCH, None, None)), axis, counts), _unpacked


def _unpacked(cntk: CNTK, y: Operand) -> Operand:
    (made,) = unpacked(cntk, y, 0.0, mask=False)
    return cntk.viewed(made, (None, *BEHIND))


def _direction(
    cntk: CNTK, found: recurrent.Recurrent, given: Inputs[Operand], way: int
) -> Direction:
    if any(one and one.tensor is None for one in (given.w, given.r, given.b, given.p)):
        cntk.node.refuse("its weights are computed")
    hidden, before, after = given.r.shape[2], ONNX[found.kind], GATES[found.kind]

    def matrix(x: Operand) -> Operand:
        def turn(a: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(reordered(a[way], before, after).T)

        return cntk.changed(x, f"gates {way}", turn, (x.shape[2], x.shape[1]))

    bias, inner = _biases(cntk, given.b, found, hidden, way)
    return Direction(
        matrix(given.w),
        matrix(given.r),
        bias,
        inner,
        _peepholes(cntk, given.p, hidden, way),
        hidden,
        "FutureValue" if found.backwards[way] else "PastValue",
        [
            _initial(cntk, state, 5 + place, given.w, way)
            for place, state in enumerate(given.states(found.kind))
        ],
        [ACTIVATIONS[name] for name in found.names[way]],
        found.reset_after,
    )


def _biases(
    cntk: CNTK, b: Operand | None, found: recurrent.Recurrent, hidden: int, way: int
) -> tuple[Operand | None, Operand | None]:
    """The two biases as one, or apart where a reset gate comes between."""
    if b is None:
        return None, None
    before, after = ONNX[found.kind], GATES[found.kind]
    size = len(before) * hidden

    def halves(a: np.ndarray) -> list[np.ndarray]:
        return [reordered(half, before, after) for half in np.split(a[way], 2)]

    if found.reset_after:
        first = cntk.changed(b, f"input {way}", lambda a: halves(a)[0].copy(), (size,))
        return first, cntk.changed(b, f"state {way}", lambda a: halves(a)[1].copy(), (size,))
    return cntk.changed(b, f"sum {way}", lambda a: np.add(*halves(a)), (size,)), None


def _peepholes(cntk: CNTK, p: Operand | None, hidden: int, way: int) -> list[Operand]:
    def take(a: np.ndarray, place: int) -> np.ndarray:
        return np.array(a[way].reshape(3, hidden)[place])

    if p is None:
        return []
    parts = [(f"peephole {way} {place}", partial(take, place=place)) for place in range(3)]
    return [cntk.changed(p, how, function, (hidden,)) for how, function in parts]


def _initial(cntk: CNTK, x: Operand | None, place: int, like: Operand, way: int) -> Operand:
    """A state before the first frame: a number, a vector, or [batch, hidden]."""
    if x is None:
        return cntk.number(0, like)
    if (constant := initial(cntk, cntk.node.node.inputs[place], 2, way)) is not None:
        return constant
    if x.layout != (None, BATCH, None):
        cntk.node.refuse("its initial state does not belong to the samples")
    return cntk.viewed(cntk.reshape(cntk.cut(x, 0, way, way + 1), x.shape[1:]), (BATCH, None))


def _loop(cntk: CNTK, one: Direction, x: Operand, step: Step) -> list[Operand]:
    """The states after each frame, [batch, *hidden] with a sequence axis."""
    before = [delayed(cntk, one.delay, x, initial, (one.hidden,)) for initial in one.initial]
    after = step(cntk, one, x, before)
    for delay, state in zip(before, after, strict=True):
        close(delay, state)
    return after


def _projected(cntk: CNTK, one: Direction, x: Operand) -> Operand:
    made = cntk.times(x, one.w)
    return made if one.bias is None else cntk.Plus(one.bias, made)


def _lstm(cntk: CNTK, one: Direction, x: Operand, states: Sequence[Operand]) -> list[Operand]:
    (h, c), n = states, one.hidden
    gate, squash, hidden = one.functions
    i, o, f = ("i + Pi * c", "o + Po * cell", "f + Pf * c") if one.peepholes else "iof"
    with cntk.block("LSTM"):
        z = cntk.Plus(_projected(cntk, one, x), cntk.times(h, one.r))
        parts = [cntk.cut(z, 1, n * place, n * (place + 1)) for place in range(4)]
        given = dict(zip("igfo", parts, strict=True))
        given |= zip(("Pi", "Po", "Pf"), one.peepholes, strict=False)
        cell = formula(cntk, f"{gate}({f}) * c + {gate}({i}) * {squash}(g)", c=c, **given)
        return [formula(cntk, f"{gate}({o}) * {hidden}(cell)", cell=cell, **given), cell]


def _gru(cntk: CNTK, one: Direction, x: Operand, states: Sequence[Operand]) -> list[Operand]:
    (h,), n = states, one.hidden
    gate, squash = one.functions
    with cntk.block("GRU"):
        fed, kept = _projected(cntk, one, x), _held(cntk, one, h, slice(2 * n))
        z, r = (
            cntk[gate](cntk.Plus(*(cntk.cut(v, 1, n * k, n * (k + 1)) for v in (fed, kept))))
            for k in range(2)
        )
        own = cntk.cut(fed, 1, 2 * n, 3 * n)
        if one.reset_after:
            state = cntk.ElementTimes(r, _held(cntk, one, h, slice(2 * n, None)))
        else:
            state = _held(cntk, one, cntk.ElementTimes(r, h), slice(2 * n, None))
        text = f"(1 - z) * {squash}(own + state) + z * h"
        return [formula(cntk, text, z=z, h=h, own=own, state=state)]


def _held(cntk: CNTK, one: Direction, h: Operand, which: slice) -> Operand:
    """The product of a state with some gates' weights, and its own bias, if it has any."""
    count = len(range(one.r.shape[1])[which])
    matrix = cntk.changed(one.r, f"{which}", lambda a: a[:, which].copy(), (one.hidden, count))
    made = cntk.times(h, matrix)
    if one.inner is None:
        return made
    bias = cntk.changed(one.inner, f"{which}", lambda a: a[which].copy(), (count,))
    return cntk.Plus(made, bias)


def _rnn(cntk: CNTK, one: Direction, x: Operand, states: Sequence[Operand]) -> list[Operand]:
    (h,) = states
    with cntk.block("RNNStep"):
        z = cntk.Plus(_projected(cntk, one, x), cntk.times(h, one.r))
        return [cntk[one.functions[0]](z)]


STEPS: dict[str, Step] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}


def _stacked(cntk: CNTK, states: Sequence[Operand]) -> Operand:
    """The directions of a state as its first static axis."""
    layout = (BATCH, None, None)
    rows = [cntk.reshape(one, (1, *one.shape), layout) for one in states]
    return rows[0] if len(rows) == 1 else cntk.splice(rows, 1)


def _final(
    cntk: CNTK, directions: Sequence[Direction], states: Sequence[list[Operand]], place: int
) -> Operand:
    """[directions, batch, hidden]: the state after the last frame of each sequence."""
    ends = [
        end(cntk, along(cntk, one[place]), last=way.delay == "PastValue")
        for way, one in zip(directions, states, strict=True)
    ]
    made = _stacked(cntk, ends)
    return cntk.viewed(made, (None, BATCH, None))
