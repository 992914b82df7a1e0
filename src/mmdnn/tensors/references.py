"""Tensors that stay in their files until somebody needs their numbers.

A payload that lies contiguous and little-endian in its final type is an `onnx_ir.ExternalTensor`;
any other form is an `onnx_ir.LazyTensor`, read and converted each time it is asked for and not
kept. Nothing here opens a file before that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.tensors.wire import Piece

Function = Callable[[np.ndarray], np.ndarray]


def size_of(dtype: ir.DataType, shape: Sequence[int]) -> int:
    """Bytes that a tensor takes, types of less than a byte being packed."""
    return -(-math.prod(shape) * round(dtype.itemsize * 8) // 8)


def external(
    path: Path | str,
    offset: int,
    length: int,
    dtype: ir.DataType,
    shape: Sequence[int],
    name: str,
) -> ir.ExternalTensor:
    """A tensor whose bytes lie in a file as they are: contiguous, row-major, little-endian.

    Raises:
        FormatError: A tensor of that type and shape is not as long as said.
    """
    _check(path, length, dtype, shape, name)
    return ir.ExternalTensor(
        str(Path(path).absolute()), offset, length, dtype, shape=ir.Shape(shape), name=name
    )


def from_pieces(
    path: Path | str,
    pieces: Sequence[Piece],
    dtype: ir.DataType,
    shape: Sequence[int],
    name: str,
    stored: str | None = None,
) -> ir.ExternalTensor | ir.LazyTensor:
    """A tensor whose numbers `wire.carve` found in a file.

    Args:
        path: The file.
        pieces: The places, in order: packed, unpacked, or a mixture.
        dtype: The tensor's type.
        shape: The tensor's shape.
        name: The tensor's name.
        stored: The type of the stored numbers, as numpy names it ("<f8"), where it is another one.

    Raises:
        FormatError: There are more or fewer numbers than the shape says.
    """
    before = np.dtype(stored).itemsize if stored else None
    length = sum(piece.size for piece in pieces)
    if before is not None and not length % before:
        length = round(length // before * dtype.itemsize)
    contiguous = len(pieces) == 1 and pieces[0].run == 1
    same = stored is None or np.dtype(stored) == dtype.numpy().newbyteorder("<")
    if contiguous and same:
        return external(path, pieces[0].offset, length, dtype, shape, name)
    _check(path, length, dtype, shape, name)
    return ir.LazyTensor(
        partial(_gather, Path(path).absolute(), tuple(pieces), dtype, tuple(shape), name, stored),
        dtype,
        ir.Shape(shape),
        name=name,
    )


def lazy(
    tensor: ir.TensorProtocol,
    function: Function,
    *,
    shape: Sequence[int] | None = None,
    dtype: ir.DataType | None = None,
    name: str | None = None,
) -> ir.LazyTensor:
    """A tensor computed from another one each time it is asked for.

    Args:
        tensor: The tensor to start from; not read now.
        function: From its array to the new array.
        shape: The result's shape, where the function changes it.
        dtype: The result's type, where the function changes it.
        name: The result's name, else the tensor's.
    """
    promised = ir.Shape(shape if shape is not None else tensor.shape.numpy())
    kind = dtype or tensor.dtype

    def compute() -> ir.TensorProtocol:
        array = function(read(tensor))
        if array.shape != promised.numpy() or array.dtype != kind.numpy():
            raise ValueError(f"{tensor.name}: {array.dtype}{array.shape} is not {kind}{promised}")
        return ir.Tensor(array, dtype=kind, name=name or tensor.name)

    made = ir.LazyTensor(compute, kind, promised, name=name or tensor.name)
    made.meta[_ORIGIN] = (tensor, function)
    return made


def transpose(array: np.ndarray) -> np.ndarray:
    """A matrix's rows as columns; see `transposed`."""
    return np.ascontiguousarray(array.T)


