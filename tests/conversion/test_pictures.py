"""Reading and scaling pictures; the expected levels are Pillow's (13.0, `Image.resize`)."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from mmdnn.conversion.examples import _pictures
from mmdnn.errors import FormatError, UsageError

cv2 = pytest.importorskip("cv2")

PICTURE = ((np.arange(7 * 9 * 3).reshape(7, 9, 3) * 37) % 256).astype(np.uint8)
PILLOW = {
    (4, 3): [[131, 124, 114, 127], [118, 103, 155, 117], [148, 142, 94, 140]],
    (9, 3): [
        [140, 92, 204, 50, 170, 70, 136, 149, 101],
        [189, 40, 147, 76, 113, 220, 79, 198, 49],
        [124, 190, 90, 210, 56, 168, 22, 133, 199],
    ],
    (5, 7): [
        [59, 164, 125, 92, 73],
        [170, 130, 94, 114, 167],
        [145, 97, 138, 179, 131],
        [120, 72, 113, 154, 106],
        [84, 137, 157, 121, 81],
        [178, 159, 126, 87, 192],
        [153, 134, 101, 62, 167],
    ],
}


@pytest.mark.parametrize(("size", "reds"), PILLOW.items())
def test_pictures_are_scaled_as_pillow_scales(size, reds):
    made = _pictures.resized(PICTURE, *size)
    assert made.dtype == np.uint8
    assert made.shape == (size[1], size[0], 3)
    assert np.abs(made[..., 0].astype(int) - np.array(reds)).max() <= 1


def test_enlarging_keeps_what_does_not_change():
    assert np.array_equal(_pictures.resized(PICTURE, 9, 7), PICTURE)
    grey = np.full((3, 2, 3), 200, np.uint8)
    assert np.array_equal(_pictures.resized(grey, 50, 1), np.full((1, 50, 3), 200))


@pytest.fixture
def written(tmp_path):
    def write(name, picture=PICTURE, *settings):
        path = tmp_path / name
        bgr = (
            picture[..., [2, 1, 0, *range(3, picture.shape[-1])]] if picture.ndim == 3 else picture
        )
        cv2.imwrite(str(path), bgr, *settings)
        return path

    return write


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.ppm"])
def test_red_comes_first(name, written):
    assert np.array_equal(_pictures.read(written(name)), PICTURE)


def test_grey_and_transparent_pictures_have_three_colours(written):
    grey = PICTURE[..., 0]
    assert np.array_equal(_pictures.read(written("grey.png", grey)), np.stack([grey] * 3, -1))
    clear = np.concatenate([PICTURE, np.zeros_like(PICTURE[..., :1])], -1)
    assert np.array_equal(_pictures.read(written("clear.png", clear)), PICTURE)


def test_what_the_file_says_of_its_orientation_is_not_followed(written):
    data = written("a.jpg", np.repeat(np.repeat(PICTURE, 8, 0), 8, 1)).read_bytes()
    turned = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + struct.pack(">H", len(turned) + 2) + turned
    path = written("b.jpg")
    path.write_bytes(data[:2] + segment + data[2:])
    assert cv2.imread(str(path)).shape[:2] == (72, 56)
    assert _pictures.read(path).shape[:2] == (56, 72)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0" + bytes(20),
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 15, 1 << 15, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b""),
    ],
    ids=["empty", "text", "cut", "jpeg", "gigapixel"],
)
def test_what_is_no_picture(data, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(FormatError, match="is no picture that can be read"):
        _pictures.read(path)


def test_no_file(tmp_path):
    with pytest.raises(UsageError, match="there is no such file"):
        _pictures.read(tmp_path / "a.png")
