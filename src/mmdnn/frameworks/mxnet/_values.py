"""What a symbol that was converted says of the values of its source.

MXNet takes attributes of a graph that it does not know. Ours is a text: JSON with `names`, output to
the names that its value had in the source, and `scalars`, values that have no axes there (MXNet's
have one).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

VALUES = "mmdnn_values"
"""The graph's attribute."""
UNUSED = "mmdnn.mxnet.unused"
"""Of an IR value, in `meta`: the tensor that the file has in its place, and MXNet does not use."""


def renamed(symbol: bytes, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A run's arrays by the source's names too, where the symbol says them.

    Args:
        symbol: The symbol file.
        arrays: Arrays by MXNet's names.
    """
    said = _said(symbol)
    found = dict(arrays)
    for output, names in said.get("names", {}).items():
        if output in arrays:
            found |= dict.fromkeys(names, arrays[output])
    scalars = [name for name in said.get("scalars", ()) if name in found and found[name].size == 1]
    return found | {name: found[name].reshape(()) for name in scalars}


def _said(symbol: bytes) -> dict[str, Any]:
    try:
        kind, text = json.loads(symbol)["attrs"][VALUES]
        said = json.loads(text)
    except (ValueError, KeyError, TypeError):
        return {}
    return said if kind == "str" and isinstance(said, dict) else {}
