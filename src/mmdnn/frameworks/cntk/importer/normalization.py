"""Normalisations (Source/ComputationNetworkLib/TrainingNodes.h, BatchNormalizationNode)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk.importer.operand import Operand, folded, sizes
from mmdnn.frameworks.cntk.importer.table import API, Importing, importer


@importer("BatchNormalization", doc=f"{API}/cntk.ops#batch_normalization")
def batch_normalization(
    f: Importing,
    op: Any,
    x: Operand,
    scale: Operand,
    bias: Operand,
    mean: Operand,
    variance: Operand,
    count: Operand | None = None,
) -> Operand:
    """With its running statistics. What the API calls `running_inv_std` is the variance."""
    spatial, epsilon = f.get("spatial", bool), f.get("epsilon", float)
    size = sizes(x)[0] if spatial and x.rank else math.prod(sizes(x))
    parameters = [_vector(f, op, one, size) for one in (scale, bias, mean, variance)]
    flat = not spatial and x.rank != 1

    def normalize(value: Any) -> Any:
        inner = op.Reshape(value, [0, -1]) if flat else value
        made = op.BatchNormalization(inner, *parameters, epsilon=epsilon)
        return op.Reshape(made, [-1, *sizes(x)]) if flat else made

    return folded(op, x, normalize)


def _vector(f: Importing, op: Any, x: Operand, size: int) -> Any:
    """A parameter as ONNX wants it: one number for each channel."""
    if x.axes:
        f.refuse("its parameters differ from sample to sample")
    have = math.prod(sizes(x))
    if have not in (1, size):
        f.unfit(f"{have} parameters for {size} channels")
    if sizes(x) == (size,):
        return x.value
    made = f.changed(x, "flat", lambda a: np.broadcast_to(a.reshape(-1), size).copy(), (size,))
    return op.Expand(op.Reshape(x.value, [-1]), [size]) if made is None else made.value
