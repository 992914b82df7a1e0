"""What a symbol that was converted says of the values of its source.

MXNet takes attributes of a graph that it does not know. Ours is a text: JSON with `names`, output to
the names that its value had in the source, that of a model's output first, and `scalars`, values that
have no axes there (MXNet's have one). By these names a run is compared, in MXNet or read back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmdnn.frameworks.mxnet.graph import Node, Symbol
from mmdnn.ir.origin import parsed
from mmdnn.verify.spill import Chain, View

VALUES = "mmdnn_values"
"""The graph's attribute."""
UNUSED = "mmdnn.mxnet.unused"
"""Of an IR value, in `meta`: the tensor that the file has in its place, and MXNet does not use."""


def renamed(symbol: bytes, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """A run's arrays by the source's names too, where the symbol says them.

    Args:
        symbol: The symbol file.
        arrays: Arrays by MXNet's names, or, of a symbol that was read back, by the source's.
    """
    try:
        said = _said(json.loads(symbol)["attrs"])
    except (ValueError, KeyError, TypeError):
        return arrays
    own = dict.fromkeys(arrays)
    places = {name: name for name in own}
    for output, names in _names(said).items():
        known = next((name for name in (output, *names) if name in own), None)
        if known is not None:
            places |= dict.fromkeys(names, known)
    found = View(arrays, places)
    scalars = [name for name in said.get("scalars", ()) if name in found and found[name].size == 1]
    return Chain({name: found[name].reshape(()) for name in scalars}, found)


def called(symbol: Symbol) -> dict[tuple[Node, int], str]:
    """What operators' outputs were called in the source, where no two say the same."""
    names = _names(_said(symbol.attrs))
    places = [(node, i) for node in symbol.operators for i in range(len(node.outputs))]
    if not names:
        return {}
    outputs = Counter(node.output_name(i) for node, i in places)
    found = {
        (node, i): names[own][0]
        for node, i in places
        if (own := node.output_name(i)) in names and outputs[own] == 1
    }
    count = Counter(found.values())
    return {place: name for place, name in found.items() if count[name] == 1}


def _said(attrs: Mapping[str, Any]) -> dict[str, Any]:
    try:
        kind, text = attrs[VALUES]
        return parsed(text) if kind == "str" else {}
    except (ValueError, KeyError, TypeError):
        return {}


def _names(said: Mapping[str, Any]) -> dict[str, list[str]]:
    names = said.get("names", {})
    usual = isinstance(names, dict) and all(
        isinstance(known, list) and known and all(isinstance(name, str) for name in known)
        for known in names.values()
    )
    return names if usual else {}
