"""The step functions of CNTK's recurrent layers: what is inside them, and how they are made.

bindings/python/cntk/layers/blocks.py of CNTK 2.7.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from mmdnn.frameworks.cntk.codegen.blocks import CATALOGUE
from mmdnn.frameworks.cntk.codegen.patterns import Bound, Catalogue
from mmdnn.frameworks.cntk.graph import Axis

Step = Callable[[Bound], bool]
STEPS: Catalogue[Step] = Catalogue(inner=CATALOGUE)
_MATRIX = "outputRank=1, inferInputRankToMap=-1"
_ACTIVATIONS = {
    "Tanh": "C.tanh", "ReLU": "C.relu", "StableSigmoid": "C.sigmoid", "Sigmoid": "C.sigmoid",
    "ELU": "C.elu", "Softplus": "C.softplus", "Softsign": "C.softsign", "Exp": "C.exp",
    "Sin": "C.sin", "Cos": "C.cos", "Abs": "C.abs", "Hardmax": "C.hardmax", "Softmax": "C.softmax",
}  # fmt: skip
"""Operators of one operand, as functions that layers are given."""
DEFAULTS = {"LSTM": "C.tanh", "GRU": "C.tanh", "RNNStep": "C.sigmoid"}
ARGUMENTS = {"LSTM": ("h", "c", "x"), "GRU": ("h", "x"), "RNNStep": ("h", "x")}


def activation(type_: str) -> str | None:
    """An operator of one operand as a function."""
    return _ACTIVATIONS.get(type_)


def _cut(stacked: str, place: int) -> str:
    ends = f"beginIndex=n{place}, endIndex=n{place + 1}"
    return f"Slice({stacked}, axis=axis, {ends}, sliceStrides=1)"


def _times(x: str, matrix: str) -> str:
    return f"Times({matrix}, {x}, {_MATRIX})"


def _lstm(sigmoid: str, *, peepholes: bool, projection: bool) -> str:
    stacked = f"(p := (b + {_times('x', 'W')}) + {_times('h', 'H')})"
    gates = [_cut("p" if place != 3 else stacked, place) for place in range(4)]
    if peepholes:
        peeps = {0: "Ci * c", 2: "Cf * c", 3: "Co * cell"}
        gates = [f"{gate} + {peeps[i]}" if i in peeps else gate for i, gate in enumerate(gates)]
    cell = f"{sigmoid}({gates[2]}) * c + {sigmoid}({gates[0]}) * activation({gates[1]})"
    out = f"{sigmoid}({gates[3]}) * activation(cell)"
    return f"{_times(out, 'P') if projection else out}, (cell := {cell})"


def _gru(sigmoid: str, *, projection: bool, swapped: bool) -> str:
    left, right = f"(p := b + {_times('x', 'W')})", f"(q := {_times('h', 'H')})"
    update = f"(z := {sigmoid}({_cut(left, 0)} + {_cut(right, 0)}))"
    reset = f"{sigmoid}({_cut('p', 1)} + {_cut('q', 1)})"
    kept = f"({reset} * h)" if swapped else f"(h * {reset})"
    candidate = f"activation({_cut('p', 2)} + {_times(kept, 'H1')})"
    out = f"(1 - {update}) * {candidate} + z * h"
    return _times(f"({out})", "P") if projection else out


def _rnn(*, projection: bool) -> str:
    out = f"activation({_times('x', 'W')} + {_times('h', 'H')} + b)"
    return _times(out, "P") if projection else out


def _even(bound: Bound) -> bool:
    """Whether slices cut the last axis into equal parts."""
    ends = [
        value for name, value in sorted(bound.items()) if name in ("n0", "n1", "n2", "n3", "n4")
    ]
    axis = bound.get("axis", Axis(0))
    return (
        axis.index == 0 and ends == [ends[1] * place for place in range(len(ends))]
        if ends
        else True
    )


for _sigmoid, _projected in product(("StableSigmoid", "Sigmoid"), (False, True)):
    for _peeped in (False, True):
        STEPS.add("LSTM", _lstm(_sigmoid, peepholes=_peeped, projection=_projected))(_even)
    for _swapped in (False, True):
        STEPS.add("GRU", _gru(_sigmoid, projection=_projected, swapped=_swapped))(_even)
for _projected in (False, True):
    STEPS.add("RNNStep", _rnn(projection=_projected))(_even)
