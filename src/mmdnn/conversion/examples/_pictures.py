"""Reading pictures and bringing them to a size.

A picture is scaled as Pillow scales by default since 7.0 (src/libImaging/Resample.c, BICUBIC), which the
old tool used: cubic convolution with a = -0.5, over as many pixels as come to one, each direction
rounded to whole levels. It is not cropped: what is not square is squeezed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mmdnn.errors import FormatError, MissingExtraError, UsageError

MOST_PIXELS = 1 << 26
SUPPORT = 2.0
"""How far the cubic reaches, in pixels of the smaller picture."""


def read(path: Path) -> np.ndarray:
    """A picture of any format that OpenCV reads: uint8[height, width, 3], red first.

    What its file says of its orientation is not followed, as Pillow does not.

    Raises:
        UsageError: There is no such file.
        FormatError: It is no picture, or too large.
        MissingExtraError: OpenCV is not installed.
    """
    if not path.is_file():
        raise UsageError("there is no such file", file=path)
    cv2 = _opencv()
    data = np.fromfile(path, np.uint8)
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        picture = None
    if picture is None:
        raise FormatError("is no picture that can be read", file=path)
    return np.ascontiguousarray(picture[:, :, ::-1])


def _opencv() -> Any:
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    try:
        import cv2
    except ImportError:
        raise MissingExtraError("opencv-python-headless", "images") from None
    return cv2


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture at another size.

    Args:
        picture: uint8[height, width, channels].
        width: Of the result.
        height: Of the result.

    Returns:
        uint8[height, width, channels].
    """
    across = _along_rows(picture, width)
    return _along_rows(across.transpose(1, 0, 2), height).transpose(1, 0, 2)


def _along_rows(picture: np.ndarray, width: int) -> np.ndarray:
    own = picture.shape[1]
    if own == width:
        return picture
    scale = own / width
    spread = max(scale, 1.0)
    made = np.empty((picture.shape[0], width, picture.shape[2]), np.uint8)
    for place in range(width):
        center = (place + 0.5) * scale
        first = max(int(center - SUPPORT * spread + 0.5), 0)
        last = min(int(center + SUPPORT * spread + 0.5), own)
        weights = _cubic((np.arange(first, last) - center + 0.5) / spread)
        sums = np.einsum("hwc,w->hc", picture[:, first:last], weights / weights.sum())
        made[:, place] = np.clip(np.floor(sums + 0.5), 0, 255)
    return made


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < SUPPORT, far, 0.0))
