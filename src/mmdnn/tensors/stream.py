"""Writing tensors to files without holding them.

What lies in a file already is copied from file to file by the kernel. It is never mapped for
that: pages of a mapping count as the process's memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError

Progress = Callable[[int], object]
"""Called with the number of bytes just written."""

CHUNK = 1 << 20
_KERNEL_CHUNK = 1 << 26


def write(tensor: ir.TensorProtocol, file: BinaryIO, progress: Progress | None = None) -> int:
    """Append a tensor's bytes, row-major and little-endian, to a file opened for writing.

    Args:
        tensor: Any tensor but one of strings. A lazy one is computed now and let go.
        file: Where to; its position ends after the tensor.
        progress: Told of the bytes written, a chunk at a time.

    Returns:
        The number of bytes written.

    Raises:
        FormatError: The tensor's own file ends before it does.
    """
    progress = progress or (lambda count: None)
    if isinstance(tensor, ir.ExternalTensor):
        return copy(tensor.path, tensor.offset or 0, tensor.nbytes, file, progress)
    if isinstance(tensor, ir.LazyTensor):
        return write(tensor.raw(), file, progress)
    if isinstance(tensor, ir.StringTensor):
        raise TypeError(f"{tensor.name}: strings have no bytes of fixed size")
    if tensor.dtype.itemsize < 1:
        packed = tensor.tobytes()
        file.write(packed)
        progress(len(packed))
        return len(packed)
    return _write_array(tensor.numpy(), file, progress)


def copy(
    path: Path | str, offset: int, length: int, file: BinaryIO, progress: Progress | None = None
) -> int:
    """Append `length` bytes from `offset` of the file at `path`; see `write`."""
    progress = progress or (lambda count: None)
    with open(path, "rb", buffering=0) as source:
        done = _copy_in_kernel(source.fileno(), offset, length, file, progress)
        os.lseek(source.fileno(), offset + done, os.SEEK_SET)
        while done < length:
            data = source.read(min(CHUNK, length - done))
            if not data:
                raise FormatError(f"the file ends {length - done} bytes too early", file=path)
            file.write(data)
            progress(len(data))
            done += len(data)
    return length


def _copy_in_kernel(
    source: int, offset: int, length: int, file: BinaryIO, progress: Progress
) -> int:
    """Copy what the kernel will; the rest (on other systems, between some file systems) is left."""
    done = 0
    try:
        file.flush()
        target = file.fileno()
        while done < length:
            size = min(_KERNEL_CHUNK, length - done)
            count = os.copy_file_range(source, target, size, offset + done)
            if not count:
                break
            progress(count)
            done += count
    except (OSError, AttributeError):
        pass
    if done:
        file.seek(os.lseek(target, 0, os.SEEK_CUR))
    return done


def _write_array(array: np.ndarray, file: BinaryIO, progress: Progress) -> int:
    if not array.ndim:
        array = array.reshape(1)
    if not array.size:
        return 0
    row = array.nbytes // len(array)
    step = max(1, CHUNK // row)
    for begin in range(0, len(array), step):
        part = np.ascontiguousarray(array[begin : begin + step])
        file.write(part.reshape(-1).view(np.uint8).data)
        progress(part.nbytes)
    return array.nbytes
