"""What TensorFlow Lite's schema says: tables and their fields by place, operators and types by number.

`operators.json` is made from TensorFlow's own schema (`tools/build_tflite_operators.py`); its source is
tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import onnx_ir as ir

PADDINGS = ("SAME", "VALID")
MIRRORS = ("REFLECT", "SYMMETRIC")


class Field(NamedTuple):
    """A field of a table.

    Attributes:
        name: Its name.
        kind: A scalar's type, "string", "union", or a table; in brackets for a vector.
        default: What it is where the file does not say it.
    """

    name: str
    kind: str
    default: Any


@cache
def _file() -> dict[str, Any]:
    text = files(__package__).joinpath("operators.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def fields(table: str) -> tuple[Field | None, ...]:
    """The fields of a table by their place; None where one is no longer used."""
    return tuple(Field(*row) if row else None for row in _file()["tables"].get(table, ()))


@cache
def defaults(table: str) -> dict[str, Any]:
    """The fields of a table and what they are by default."""
    return {field.name: field.default for field in fields(table) if field is not None}


def named(kind: str, number: int) -> str:
    """A name by its number: of "operators", "options", "options2" or "activations"; "" for an unknown one."""
    names: list[str] = _file()[kind]
    return names[number] if 0 <= number < len(names) else ""


TYPES = {
    0: ir.DataType.FLOAT, 1: ir.DataType.FLOAT16, 2: ir.DataType.INT32, 3: ir.DataType.UINT8,
    4: ir.DataType.INT64, 5: ir.DataType.STRING, 6: ir.DataType.BOOL, 7: ir.DataType.INT16,
    8: ir.DataType.COMPLEX64, 9: ir.DataType.INT8, 10: ir.DataType.DOUBLE,
    11: ir.DataType.COMPLEX128, 12: ir.DataType.UINT64, 15: ir.DataType.UINT32,
    16: ir.DataType.UINT16, 17: ir.DataType.INT4, 18: ir.DataType.BFLOAT16,
}  # fmt: skip
"""Types by number; resources and variants have none."""