def transposed(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    """A matrix with its axes exchanged; the one it was made of, where it is such a one itself."""
    source = before_transpose(tensor)
    return source or lazy(tensor, transpose, shape=tensor.shape.numpy()[::-1])


def before_transpose(tensor: ir.TensorProtocol) -> ir.TensorProtocol | None:
    """The matrix that this one was made of by `transposed`; None for any other."""
    source, function = tensor.meta.get(_ORIGIN, (None, None))
    return source if function is transpose else None


def permuted(tensor: ir.TensorProtocol, perm: Sequence[int]) -> ir.TensorProtocol:
    """A tensor with its axes in another order; the one it was made of, where that has it so."""
    source, before = tensor.meta.get(_PERMUTED, (tensor, tuple(range(len(tensor.shape)))))
    perm = tuple(before[axis] for axis in perm)
    if perm == tuple(range(len(perm))):
        found: ir.TensorProtocol = source
        return found
    shape = [source.shape.numpy()[axis] for axis in perm]
    made = lazy(source, lambda array: np.ascontiguousarray(array.transpose(perm)), shape=shape)
    made.meta[_PERMUTED] = (source, perm)
    return made


def joined(tensors: Sequence[ir.TensorProtocol], axis: int, name: str) -> ir.TensorProtocol:
    """Tensors one after the other along an axis."""
    shape = list(tensors[0].shape.numpy())
    shape[axis] = sum(tensor.shape.numpy()[axis] for tensor in tensors)

    def compute() -> ir.TensorProtocol:
        array = np.concatenate([read(tensor) for tensor in tensors], axis)
        return ir.Tensor(array, dtype=tensors[0].dtype, name=name)

    return ir.LazyTensor(compute, tensors[0].dtype, ir.Shape(shape), name=name)


def reshaped(tensor: ir.TensorProtocol, shape: Sequence[int], name: str) -> ir.TensorProtocol:
    """A tensor's numbers in another shape of as many; where they are in a file, they stay there."""
    if isinstance(tensor, ir.ExternalTensor):
        return external(tensor.path, tensor.offset or 0, tensor.nbytes, tensor.dtype, shape, name)
    return lazy(tensor, lambda array: array.reshape(shape), shape=shape, name=name)


def origin(tensor: ir.TensorProtocol) -> tuple[ir.TensorProtocol, Function] | None:
    """The tensor that `lazy` made this one from, and the function."""
    found: tuple[ir.TensorProtocol, Function] | None = tensor.meta.get(_ORIGIN)
    return found


_ORIGIN = "mmdnn.tensors.references.origin"
_PERMUTED = "mmdnn.tensors.references.permuted"


def read(tensor: ir.TensorProtocol) -> np.ndarray:
    """The tensor's numbers, read into memory that is given back with the array.

    (`ExternalTensor.numpy` maps the file and keeps every page it has seen.)

    Raises:
        FormatError: The file ends before the tensor does.
    """
    if not isinstance(tensor, ir.ExternalTensor) or tensor.dtype.itemsize < 1:
        return tensor.numpy()
    kind = tensor.dtype.numpy()
    shape = tensor.shape.numpy()
    length = size_of(tensor.dtype, shape)
    data = _read(tensor.path, tensor.offset or 0, length, str(tensor.name))
    return data.view(kind.newbyteorder("<") if kind.isbuiltin == 1 else kind).reshape(shape)


def _check(
    path: Path | str, length: int, dtype: ir.DataType, shape: Sequence[int], name: str
) -> None:
    if any(dim < 0 for dim in shape):
        raise FormatError(f"tensor '{name}' has the shape {list(shape)}", file=path)
    expected = size_of(dtype, shape)
    if length != expected:
        raise FormatError(
            f"tensor '{name}' has {length} bytes where {dtype.name}{list(shape)} takes {expected}",
            file=path,
        )


def _read(path: Path | str, offset: int, length: int, name: str) -> np.ndarray:
    data = np.fromfile(path, np.uint8, length, offset=offset)
    if len(data) != length:
        raise FormatError(f"the file ends within tensor '{name}'", file=path)
    return data


def _gather(
    path: Path,
    pieces: tuple[Piece, ...],
    dtype: ir.DataType,
    shape: tuple[int, ...],
    name: str,
    stored: str | None,
) -> ir.TensorProtocol:
    parts = []
    for piece in pieces:
        stride = piece.stride or piece.length
        span = stride * (piece.run - 1) + piece.length
        data = _read(path, piece.offset, span, name)
        if piece.run > 1:
            padded = np.append(data, np.zeros(stride - piece.length, np.uint8))
            data = padded.reshape(piece.run, stride)[:, : piece.length].reshape(-1)
        parts.append(data)
    numbers = (parts[0] if len(parts) == 1 else np.concatenate(parts)).view(stored or dtype.numpy())
    array = numbers.astype(dtype.numpy(), copy=False).reshape(shape)
    return ir.Tensor(array, dtype=dtype, name=name)
