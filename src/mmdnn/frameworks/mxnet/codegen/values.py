"""Functions and parameters of operators as Python writes them."""

from __future__ import annotations

import math
from typing import Any

from mmdnn.errors import Error
from mmdnn.frameworks.mxnet import _attributes
from mmdnn.frameworks.mxnet.codegen.printing import string
from mmdnn.frameworks.mxnet.graph import Node

_SPACES = ("_contrib_", "_linalg_", "_image_", "_random_", "_sparse_")
"""Prefixes of operators that stand in a module of their own: `mx.sym.contrib.box_nms`."""

_PUBLIC = {"_copy": "identity"}
_TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")


def function(op: str) -> str:
    """The function that makes an operator's node (python/mxnet/base.py, _init_op_module)."""
    op = _PUBLIC.get(op, op)
    for prefix in _SPACES:
        if op.startswith(prefix):
            return f"mx.sym.{prefix.strip('_')}.{op.removeprefix(prefix)}"
    return f"mx.sym._internal.{op}" if op.startswith("_") else f"mx.sym.{op}"


def literal(node: Node, name: str, text: str) -> str:
    """A parameter's value."""
    try:
        return value(node.param(name))
    except (Error, KeyError):
        return string(text)


def value(found: Any) -> str:
    """A Python value as source."""
    if isinstance(found, str):
        return string(found)
    if isinstance(found, float) and not math.isfinite(found):
        return f'float("{found}")'
    if isinstance(found, float) and found.is_integer() and abs(found) < 1e15:
        return f"{found:.1f}"
    if isinstance(found, tuple):
        return f"({', '.join(map(value, found))}{',' if len(found) == 1 else ''})"
    return repr(found)


def variable(node: Node) -> list[str]:
    """The arguments of `mx.sym.Variable`."""
    parts = [string(node.name)]
    if "__shape__" in node.attrs:
        parts.append(f"shape={value(_attributes.parse('ints', node.attrs['__shape__']))}")
    kind = node.attrs.get("__dtype__", "0")
    if kind != "0" or ("__shape__" in node.attrs and "__dtype__" in node.attrs):
        parts.append(f"dtype={string(_TYPES[int(kind)])}")
    return parts
