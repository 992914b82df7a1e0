"""A picture that was fed, as a small PNG (https://www.w3.org/TR/png-3/), written without a library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np

LARGEST = 224
"""Pixels of its longer side."""
_RGB, _GRAY = 2, 0


def thumbnail(feeds: Mapping[str, np.ndarray]) -> bytes:
    """The first of the inputs that is a picture, as PNG; nothing where none is.

    Args:
        feeds: Input name to array: [batch, channels, height, width], or with its channels last.
    """
    for array in feeds.values():
        pixels = _pixels(array)
        if pixels is not None:
            return _png(pixels)
    return b""


def _pixels(array: np.ndarray) -> np.ndarray | None:
    """uint8[height, width, 1 or 3], scaled to the whole range where its values are no levels."""
    if array.ndim != 4 or not array.size or array.dtype.kind not in "fiu":
        return None
    x = array[0].astype(np.float64)
    if x.shape[0] in (1, 3):
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3) or min(x.shape[:2]) < 2:
        return None
    step = -(-max(x.shape[:2]) // LARGEST)
    x = np.nan_to_num(x[::step, ::step])
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 255 or high <= 1:
        x = (x - low) * (255 / ((high - low) or 1))
    pixels: np.ndarray = x.round().astype(np.uint8)
    return pixels


def _png(pixels: np.ndarray) -> bytes:
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB if channels > 1 else _GRAY, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
