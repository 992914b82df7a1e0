"""Constants in the form that torch's layers want: transposed, reshaped, scaled when they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.tensors.references import lazy


def transposed(x: Variable) -> ir.TensorProtocol:
    """A matrix with its axes exchanged."""
    rows, columns = _shape(x)
    return _derive(x, "T", lambda array: np.ascontiguousarray(array.T), (columns, rows))


def reshaped(x: Variable, shape: Sequence[int]) -> ir.TensorProtocol:
    """The same elements in another shape."""
    shape = tuple(shape)
    return _derive(x, ("reshape", shape), lambda array: array.reshape(shape), shape)


def broadcast(x: Variable, shape: Sequence[int]) -> ir.TensorProtocol:
    """The elements of one axis, or one element for all of them."""
    shape = tuple(shape)

    def spread(array: np.ndarray) -> np.ndarray:
        flat = array.reshape(-1) if array.size == shape[-1] else array.reshape(())
        return np.ascontiguousarray(np.broadcast_to(flat, shape))

    return _derive(x, ("broadcast", shape), spread, shape)


def repeated(x: Variable, count: int) -> ir.TensorProtocol:
    """Each element of a vector `count` times."""
    (size,) = _shape(x)
    return _derive(x, ("repeat", count), lambda array: array.repeat(count), (size * count,))


def scaled(tensor: ir.TensorProtocol, factor: float) -> ir.TensorProtocol:
    """Every element times a number."""
    if factor == 1:
        return tensor
    return lazy(tensor, lambda array: array * array.dtype.type(factor))


def _shape(x: Variable) -> tuple[int, ...]:
    assert x.constant is not None
    return tuple(int(dim) for dim in x.constant.shape.numpy())


def _derive(
    x: Variable, how: Any, function: Callable[[np.ndarray], np.ndarray], shape: Sequence[int]
) -> ir.TensorProtocol:
    """Made once for each way, so that layers which share a weight share what is made of it."""
    assert x.constant is not None
    if tuple(shape) == _shape(x) and how != "T":
        return x.constant
    if how not in x.derived:
        x.derived[how] = lazy(x.constant, function, shape=shape)
    return x.derived[how]
