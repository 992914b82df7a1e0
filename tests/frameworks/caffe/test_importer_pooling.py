"""Pooling, SPP and LRN within channels, against Caffe's loops written down."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from helpers.caffe.one_layer import normal, run
from mmdnn.errors import Error

LOWEST = np.float32(-3.4028234663852886e38)


def caffe_pooling(
    x: np.ndarray,
    method: str,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    *,
    floor: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    size, rounded = x.shape[2:], math.floor if floor else math.ceil
    out = [rounded((size[i] + 2 * pad[i] - kernel[i]) / stride[i]) + 1 for i in range(2)]
    if any(pad):
        out = [
            o - ((o - 1) * s >= n + p) for o, s, n, p in zip(out, stride, size, pad, strict=True)
        ]
    y = np.zeros((*x.shape[:2], *out), np.float32)
    mask = np.full(y.shape, -1, np.float32)
    for ph, pw in itertools.product(range(out[0]), range(out[1])):
        start = [ph * stride[0] - pad[0], pw * stride[1] - pad[1]]
        end = [min(start[i] + kernel[i], size[i] + pad[i]) for i in range(2)]
        area = np.float32((end[0] - start[0]) * (end[1] - start[1]))
        h0, w0 = max(start[0], 0), max(start[1], 0)
        part = x[:, :, h0 : min(end[0], size[0]), w0 : min(end[1], size[1])]
        flat = part.reshape(*x.shape[:2], -1)
        if method == "AVE":
            with np.errstate(all="ignore"):
                y[:, :, ph, pw] = flat.sum(-1) / area
        elif flat.shape[-1] == 0:
            y[:, :, ph, pw] = LOWEST
        else:
            y[:, :, ph, pw] = flat.max(-1)
            h, w = np.divmod(flat.argmax(-1), part.shape[3])
            mask[:, :, ph, pw] = (h0 + h) * size[1] + w0 + w
    return y, mask


def _layer(method: str, kernel: object, stride: object, pad: object, more: str = "") -> str:
    kh, kw = kernel
    sh, sw = stride
    ph, pw = pad
    return (
        'layer { name: "pool" type: "Pooling" bottom: "x" top: "y" ' + more + " pooling_param { "
        f"pool: {method} kernel_h: {kh} kernel_w: {kw} stride_h: {sh} stride_w: {sw} "
        f"pad_h: {ph} pad_w: {pw} "
    )


GRID = [
    (size, kernel, stride, pad)
    for size, kernel, stride in itertools.product(
        [(5, 7), (6, 4), (3, 8)], [(1, 1), (2, 3), (3, 2), (4, 4)], [(1, 2), (3, 3), (2, 5)]
    )
    for pad in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)]
    if all(p < k for p, k in zip(pad, kernel, strict=True))
]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_pooling_grid(method: str) -> None:
    for (size, kernel, stride, pad), floor in itertools.product(GRID, [False, True]):
        x = normal(2, 3, *size)
        wanted, _ = caffe_pooling(x, method, kernel, stride, pad, floor=floor)
        if min(wanted.shape) < 1:
            continue
        mode = "round_mode: FLOOR } }" if floor else "} }"
        found = run(_layer(method, kernel, stride, pad) + mode, {"x": x})["y"]
        np.testing.assert_allclose(
            found, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{size} {kernel} {stride} {pad} {floor}"
        )


@pytest.mark.parametrize(("stride", "pad"), [((2, 2), (0, 0)), ((2, 2), (1, 1)), ((4, 3), (0, 0))])
def test_mask(stride: tuple[int, int], pad: tuple[int, int]) -> None:
    x = normal(2, 3, 8, 6)
    wanted, mask = caffe_pooling(x, "MAX", (3, 2), stride, pad)
    found = run(_layer("MAX", (3, 2), stride, pad, 'top: "mask"') + "} }", {"x": x})
    np.testing.assert_array_equal(found["y"], wanted)
    np.testing.assert_array_equal(found["mask"], mask)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize(
    ("height", "width", "levels"), [(8, 8, 3), (7, 5, 2), (9, 6, 3), (4, 3, 1)]
)
def test_spp(method: str, height: int, width: int, levels: int) -> None:
    x = normal(2, 3, height, width)
    parts = []
    for level in range(levels):
        kernel = tuple(math.ceil(size / 2**level) for size in (height, width))
        pad = tuple(
            (k * 2**level - size + 1) // 2 for k, size in zip(kernel, (height, width), strict=True)
        )
        parts.append(caffe_pooling(x, method, kernel, kernel, pad)[0])
    layer = (
        'layer { name: "spp" type: "SPP" bottom: "x" top: "y" spp_param '
        f"{{ pyramid_height: {levels} pool: {method} }} }}"
    )
    wanted = parts[0] if levels == 1 else np.concatenate([y.reshape(2, -1) for y in parts], 1)
    np.testing.assert_allclose(run(layer, {"x": x})["y"], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [
        "kernel_size: 2 pad: 2",
        "kernel_h: 2",
        "kernel_size: 2 kernel_h: 2 kernel_w: 2",
        "kernel_size: 2 stride_h: 2",
        "kernel_size: 2 pool: STOCHASTIC",
        "kernel_size: 2 global_pooling: true",
        "global_pooling: true stride: 2",
        "kernel_size: 9",
        "",
    ],
)
def test_refusals(parameters: str) -> None:
    layer = f'layer {{ name: "p" type: "Pooling" bottom: "x" top: "y" pooling_param {{ {parameters} }} }}'
    with pytest.raises(Error, match="layer 'p'"):
        run(layer, {"x": normal(1, 2, 5, 5)})


@pytest.mark.parametrize("size", [3, 5])
def test_lrn_within_channel(size: int) -> None:
    x = normal(2, 3, 4, 6)
    mean, _ = caffe_pooling(x * x, "AVE", (size, size), (1, 1), (size // 2,) * 2)
    layer = (
        'layer { name: "lrn" type: "LRN" bottom: "x" top: "y" lrn_param { norm_region: '
        f"WITHIN_CHANNEL local_size: {size} alpha: 0.5 beta: 0.6 k: 7 }} }}"
    )
    np.testing.assert_allclose(run(layer, {"x": x})["y"], x * (1 + 0.5 * mean) ** -0.6, rtol=1e-5)
