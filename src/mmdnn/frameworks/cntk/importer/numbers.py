"""Numbers that a model computes from its constants and scalar parameters: a stabilizer's factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmdnn.frameworks.cntk.graph import Variable
from mmdnn.frameworks.cntk.importer.flat import Flat
from mmdnn.tensors import references

_MOST = 64
"""Functions that such a number is computed by at most."""

_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Plus": np.add,
    "Minus": np.subtract,
    "ElementTimes": np.multiply,
    "ElementDivide": np.divide,
    "Exp": np.exp,
    "Log": np.log,
    "Negate": np.negative,
    "Reciprocal": np.reciprocal,
    "LogPlus": np.logaddexp,
    "Softplus": lambda x, *_: np.logaddexp(x, 0.0),
}


def scalar(flat: Flat, variable: Variable) -> float | None:
    """The one number that a variable is, whatever it is fed; None where it is no such thing."""
    known: dict[Variable, np.ndarray] = {}
    pending = [flat.resolve(variable)]
    for _ in range(_MOST):
        if not pending:
            break
        one = pending[-1]
        reads = flat.reads(one.owner) if one.owner is not None else []
        missing = [each for each in reads if each not in known]
        if missing:
            pending += missing
            continue
        made = _value(one, [known[each] for each in reads])
        if made is None:
            return None
        known[one] = made
        pending.pop()
    found = known.get(flat.resolve(variable))
    return None if found is None or not np.isfinite(found) else float(found)


def _value(variable: Variable, arguments: list[np.ndarray]) -> np.ndarray | None:
    owner, tensor = variable.owner, variable.value
    if owner is None:
        if tensor is None or int(np.prod(tensor.shape.numpy())) != 1:
            return None
        return references.read(tensor).astype(np.float64).reshape(())
    function = _FUNCTIONS.get(owner.type)
    if function is None or variable.index or not arguments:
        return None
    with np.errstate(all="ignore"):
        return np.asarray(function(*arguments))
