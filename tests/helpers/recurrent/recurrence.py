"""ONNX's LSTM, GRU and RNN by their equations, in float64, and nodes with every option.

https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html, onnx__RNN.html. What the text leaves open
is as onnxruntime has it: the clip does not bound the cell state; a sequence of length 0 gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

Arrays = dict[str, np.ndarray]

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
FUNCTIONS: dict[str, tuple[tuple[float, ...], Callable[..., np.ndarray]]] = {
    "Sigmoid": ((), lambda x: 1 / (1 + np.exp(-x))),
    "Tanh": ((), np.tanh),
    "Relu": ((), lambda x: np.maximum(x, 0)),
    "Softsign": ((), lambda x: x / (1 + abs(x))),
    "Softplus": ((), lambda x: np.log1p(np.exp(x))),
    "Affine": ((1.0, 0.0), lambda x, a, b: a * x + b),
    "LeakyRelu": ((0.01,), lambda x, a: np.where(x < 0, a * x, x)),
    "ThresholdedRelu": ((1.0,), lambda x, a: np.where(x > a, x, 0)),
    "ScaledTanh": ((1.0, 1.0), lambda x, a, b: a * np.tanh(b * x)),
    "HardSigmoid": ((0.2, 0.5), lambda x, a, b: np.clip(a * x + b, 0, 1)),
    "Elu": ((1.0,), lambda x, a: np.where(x < 0, a * np.expm1(x), x)),
}


@dataclass(frozen=True)
class Case:
    """A node.

    Attributes:
        kind: LSTM, GRU or RNN.
        attributes: The node's, but for hidden_size.
        inputs: Which of the optional ones it has: B, lengths, h, c, P.
        outputs: Which it makes, in order; "" for one left out.
        fed: Which inputs are the model's, beside X and the states; the others are initializers.
        sizes: Steps, batch, features, hidden.
        lengths: The sequences' lengths.
        open: Which of X's sizes are open, by name.
    """

    kind: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ("B",)
    outputs: tuple[str, ...] = ("Y", "Y_h", "Y_c")
    fed: tuple[str, ...] = ("lengths",)
    sizes: tuple[int, int, int, int] = (5, 2, 4, 3)
    lengths: tuple[int, ...] = (5, 2)
    open: tuple[str, ...] = ()
    scale: float = 1.0

    @property
    def ways(self) -> int:
        return 2 if self.attributes.get("direction") == "bidirectional" else 1

    @property
    def layout(self) -> int:
        return int(self.attributes.get("layout", 0))

    def arrays(self, seed: int = 1) -> Arrays:
        """All inputs, in the order of the operator's."""
        steps, batch, features, size = self.sizes
        rows = GATES[self.kind] * size
        random = np.random.default_rng(seed)
        x = (batch, steps, features) if self.layout else (steps, batch, features)
        state = (batch, self.ways, size) if self.layout else (self.ways, batch, size)
        shapes = {
            "X": x,
            "W": (self.ways, rows, features),
            "R": (self.ways, rows, size),
            "B": (self.ways, 2 * rows),
            "lengths": None,
            "h": state,
            "c": state,
            "P": (self.ways, 3 * size),
        }
        found: Arrays = {}
        for name, shape in shapes.items():
            array = random.standard_normal(shape or ()).astype(np.float32) * self.scale
            if name == "lengths":
                array = np.array(self.lengths, np.int32)
            if name in {"X", "W", "R"} or name in self.inputs:
                found[name] = array
        return found

    def model(self, seed: int = 1) -> tuple[ir.Model, Arrays]:
        """The model of this node, and what to feed it."""
        arrays = self.arrays(seed)
        names = ["X", "W", "R", "B", "lengths", "h", *(["c", "P"] if self.kind == "LSTM" else [])]
        while names[-1] not in arrays:
            names.pop()
        values: dict[str, ir.Value] = {}
        feeds: Arrays = {}
        for name in names:
            if name not in arrays:
                continue
            array = arrays[name]
            kind = ir.DataType.from_numpy(array.dtype)
            if name in {"X", "h", "c"} or name in self.fed:
                values[name] = ir.val(name, dtype=kind, shape=self._shape(name, array.shape))
                feeds[name] = array
            else:
                values[name] = ir.val(name, const_value=ir.tensor(array, name=name))
        outputs = [
            ir.Value(name=name)
            for name in self.outputs[: 3 if "c" in names or self.kind == "LSTM" else 2]
        ]
        for output in outputs:
            output.type = ir.TensorType(ir.DataType.FLOAT)
        node = ir.node(
            self.kind,
            [values.get(name) for name in names],
            {"hidden_size": self.sizes[3], **self.attributes},
            outputs=outputs,
            name="layer",
        )
        graph = ir.Graph(
            [values[name] for name in feeds],
            [output for output in outputs if output.name],
            nodes=[node],
            initializers=[v for n, v in values.items() if n not in feeds],
            opset_imports={"": 22},
            name="net",
        )
        return ir.Model(graph, ir_version=10), feeds

    def _shape(self, name: str, shape: tuple[int, ...]) -> list[int | str]:
        axes = {"X": ["T", "N"], "h": ["", "N"], "c": ["", "N"], "lengths": ["N"]}.get(name, [])
        axes = axes[::-1] if self.layout and len(axes) == 2 else axes
        named = [axes[i] if i < len(axes) else "" for i in range(len(shape))]
        return [dim if dim in self.open else size for dim, size in zip(named, shape, strict=True)]

    def wanted(self, seed: int = 1) -> Arrays:
        """The outputs by the equations."""
        results = dict(zip(("Y", "Y_h", "Y_c"), evaluate(self, self.arrays(seed)), strict=True))
        last = 3 if self.kind == "LSTM" else 2
        return {name: results[name] for name in self.outputs[:last] if name}


