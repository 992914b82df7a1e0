"""Some rows of a large picture, of a layer in float64: who is at fault is seen in a few of them.

A layer whose rows depend on few rows before it is computed where the difference is worst, along both edges
and in between, for one picture of the batch. Other layers are computed whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

LARGE = 1 << 19
"""Elements from which on a picture is looked at in bands."""
ROWS = 8
"""Of one band."""
EXACT = frozenset(
    {"Abs", "Add", "And", "Clip", "Div", "Equal", "Greater", "GreaterOrEqual", "Identity", "IsInf"}
    | {"IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Max", "Min", "Mul", "Neg", "Not", "Or"}
    | {"PRelu", "Relu", "Sub", "Where"}
)
"""Operators of each element by itself that every engine rounds alike."""
EACH = EXACT | frozenset(
    {"BatchNormalization", "Dropout", "Elu", "Exp", "HardSigmoid", "HardSwish", "LRN", "Log", "Pow"}
    | {"Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Tanh"}
)
"""Operators of each row by itself."""
WINDOWS = frozenset({"AveragePool", "Conv", "ConvTranspose", "MaxPool"})

Read: TypeAlias = "Callable[[ir.Value | None, Band | None], Any]"
Run: TypeAlias = Callable[[ir.Node, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Band:
    """Rows `start` to `stop` of one picture of a batch."""

    picture: int
    start: int
    stop: int

    def of(self, array: np.ndarray) -> np.ndarray:
        """What an array that is broadcast to pictures has of it: [..., 1 or height, width]."""
        if array.ndim == 4 and len(array) > 1:
            array = array[self.picture : self.picture + 1]
        return array[..., self.start : self.stop, :] if _height(array) > 1 else array


def bands(shape: tuple[int, ...], worst: tuple[int, ...]) -> list[Band]:
    """The bands of a large picture [N, C, H, W] around its worst element; none where it is not one."""
    if len(shape) != 4 or np.prod(shape) < LARGE or shape[2] < 8 * ROWS:
        return []
    picture, _, row, _ = worst if len(worst) == 4 else (0, 0, shape[2] // 3, 0)
    starts = (0, row - ROWS // 2, shape[2] * 2 // 3, shape[2] - ROWS)
    cut = (min(max(start, 0), shape[2] - ROWS) for start in starts)
    return [Band(picture, start, start + ROWS) for start in dict.fromkeys(cut)]


@dataclass(frozen=True)
class Bands:
    """Computes bands of values.

    Attributes:
        known: Values that are known, by name.
        read: Gives a known value or a constant, whole or a band of it.
        run: One node on arrays.
    """

    known: Mapping[str, np.ndarray]
    read: Read
    run: Run

    def computed(self, value: ir.Value, band: Band) -> np.ndarray | None:
        """A band of a value [N, C, H, W], from those of the nearest values before it that are known.

        Returns:
            [1, C, rows, W]; None where its rows depend on all rows of something.
        """
        if value.const_value is not None or str(value.name) in self.known:
            array = np.asarray(self.read(value, band))
            return array if array.ndim <= 4 else None
        node = value.producer()
        if node is None or node.domain or len(node.outputs) > 1:
            return None
        if node.op_type in WINDOWS:
            return self._window(node, band)
        if not (node.op_type in EACH or _joins_channels(node)):
            return None
        whole = node.op_type in ("BatchNormalization", "Clip", "Dropout")
        first = node.inputs[:1] if whole else node.inputs
        parts = [v and self.computed(v, band) for v in first]
        if any(v is not None and part is None for v, part in zip(first, parts, strict=True)):
            return None
        others = [self.read(v, None) for v in node.inputs[len(first) :]]
        return np.asarray(self.run(node, [*parts, *others])[0])

    def _window(self, node: ir.Node, band: Band) -> np.ndarray | None:
        """Rows under a kernel's rows; the pad is where the picture ends."""
        x = node.inputs[0]
        height = self._height(x)
        if x is None or height is None or not _is_plain(node):
            return None
        weights = [self.read(v, None) for v in node.inputs[1:]]
        kernel = weights[0].shape[2] if weights else _ints(node, "kernel_shape")[0]
        reach = (kernel - 1) * _ints(node, "dilations")[0] + 1
        turned = node.op_type == "ConvTranspose"
        first, last, before, after = (_over if turned else _under)(node, band, reach, height)
        part = self.computed(x, Band(band.picture, first, last))
        if part is None or part.ndim != 4:
            return None
        pads = _ints(node, "pads")
        changed = {"pads": [max(before, 0), pads[1], max(after, 0), pads[3]]}
        if turned:
            changed["output_padding"] = [max(-after, 0), _ints(node, "output_padding")[1]]
        attributes = {**node.attributes, **{k: ir.AttrInt64s(k, v) for k, v in changed.items()}}
        cut = ir.Node("", node.op_type, [], attributes.values(), num_outputs=1)
        return np.asarray(self.run(cut, [part, *weights])[0])

    def _height(self, value: ir.Value | None) -> int | None:
        if value is None:
            return None
        known = self.known.get(str(value.name))
        shape: Any = value.shape if known is None else known.shape
        pictures = shape is not None and len(shape) == 4 and isinstance(shape[2], int)
        return shape[2] if pictures else None


def _joins_channels(node: ir.Node) -> bool:
    return node.op_type == "Concat" and node.attributes["axis"].as_int() in (1, -3)


def _under(node: ir.Node, band: Band, reach: int, height: int) -> tuple[int, int, int, int]:
    """The rows under a kernel's places: the first, behind the last, and the pads before and after them."""
    stride, pad = _ints(node, "strides")[0], _ints(node, "pads")[0]
    first = band.start * stride - pad
    last = (band.stop - 1) * stride - pad + reach
    return max(first, 0), min(last, height), -first, last - height


def _over(node: ir.Node, band: Band, reach: int, height: int) -> tuple[int, int, int, int]:
    """The same for a kernel that is laid over each row: pads cut off what it makes."""
    stride, pad = _ints(node, "strides")[0], _ints(node, "pads")[0]
    begin, end = band.start + pad, band.stop + pad
    first = max(-((reach - 1 - begin) // stride), 0)
    last = min((end - 1) // stride + 1, height)
    return first, last, begin - first * stride, (last - 1) * stride + reach - end


def _is_plain(node: ir.Node) -> bool:
    """Whether its windows are said in full, and none reaches beyond the pads."""
    ceil = "ceil_mode" in node.attributes and node.attributes["ceil_mode"].as_int()
    return "pads" in node.attributes and "output_shape" not in node.attributes and not ceil


def _ints(node: ir.Node, name: str) -> list[int]:
    return list(node.attributes[name].as_ints())


def _height(array: np.ndarray) -> int:
    return array.shape[-2] if array.ndim >= 2 else 1
