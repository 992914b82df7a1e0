"""Functions and parameters of operators as Python writes them."""

from __future__ import annotations

from mmdnn.errors import Error
from mmdnn.frameworks.mxnet import _attributes
from mmdnn.frameworks.mxnet.graph import Node
from mmdnn.frameworks.mxnet.reader.ndarray import NAMES, TYPES
from mmdnn.python import literals as python

_SPACES = ("_contrib_", "_linalg_", "_image_", "_random_", "_sparse_")
"""Prefixes of operators that stand in a module of their own: `mx.sym.contrib.box_nms`."""

_PUBLIC = {"_copy": "identity"}


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
        return python.literal(node.param(name))
    except (Error, KeyError):
        return python.string(text)


def variable(node: Node) -> list[str]:
    """The arguments of `mx.sym.Variable`."""
    parts = [python.string(node.name)]
    if "__shape__" in node.attrs:
        parts.append(f"shape={python.literal(_attributes.parse('ints', node.attrs['__shape__']))}")
    kind = node.attrs.get("__dtype__", "0")
    if kind != "0" or ("__shape__" in node.attrs and "__dtype__" in node.attrs):
        parts.append(f"dtype={python.string(NAMES[TYPES[int(kind)]])}")
    return parts
