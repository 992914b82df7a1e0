"""How the weights of recurrent layers are laid out: orders of gates, and cuDNN's one vector.

The rows of ONNX's weights are the gates' one after the other: input, output, forget and candidate (iofc), or
update, reset and candidate (zrh). Others have the same gates in other orders.

cuDNN (cudnnGetRNNLinLayerMatrixParams of NVIDIA's cuDNN documentation; MXNet's rnn-inl.h) has all
parameters of a stack of layers in one vector: of each layer and direction the weights of the input, of
the state and of an LSTM's projection, row by row; after all of these, in the same order, the two biases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Order = Mapping[str, str]
"""Of each kind, a letter for each gate."""

ONNX: Order = {"LSTM": "iofc", "GRU": "zrh", "RNN": "h"}

CUDNN: Order = {"LSTM": "ifco", "GRU": "rzh", "RNN": "h"}
"""MXNet's and torch's too."""


def reordered(rows: np.ndarray, before: str, after: str) -> np.ndarray:
    """Rows [gates * H, ...] with their gates in another order."""
    blocks = rows.reshape(len(before), -1, *rows.shape[1:])
    return blocks[[before.index(gate) for gate in after]].reshape(rows.shape)


@dataclass(frozen=True)
class Weights:
    """Those of one layer in ONNX's form, D its directions: [D, gates * H, ...].

    Attributes:
        w: Of the input, [D, gates * H, C].
        r: Of the state, [D, gates * H, P], where P is H without a projection.
        b: The two biases, [D, 2 * gates * H].
        p: Of the projection, [D, P, H].
    """

    w: np.ndarray
    r: np.ndarray
    b: np.ndarray | None = None
    p: np.ndarray | None = None


@dataclass(frozen=True)
class Packing:
    """cuDNN's vector for a stack of layers.

    Attributes:
        kind: LSTM, GRU or RNN.
        features: How many numbers the lowest layer reads at each step.
        size: The length of the hidden state.
        layers: How many there are.
        ways: Their directions.
        projection: To how many numbers an LSTM's state is projected.
    """

    kind: str
    features: int
    size: int
    layers: int = 1
    ways: int = 1
    projection: int | None = None

    @property
    def seen(self) -> int:
        """How many numbers of the state the next step reads."""
        return self.projection or self.size

    @property
    def rows(self) -> int:
        """Of all gates together."""
        return len(ONNX[self.kind]) * self.size

    def shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """The shapes of a layer's weights, by their names in `Weights`."""
        width = self.features if layer == 0 else self.seen * self.ways
        return {
            "w": (self.ways, self.rows, width),
            "r": (self.ways, self.rows, self.seen),
            "b": (self.ways, 2 * self.rows),
            "p": (self.ways, self.projection or 0, self.size),
        }

    def _matrices(self, layer: int) -> int:
        """Numbers of one direction that are no biases."""
        shapes = self.shapes(layer)
        return sum(math.prod(shapes[name][1:]) for name in "wrp")

    @property
    def total(self) -> int:
        """How many numbers the vector has."""
        matrices = sum(self._matrices(layer) for layer in range(self.layers))
        return self.ways * (matrices + self.layers * 2 * self.rows)

    def _places(self, name: str, layer: int) -> list[slice]:
        """Where a layer's weights of one name are, by direction."""
        shapes, step = self.shapes(layer), self._matrices(layer)
        count = math.prod(shapes[name][1:])
        start = self.ways * sum(self._matrices(i) for i in range(layer))
        if name == "b":
            start, step = self.total - (self.layers - layer) * self.ways * count, count
        else:
            before = "wrp"[: "wrp".index(name)]
            start += sum(math.prod(shapes[other][1:]) for other in before)
        return [slice(at, at + count) for at in range(start, start + self.ways * step, step)]

    def take(self, name: str, vector: np.ndarray, layer: int) -> np.ndarray:
        """A layer's weights of one name, in ONNX's form."""
        parts = [vector.reshape(-1)[place] for place in self._places(name, layer)]
        turned = [self._turned(name, part, CUDNN, ONNX) for part in parts]
        return np.stack(turned).reshape(self.shapes(layer)[name])

    def pack(self, layers: Iterable[Weights], dtype: npt.DTypeLike = np.float64) -> np.ndarray:
        """The vector of these layers, one read after the other; without biases, they are zeros."""
        vector = np.zeros(self.total, dtype)
        for layer, each in enumerate(layers):
            for name, array in (("w", each.w), ("r", each.r), ("p", each.p), ("b", each.b)):
                if array is not None:
                    for part, place in zip(array, self._places(name, layer), strict=True):
                        vector[place] = self._turned(name, part, ONNX, CUDNN).reshape(-1)
        return vector

    def _turned(self, name: str, part: np.ndarray, before: Order, after: Order) -> np.ndarray:
        """One direction's weights with their gates in another order; a projection has none."""
        if name == "p":
            return part
        halves = part.reshape(2 if name == "b" else 1, self.rows, -1)
        return np.stack([reordered(h, before[self.kind], after[self.kind]) for h in halves])