def evaluate(case: Case, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """Y, Y_h and Y_c."""
    a = {name: array.astype(float) for name, array in arrays.items()}
    if case.layout:
        a |= {name: a[name].swapaxes(0, 1) for name in ("X", "h", "c") if name in a}
    steps, batch, _ = a["X"].shape
    size = a["R"].shape[2]
    lengths = arrays.get("lengths", np.full(batch, steps))
    y, finals, memories = np.zeros((steps, case.ways, batch, size)), [], []
    for way in range(case.ways):
        backwards = way == 1 or case.attributes.get("direction") == "reverse"
        h = a["h"][way].copy() if "h" in a else np.zeros((batch, size))
        c = a["c"][way].copy() if "c" in a else np.zeros((batch, size))
        for n in range(batch):
            order = range(lengths[n])
            for t in reversed(order) if backwards else order:
                h[n], c[n] = step(case, a, way, a["X"][t, n], h[n], c[n])
                y[t, way, n] = h[n]
            if not lengths[n]:
                h[n] = c[n] = 0
        finals.append(h)
        memories.append(c)
    results = [y, np.stack(finals), np.stack(memories)]
    if case.layout:
        results = [y.transpose(2, 0, 1, 3), *(state.swapaxes(0, 1) for state in results[1:])]
    return tuple(result.astype(np.float32) for result in results)


def step(
    case: Case, a: Arrays, way: int, x: np.ndarray, h: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The states after a step of one sequence."""
    gates, size = GATES[case.kind], len(h)
    f = activations(case)[way]
    w, r = a["W"][way], a["R"][way]
    wb, rb = np.split(a["B"][way] if "B" in a else np.zeros(2 * gates * size), 2)
    inputs = np.split(w @ x + wb, gates)
    if case.kind == "RNN":
        return f[0](inputs[0] + r @ h + rb), c
    if case.kind == "GRU":
        rz, rr, rh = np.split(r, 3)
        bz, br, bh = np.split(rb, 3)
        z, reset = f[0](inputs[0] + rz @ h + bz), f[0](inputs[1] + rr @ h + br)
        after = case.attributes.get("linear_before_reset")
        new = reset * (rh @ h + bh) if after else rh @ (reset * h) + bh
        return (1 - z) * f[1](inputs[2] + new) + z * h, c
    pi, po, pf = np.split(a["P"][way] if "P" in a else np.zeros(3 * size), 3)
    i, o, forget, new = (x + s for x, s in zip(inputs, np.split(r @ h + rb, 4), strict=True))
    i = f[0](i + pi * c)
    forget = 1 - i if case.attributes.get("input_forget") else f[0](forget + pf * c)
    c = forget * c + i * f[1](new)
    o = f[0](o + po * c)
    return o * f[2](c, clipped=False), c


def activations(case: Case) -> list[list[Callable[..., np.ndarray]]]:
    """The functions of each direction, clipped as the node says."""
    names = case.attributes.get("activations", DEFAULTS[case.kind] * case.ways)
    given = [list(case.attributes.get(f"activation_{n}", [])) for n in ("alpha", "beta")]
    clip = case.attributes.get("clip")
    found = []
    for name in names:
        title = next(known for known in FUNCTIONS if known.lower() == name.lower())
        defaults, function = FUNCTIONS[title]
        used = [v.pop(0) if v else d for v, d in zip(given, defaults, strict=False)]

        def apply(x, clipped=True, function=function, used=used):
            return function(np.clip(x, -clip, clip) if clip and clipped else x, *used)

        found.append(apply)
    count = len(found) // case.ways
    return [found[:count], found[count:]]


DOUBLES = ("lstm", "lstm_both_lengths_states", "gru_clip", "gru_after_both", "lstm_layout")
"""Cases that are run in float64 too."""


def doubled(case: Case) -> tuple[ir.Model, Arrays, Arrays]:
    """The model of a case in float64, what it is fed, and what it gives."""
    model, feeds = case.model()
    values = [*model.graph.inputs, *model.graph.initializers.values(), *model.graph.outputs]
    for value in values:
        if value.dtype == ir.DataType.FLOAT:
            if value.const_value is not None:
                array = value.const_value.numpy().astype(np.float64)
                value.const_value = ir.tensor(array, name=value.name)
            value.type = ir.TensorType(ir.DataType.DOUBLE)
    wide = {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in feeds.items()}
    return model, wide, {name: array.astype(np.float64) for name, array in case.wanted().items()}
