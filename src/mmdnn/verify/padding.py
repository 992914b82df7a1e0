"""Which frames of padded sequences there are: what lies beyond a sequence's end is not compared.

(`mmdnn.ir.sequences` says how the IR tells the lengths.) Engines may give `<value>.lengths` beside a value.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from mmdnn.ir.sequences import TIME, axes_of, lengths_name, lengths_of

Arrays = Mapping[str, np.ndarray]


def lengths(model: ir.Model, *values: Arrays) -> dict[str, np.ndarray]:
    """The lengths of each value that is a padded batch of sequences.

    Args:
        model: The IR; the open dimension of an input's or output's time says which other values have
            the same sequences.
        values: Feeds and results, by name.

    Returns:
        Value name to int64 [batch].
    """
    known = ChainMap(*(dict.fromkeys(each, each) for each in reversed(values)))
    symbols: dict[str, np.ndarray] = {}
    for value in (*model.graph.inputs, *model.graph.outputs):
        name = lengths_of(value)
        symbol = _time(value)
        if name is not None and name in known and symbol is not None and TIME in axes_of(value):
            symbols.setdefault(symbol, np.asarray(known[name][name]))
    found = {}
    for value in _values(model):
        symbol = _time(value)
        if symbol in symbols:
            found[str(value.name)] = symbols[symbol]
    for name in known:
        counts = lengths_name(name)
        if counts in known:
            found.setdefault(name, np.asarray(known[counts][counts]))
    padded = {str(v.name) for v in model.graph.outputs if axes_of(v) and TIME not in axes_of(v)}
    return {name: counts for name, counts in found.items() if name not in padded}


def trimmed(array: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
    """A batch of sequences up to the longest one, with zeros beyond each one's end.

    Args:
        array: [batch, time, ...].
        counts: The lengths, [batch]; None for what is no batch of sequences.
    """
    if counts is None or array.ndim < 2 or len(array) != len(counts):
        return array
    longest = int(counts.max(initial=0))
    cut = array[:, :longest]
    if cut.shape[1] < longest:
        return array
    there = np.arange(longest) < counts[:, None]
    return np.where(there.reshape(there.shape + (1,) * (cut.ndim - 2)), cut, np.zeros_like(cut))


def _time(value: ir.Value) -> str | None:
    if value.shape is None or len(value.shape) < 2:
        return None
    dim = value.shape[1]
    return None if isinstance(dim, int) else dim.value


def _values(model: ir.Model) -> list[ir.Value]:
    return [*model.graph.inputs, *(out for node in model.graph for out in node.outputs)]
