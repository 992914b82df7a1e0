"""What variables are called: by the functions' own names, else by what they are."""

from __future__ import annotations

import re

from mmdnn.frameworks.cntk.graph import Function


def wish(function: Function) -> str:
    """What a variable's name is made of."""
    return function.name or kind(function)


def kind(function: Function) -> str:
    """What a function is, for a name."""
    return _WORDS.get(function.type) or _snake(function.type)


_WORDS = {
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "StableSigmoid": "sigmoid",
    "Plus": "total", "Minus": "difference", "ElementTimes": "product", "ElementDivide": "quotient",
    "Times": "times", "ReduceElements": "reduced", "Sequence::Slice": "frames", "Select": "chosen",
    "GatherPacked": "frames", "Slice": "part", "Abs": "magnitude", "Pow": "power",
    "NoOp": "alias", "TransposeAxes": "transposed", "RNNStep": "rnn",
    "PastValue": "past", "FutureValue": "future", "ReconcileDynamicAxis": "broadcast",
    "Sequence::BroadcastAs": "broadcast", "Sequence::ReduceElements": "reduced",
}  # fmt: skip


def _snake(text: str) -> str:
    """`BatchNormalization` as `batch_normalization`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
