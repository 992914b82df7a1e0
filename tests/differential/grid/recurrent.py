"""Recurrent layers with their options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from differential.case import Case, Input, family, fed, weight
from differential.grid import Options, normal

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
OTHERS = {
    "LSTM": [("Sigmoid", "Relu", "Tanh"), ("HardSigmoid", "Tanh", "Softsign")],
    "GRU": [("HardSigmoid", "Tanh"), ("Sigmoid", "Relu")],
    "RNN": [("Relu",), ("Sigmoid",), ("Elu",), ("LeakyRelu",), ("ThresholdedRelu",)],
}
TIME, BATCH, SIZE, HIDDEN = 5, 3, 4, 2


def flip(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def draw(kind: str, rng: np.random.Generator) -> Case:
    """One layer; each option is used rarely enough that most layers have one or two."""
    direction = str(rng.choice(["forward", "forward", "reverse", "bidirectional"]))
    ways = 2 if direction == "bidirectional" else 1
    attributes: Options = {"hidden_size": HIDDEN}
    if direction != "forward" or flip(rng, 0.2):
        attributes["direction"] = direction
    if layout := flip(rng, 0.15):
        attributes["layout"] = 1
    if flip(rng, 0.15):
        attributes["clip"] = float(rng.choice([0.3, 5.0]))
    if kind == "GRU" and flip(rng, 0.5):
        attributes["linear_before_reset"] = 1
    if kind == "LSTM" and flip(rng, 0.1):
        attributes["input_forget"] = 1
    if flip(rng, 0.25):
        options = OTHERS[kind]
        chosen = options[int(rng.integers(len(options)))]
        attributes["activations"] = list(chosen) * ways
        if flip(rng, 0.4):
            attributes |= {"activation_alpha": [0.3] * len(chosen) * ways}
            attributes |= {"activation_beta": [0.4] * len(chosen) * ways}
    opened = [(), (), (1 - layout,), (0, 1)][int(rng.integers(4))]
    inputs = operands(kind, ways, layout=layout, opened=opened, rng=rng)
    names = ["y0", "y1", "y2"] if kind == "LSTM" else ["y0", "y1"]
    if flip(rng, 0.5):
        kept = int(rng.integers(len(names)))
        names = [name if index == kept else "" for index, name in enumerate(names)]
    while not names[-1]:
        names.pop()
    outputs = names if "" in names else len(names)
    more = not any(given is not None for given in inputs[4:5])  # CNTK's end with the longest
    return Case(kind, inputs, attributes, outputs=outputs, again=more)


def operands(
    kind: str, ways: int, *, layout: bool, opened: tuple[int, ...], rng: np.random.Generator
) -> list[Input | None]:
    """The layer's inputs, of which most are left out now and then."""
    rows = GATES[kind] * HIDDEN
    shape = (BATCH, TIME, SIZE) if layout else (TIME, BATCH, SIZE)
    state = (BATCH, ways, HIDDEN) if layout else (ways, BATCH, HIDDEN)
    give: Any = fed if flip(rng, 0.5) else weight
    lengths = rng.permutation([5, 2, 3]).astype(np.int32)
    inputs = [
        fed(normal(rng, *shape), open=opened),
        weight(normal(rng, ways, rows, SIZE)),
        weight(normal(rng, ways, rows, HIDDEN)),
        weight(normal(rng, ways, 2 * rows)) if flip(rng, 0.7) else None,
        give(lengths) if flip(rng, 0.2) else None,
        give(normal(rng, *state)) if flip(rng, 0.3) else None,
    ]
    if kind == "LSTM":
        inputs.append(give(normal(rng, *state)) if flip(rng, 0.3) else None)
        inputs.append(weight(normal(rng, ways, 3 * HIDDEN)) if flip(rng, 0.2) else None)
    while inputs[-1] is None:
        inputs.pop()
    return inputs


@family
def recurrent(rng: np.random.Generator) -> Iterator[Case]:
    for kind, count in (("LSTM", 220), ("GRU", 160), ("RNN", 120)):
        for _ in range(count):
            yield draw(kind, rng)
