"""Write `frameworks/mxnet/operators.json`: what MXNet itself says of its operators.

    make mxnet && .venv-mxnet/bin/python tools/build_mxnet_operators.py

Of each operator: its tensor inputs, its parameters as "type" or "type=default" (an enumeration's type is its
choices), and the names that stand for another operator. Gradients and updates of optimizers are left out.
"""

from __future__ import annotations

import ctypes
import json
import re
from pathlib import Path

import mxnet
from mxnet.base import _LIB, OpHandle, c_str, check_call

TARGET = Path(__file__).parents[1] / "src/mmdnn/frameworks/mxnet/operators.json"
SKIPPED = re.compile(
    r"backward|update|^_grad_add|^_contrib_(dgl|edge)|^_cv|^_npi_cv|multi_lars|reset_arrays"
)
TENSOR = ("NDArray", "Symbol", "ptr", "")
KINDS = {
    "boolean": "bool",
    "Shape(tuple)": "ints",
    "Shape": "ints",
    "tuple of <long>": "ints",
    "tuple of <float>": "floats",
    "tuple of <double>": "floats",
    "tuple of <Shape(tuple)>": "shapes",
    "int (non-negative)": "int",
    "long (non-negative)": "int",
    "long": "int",
    "double": "float",
    "real_t": "float",
}

FLOATS = "bfloat16|float16|float32|float64|int32|int64|int8|uint8=float32"
CORRECTIONS = {
    "_npi_eye": {"N": "int", "M": "int?=None", "k": "int=0", "ctx": "string=", "dtype": FLOATS},
    "smooth_l1": {"scalar": "float=1", "is_int": "bool=1"},
    "_linalg_potrf": {"lower": "bool=1"},
    "_linalg_potri": {"lower": "bool=1"},
    "_npi_concatenate": {"num_args": "int", "axis": "int?=0"},
    "_linspace": {
        "start": "float",
        "stop": "float",
        "num": "int",
        "endpoint": "bool=1",
        "ctx": "string=",
        "dtype": FLOATS,
    },
}
"""Operators of which MXNet describes other parameters than it reads."""


def names() -> list[str]:
    """All names of operators, aliases included."""
    size, array = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
    check_call(_LIB.MXListAllOpNames(ctypes.byref(size), ctypes.byref(array)))
    return sorted(array[i].decode() for i in range(size.value))


def described(name: str) -> tuple[str, list[tuple[str, str]]]:
    """An operator's own name, and its arguments with MXNet's words for their types."""
    handle = OpHandle()
    check_call(_LIB.NNGetOpHandle(c_str(name), ctypes.byref(handle)))
    own, doc, key, kind = (ctypes.c_char_p() for _ in range(4))
    count = ctypes.c_uint()
    lists = [ctypes.POINTER(ctypes.c_char_p)() for _ in range(3)]
    places = [own, doc, count, *lists, key, kind]
    check_call(_LIB.MXSymbolGetAtomicSymbolInfo(handle, *map(ctypes.byref, places)))
    assert own.value is not None
    return own.value.decode(), [
        (lists[0][i].decode(), lists[1][i].decode()) for i in range(count.value)
    ]


def short(text: str) -> str:
    """`"int, optional, default='1'"` as `int=1`."""
    kind, _, default = text.partition(", optional, default=")
    if text.startswith("{"):
        choices, _, default = text.partition("}")
        kind = choices.strip("{").replace("'", "").replace(", ", "|")
        default = default.partition("default=")[2]
    kind = kind.removesuffix(", required")
    optional = kind.endswith(" or None")
    kind = kind.removesuffix(" or None")
    kind = KINDS.get(kind, kind) + "?" * optional
    return f"{kind}={default.strip(chr(39))}" if default else kind


def main() -> None:
    """Write them all."""
    operators: dict[str, dict[str, object]] = {}
    aliases: dict[str, str] = {}
    for name in names():
        if SKIPPED.search(name):
            continue
        own, arguments = described(name)
        if own != name:
            aliases[name] = own
        operators[own] = {
            "inputs": [arg for arg, text in arguments if text.startswith(TENSOR[:3]) or not text],
            "params": {
                arg: short(text)
                for arg, text in arguments
                if text and not text.startswith(TENSOR[:3])
            },
        }
    for name, params in CORRECTIONS.items():
        operators[name]["params"] = params
    rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(operators.items()))
    short_names = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in aliases.items())
    TARGET.write_text(
        f'{{"mxnet": "{mxnet.__version__}",\n"operators": {{\n{rows}\n}},\n'
        f'"aliases": {{\n{short_names}\n}}}}\n'
    )


if __name__ == "__main__":
    main()
