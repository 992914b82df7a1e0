"""Write what TensorFlow Lite's schema says: tables and their fields by place, operators and types by number.

Run where TensorFlow is installed, whose generated module it reads:

    python tools/build_tflite_operators.py
"""

from __future__ import annotations

import importlib.util
import json
import re
import textwrap
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src/mmdnn/frameworks/tflite/operators.json"
ENUMS = {
    "operators": "BuiltinOperator",
    "options": "BuiltinOptions",
    "options2": "BuiltinOptions2",
    "activations": "ActivationFunctionType",
}
_METHOD = re.compile(r"^    def (\w+)\(self(?:, j)?\):\n(.*?)(?=^    def |\Z)", re.M | re.S)
_BY_ANOTHER_NAME = ("AsNumpy", "Length", "IsNone")


def main() -> None:
    """Write the tables of the installed schema."""
    package = importlib.util.find_spec("tensorflow")
    assert package is not None
    assert package.origin is not None
    module = Path(package.origin).parent / "lite/python/schema_py_generated.py"
    classes = re.split(r"^class ", module.read_text(), flags=re.M)[1:]
    by_name = {re.match(r"\w+", text)[0]: text for text in classes}  # type: ignore[index]
    tables = {
        name: _fields(text)
        for name, text in sorted(by_name.items())
        if "__slots__" in text and "GetRootAs" in text
    }
    lines = ["{"]
    for key, name in ENUMS.items():
        names = ", ".join(map(json.dumps, _names(by_name[name])))
        wrapped = textwrap.wrap(names, 100, initial_indent="  ", subsequent_indent="  ")
        lines += [f' "{key}": [', *wrapped, " ],"]
    rows = [f"  {json.dumps(name)}: {json.dumps(fields)}" for name, fields in tables.items()]
    TARGET.write_text("\n".join([*lines, ' "tables": {', ",\n".join(rows), " }", "}", ""]))


def _names(text: str) -> list[str]:
    numbers = {int(n): name for name, n in re.findall(r"^    (\w+) = (-?\d+)$", text, re.M)}
    return [numbers.get(number, "") for number in range(max(numbers) + 1)]


def _fields(text: str) -> list[Any]:
    """The fields of a table by their place: name, type, and default."""
    found: dict[int, list[Any]] = {}
    for name, body in _METHOD.findall(text):
        offset = re.search(r"self\._tab\.Offset\((\d+)\)", body)
        if offset is None or name.endswith(_BY_ANOTHER_NAME):
            continue
        kind, vector = _kind(body), "self._tab.Vector(o)" in body
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        default = None if vector else _default(body)
        found[(int(offset[1]) - 4) // 2] = [snake, f"[{kind}]" if vector else kind, default]
    return [found.get(place) for place in range(max(found, default=-1) + 1)]


def _kind(body: str) -> str:
    scalar = re.search(r"number_types\.(\w+)Flags, (?:o|a)", body)
    if scalar:
        return scalar[1].lower()
    if "self._tab.String" in body:
        return "string"
    table = re.search(r"obj = (\w+)\(\)", body)
    return table[1] if table else "union"


def _default(body: str) -> bool | float | None:
    said = re.findall(r"return (-?[\d.]+|True|False|None)\s*$", body, re.M)[-1]
    words = {"True": True, "False": False, "None": None}
    return words[said] if said in words else float(said) if "." in said else int(said)


if __name__ == "__main__":
    main()
