"""Numbers of the messages that CNTK's files consist of (CNTK.proto of Source/CNTKv2LibraryDll/proto)."""

from __future__ import annotations

from mmdnn.frameworks.cntk._attributes import Int, Single

ENTRIES, ENTRY_VALUE, ITEM, NUMBERS = 2, 2, 1, 1
VECTOR, NESTED, VIEW = 11, 12, 13
FLOATS, DOUBLES, BYTES = 4, 5, 6
"""Field numbers: of a Dictionary, an Entry, a Vector, a DictionaryValue, an NDArrayView."""

PLAIN: dict[type, tuple[int, str]] = {
    bool: (1, "bool_value"),
    Int: (2, "int_value"),
    int: (3, "size_t_value"),
    Single: (4, "float_value"),
    float: (5, "double_value"),
    str: (6, "string_value"),
}
"""DictionaryValue::Type, and the field; what a type is derived from comes after it."""

SHAPE, AXIS, LIST, DICTIONARY, TENSOR = 7, 8, 9, 10, 11
"""DictionaryValue::Type of all else."""
