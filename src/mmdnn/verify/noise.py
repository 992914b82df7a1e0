"""How much a network amplifies rounding, measured where a layer fails the plain rule.

A float32 sum is the exact sum of terms that are each changed by some units in the last place; that
is how rounding is analysed (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 3.1). So
two things are done, a few times with other random signs:

* the *source* runs again with its inputs changed by about four such units;
* the IR runs on onnxruntime, as it is and with every weight and input changed so.

What that does to a layer is its noise. Zeros stay zero, so exact ties stay ties; and only the first
of the two may excuse a decision (an integer, a boolean).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error
from mmdnn.verify.feeds import Feeds
from mmdnn.verify.keeping import kept
from mmdnn.verify.sides import Side, ir_side

PROBE = 2.0**-21
"""Relative change: four units in the last place of a float32."""
RUNS = 3
"""How often each of the two is done."""
SHAPING = {"Resize", "Upsample"}
"""Operators whose floats decide shapes; these are not changed."""

Values = Mapping[str, np.ndarray]


def probes(source: Side, model: ir.Model, feeds: Feeds, was: Values) -> list[Values]:
    """What the source might as well have computed.

    Args:
        source: What runs the source.
        model: Its IR.
        feeds: The inputs.
        was: What it did compute, as far as it matters; nothing else is kept.
    """
    return [*_of_inputs(source, feeds, was), *_of_weights(model, feeds, was)]


def _kept(values: Values, was: Values) -> Values:
    return kept({name: values[name] for name in was if name in values})


def changed(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The array, floats changed by `PROBE`; zeros stay zero, and other types what they are."""
    if array.dtype.kind != "f":
        return array
    factor = 1 + PROBE * rng.standard_normal(array.shape, np.float32).astype(np.float64)
    return np.asarray(array * factor).astype(array.dtype)


def _of_inputs(source: Side, feeds: Feeds, was: Values) -> Iterator[Values]:
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        yield _kept(source({name: changed(array, rng) for name, array in feeds.items()}), was)


def _of_weights(model: ir.Model, feeds: Feeds, was: Values) -> Iterator[Values]:
    """The effect of changed weights on the IR, added to what the source computed."""
    try:
        plain = _kept(ir_side(model)(feeds), was)
        for seed in range(RUNS):
            rng = np.random.default_rng(seed)
            inputs = {name: changed(array, rng) for name, array in feeds.items()}
            moved = _kept(ir_side(_with_changed_weights(model, rng))(inputs), was)
            yield kept(dict(_added(was, plain, moved)))
    except Error:  # a stand-in that cannot run excuses nothing
        return


def _added(was: Values, plain: Values, moved: Values) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in was.items():
        before, after = plain.get(name), moved.get(name)
        if array.dtype.kind == "f" and _same_shape(array, before, after):
            yield name, array + (after - before)  # type: ignore[operator]


def _same_shape(array: np.ndarray, *others: np.ndarray | None) -> bool:
    return all(other is not None and other.shape == array.shape for other in others)


def _with_changed_weights(model: ir.Model, rng: np.random.Generator) -> ir.Model:
    copy = model.clone()
    for value in copy.graph.initializers.values():
        tensor = value.const_value
        shaping = any(node.op_type in SHAPING for node, _ in value.uses())
        if tensor is not None and tensor.dtype == ir.DataType.FLOAT and not shaping:
            value.const_value = ir.tensor(changed(tensor.numpy(), rng), name=value.name)
    return copy
