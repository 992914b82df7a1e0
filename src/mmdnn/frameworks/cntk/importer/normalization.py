"""Normalisations (Source/ComputationNetworkLib/TrainingNodes.h, BatchNormalizationNode)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk._matching import Bound
from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, folded, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, block, importer
from mmdnn.ir.builder import Op
from mmdnn.ir.origin import describe
from mmdnn.tensors import references


@importer("BatchNormalization", doc=f"{API}/cntk.ops#batch_normalization")
def batch_normalization(
    f: ImportedFunction, op: Op, x: Operand, scale: Operand, bias: Operand, *statistics: Operand
) -> Operand:
    """With its running statistics. What the API calls `running_inv_std` is the variance."""
    spatial, epsilon = f.get("spatial", bool), f.get("epsilon", float)
    mean, variance, *count = statistics
    size = sizes(x)[0] if spatial and x.rank else math.prod(sizes(x))
    parameters = [_vector(f, op, one, size) for one in (scale, bias, mean, variance)]
    flat = not spatial and x.rank != 1

    def normalize(value: Any) -> Any:
        inner = op.Reshape(value, [0, -1]) if flat else value
        made = op.BatchNormalization(inner, *parameters, epsilon=epsilon)
        describe(made, _training(f, *count))
        return op.Reshape(made, [-1, *sizes(x)]) if flat else made

    return folded(op, x, normalize)


_TRAINING = {"normalizationTimeConstant": float, "blendTimeConstant": float} | dict.fromkeys(
    ("useCuDNNEngine", "disableRegularization"), bool
)


def _training(f: ImportedFunction, count: Operand | None = None) -> dict[str, bool | int | float]:
    """How the statistics go on when CNTK trains."""
    seen = None if count is None else f.constant(count)
    said = {name: f.function.attributes.get(name) for name in _TRAINING}
    found = {name: value for name, value in said.items() if isinstance(value, _TRAINING[name])}
    return found if seen is None else {**found, "count": float(seen.reshape(-1)[0])}


def _vector(f: ImportedFunction, op: Op, x: Operand, size: int) -> ir.Value:
    """A parameter as ONNX wants it: one number for each channel."""
    if x.axes:
        f.refuse("its parameters differ from sample to sample")
    have = math.prod(sizes(x))
    if have not in (1, size):
        f.unfit(f"{have} parameters for {size} channels")
    if have == size:
        return f.reshaped(x, (size,)).value
    made = f.changed(x, "flat", lambda a: np.broadcast_to(a.reshape(-1), size).copy(), (size,))
    return op.Expand(op.Reshape(x.value, [-1]), [size]) if made is None else made.value


def _is_lrn(bound: Bound) -> bool:
    """Whether a kernel of one number spans channels only, and is centred on each."""
    kernel, convolution = bound["kernel"], bound["convolution"]
    padding = convolution.attributes
    if (
        convolution.op != "Convolution"
        or kernel.value is None
        or not bound.are_numbers("bias", "beta")
    ):
        return False
    array = references.read(kernel.value)
    automatic = padding.get("autoPadding")
    return (
        array.ndim == 4
        and array.size == array.shape[1]
        and array.size % 2 == 1
        and bool(np.all(array == array.flat[0]))
        and isinstance(automatic, list)
        and all(automatic)
        and all(step == 1 for step in _steps(padding.get("strides")))
    )


def _steps(strides: object) -> tuple[int, ...]:
    return strides if isinstance(strides, Shape) else (0,)


@block(
    *("LocalResponseNormalization", "ElementDivide"),
    inside="x / Exp(beta * Log(bias + Reshape(convolution(kernel, Reshape(x * x)))))",
    doc=f"{API}/cntk.ops#local_response_normalization",
    check=_is_lrn,
)
def local_response_normalization(
    f: ImportedFunction, op: Op, x: Operand, beta: Operand, bias: Operand, kernel: Operand
) -> Operand:
    """The kernel's number is alpha over the number of channels in a window."""
    array = f.constant(kernel)
    if array is None or x.rank != 3:
        f.refuse("it is none of channels, height and width")
    given = {
        "size": array.size,
        "alpha": float(array.flat[0]) * array.size,
        "beta": f.bound.number("beta"),
        "bias": f.bound.number("bias"),
    }
    return folded(op, x, lambda value: op.LRN(value, **given))
