"""The types that a function's attributes have in files.

A DictionaryValue is an Int, SizeT, Float or Double, and CNTK refuses one of another type than it
asks for. Which it is depends on the attribute's name (found in files that CNTK 2.7 has saved).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import Attribute, Function


class Int(int):
    """A number of the type Int; any other `int` is a SizeT."""


class Single(float):
    """A number of the type Float; any other `float` is a Double."""


INTS = frozenset(
    {
        *("beginIndex", "beginIndexVec", "endIndex", "endIndexVec", "sliceStrides"),
        *("sliceStridesVec", "inferInputRankToMap", "newDataType", "DelayConstraint"),
        "newSequenceAxisLengthAdditiveFactor",
    }
)
DOUBLES = frozenset(
    {
        *("alpha", "beta", "gamma", "bias", "epsilon", "blendTimeConstant", "dropoutRate"),
        *("normalizationTimeConstant", "fillValue", "paddingConstantValue", "spatialScale"),
        *("randomDistributionArgs", "sequenceUnpackPaddingValue", "DeletionPenalty"),
        *("InsertionPenalty", "SubstitutionPenalty", "Biases", "Scaler"),
    }
)
SINGLES = frozenset(
    {
        *(("HardSigmoid", "alpha"), ("HardSigmoid", "beta"), ("Gemm", "alpha"), ("Gemm", "beta")),
        *(("ImageScaler", "Biases"), ("ImageScaler", "Scaler")),
    }
)
"""Functions' attributes of the type Float."""


def typed(function: Function) -> dict[str, Any]:
    """A function's attributes, numbers as `Int`, `int`, `Single` or `float`.

    Raises:
        UnsupportedError: A number is none that its type can hold.
    """
    return {name: _typed(value, name, function) for name, value in function.attributes.items()}


def _typed(value: Attribute, name: str, function: Function) -> Any:
    if isinstance(value, list):
        return [_typed(item, name, function) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if (function.type, name) in SINGLES:
        return Single(value)
    if name in DOUBLES or isinstance(value, float):
        return float(value)
    if name in INTS:
        return Int(value)
    if value < 0:
        raise UnsupportedError(
            f"its attribute {name} is {value}", layer=function.label, operator=function.type
        )
    return value
