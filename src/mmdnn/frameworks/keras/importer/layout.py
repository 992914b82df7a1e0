"""Pictures whose channels are last, as Keras has them, and first, as ONNX has them."""

from __future__ import annotations

from collections.abc import Sequence

from mmdnn.frameworks.keras.importer.table import ImportedNode, Value
from mmdnn.ir.builder import Op, rank

LAST = "channels_last"
FIRST = "channels_first"


def to_first(op: Op, x: Value, data_format: str) -> Value:
    """The channels behind the batch."""
    count = rank(x)
    if data_format == FIRST or count < 3:
        return x
    return op.Transpose(x, perm=[0, count - 1, *range(1, count - 1)])


def to_last(op: Op, x: Value, data_format: str) -> Value:
    """What `to_first` gave, as it was."""
    count = rank(x)
    if data_format == FIRST or count < 3:
        return x
    return op.Transpose(x, perm=[0, *range(2, count), 1])


def channel(data_format: str, x: Value) -> int:
    """The axis of the channels."""
    return 1 if data_format == FIRST else rank(x) - 1


def spatial(data_format: str, x: Value) -> list[int]:
    """The axes that are neither batch nor channels."""
    first = 2 if data_format == FIRST else 1
    return list(range(first, first + rank(x) - 2))


def several(node: ImportedNode, value: int | Sequence[int], count: int) -> list[int]:
    """A number for each axis, where one stands for all."""
    found = [int(value)] * count if isinstance(value, (int, float)) else [int(v) for v in value]
    if len(found) != count:
        node.unfit(f"{list(found)} are not {count} numbers")
    return found
