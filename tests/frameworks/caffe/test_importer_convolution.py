"""Convolution, Deconvolution and Im2col of any rank, against their definition."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

import mmdnn
from helpers.caffe.one_layer import blobs, model, normal, run
from mmdnn.errors import Error


def caffe_im2col(
    x: np.ndarray, kernel: list[int], stride: list[int], pad: list[int], dilation: list[int]
) -> np.ndarray:
    """N, C, D... to N, C, K..., O...: every window's elements."""
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    out = [
        (size - (d * (k - 1) + 1)) // s + 1
        for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    columns = np.zeros((*x.shape[:2], *kernel, *out), np.float32)
    for place in itertools.product(*map(range, kernel)):
        start = [i * d for i, d in zip(place, dilation, strict=True)]
        window = tuple(
            slice(a, a + (o - 1) * s + 1, s) for a, o, s in zip(start, out, stride, strict=True)
        )
        columns[(slice(None), slice(None), *place)] = x[(slice(None), slice(None), *window)]
    return columns


def caffe_convolution(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, group: int, **window: list[int]
) -> np.ndarray:
    columns = caffe_im2col(x, list(weight.shape[2:]), **window)
    rank = x.ndim - 2
    out = columns.shape[2 + rank :]
    columns = columns.reshape(len(x), group, -1, math.prod(out))
    y = np.einsum("gok,ngkp->ngop", weight.reshape(group, len(weight) // group, -1), columns)
    return y.reshape(len(x), len(weight), *out) + bias.reshape(-1, *[1] * rank)


def _text(type_: str, weights: str = "", **parameters: object) -> str:
    fields = " ".join(
        f"{key}: {value}"
        for key, values in parameters.items()
        for value in (values if isinstance(values, list) else [values])
    )
    return (
        f'layer {{ name: "l" type: "{type_}" bottom: "x" top: "y" {weights} '
        f"convolution_param {{ {fields} }} }}"
    )


GRID = [
    ((5,), [3], [2], [1], [1], 1),
    ((7, 4), [3, 2], [2, 1], [1, 0], [1, 2], 2),
    ((6, 5), [2, 3], [3, 2], [0, 2], [2, 1], 1),
    ((4, 5, 3), [2, 3, 1], [1, 2, 1], [1, 0, 1], [1, 1, 2], 4),
]


@pytest.mark.parametrize(("size", "kernel", "stride", "pad", "dilation", "group"), GRID)
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_convolution(
    size: tuple[int, ...],
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    dilation: list[int],
    group: int,
    axis: int,
) -> None:
    """`axis` counts leading batch axes here; -1 stands for one, named from the end."""
    lead = {0: (), 1: (2,), 2: (2, 3), -1: (2,)}[axis]
    x = normal(*lead, 4, *size)
    weight, bias = normal(8, 4 // group, *kernel, seed=1), normal(8, seed=2)
    window = {"stride": stride, "pad": pad, "dilation": dilation}
    named = axis if axis >= 0 else -1 - len(size)
    text = _text(
        "Convolution",
        blobs(weight, bias),
        num_output=8,
        kernel_size=kernel,
        group=group,
        axis=named,
        **window,
    )
    wanted = caffe_convolution(x.reshape(-1, *x.shape[len(lead) :]), weight, bias, group, **window)
    wanted = wanted.reshape(*lead, *wanted.shape[1:])
    np.testing.assert_allclose(run(text, {"x": x})["y"], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "kernel", "stride", "pad", "dilation", "group"), GRID)
def test_deconvolution(
    size: tuple[int, ...],
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    dilation: list[int],
    group: int,
) -> None:
    """The gradient of a convolution: <conv(z), x> = <z, deconv(x)> for every z."""
    x, weight = normal(2, 4, *size), normal(4, 8 // group, *kernel, seed=1)
    window = {"stride": stride, "pad": pad, "dilation": dilation}
    text = _text(
        "Deconvolution",
        blobs(weight),
        num_output=8,
        kernel_size=kernel,
        group=group,
        bias_term="false",
        **window,
    )
    y = run(text, {"x": x})["y"]
    z = normal(*y.shape, seed=3)
    forward = caffe_convolution(z, weight, np.zeros(4), group, **window)
    assert forward.shape == x.shape
    np.testing.assert_allclose((forward * x).sum(), (z * y).sum(), rtol=1e-3)


@pytest.mark.parametrize(("size", "kernel", "stride", "pad", "dilation", "group"), GRID)
def test_im2col(
    size: tuple[int, ...],
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    dilation: list[int],
    group: int,
) -> None:
    x = normal(2, 4, *size)
    window = {"stride": stride, "pad": pad, "dilation": dilation}
    text = _text("Im2col", kernel_size=kernel, **window)
    columns = caffe_im2col(x, kernel, **window)
    out = columns.shape[2 + len(size) :]
    wanted = columns.reshape(2, 4 * math.prod(kernel), *out)
    np.testing.assert_allclose(run(text, {"x": x})["y"], wanted, rtol=1e-6)


@pytest.mark.parametrize("group", [1, 2])
def test_no_spatial_axes(group: int) -> None:
    x, bias = normal(3, 4), normal(6, seed=2)
    weight = normal(6, 4 // group, seed=1)
    text = _text("Convolution", blobs(weight, bias), num_output=6, kernel_size=1, group=group)
    wanted = caffe_convolution(
        x[..., None], weight[..., None], bias, group, stride=[1], pad=[0], dilation=[1]
    )[..., 0]
    np.testing.assert_allclose(run(text, {"x": x})["y"], wanted, rtol=1e-4, atol=1e-5)
    back = _text(
        "Deconvolution", blobs(weight.T.copy()), num_output=6, kernel_size=1, bias_term="f"
    )
    if group == 1:
        np.testing.assert_allclose(run(back, {"x": x})["y"], x @ weight.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "parameters",
    [
        {"num_output": 4},
        {"num_output": 4, "kernel_size": 0},
        {"num_output": 4, "kernel_size": 3, "kernel_h": 3, "kernel_w": 3},
        {"num_output": 4, "kernel_size": [3, 3, 3]},
        {"num_output": 4, "kernel_size": 3, "stride_h": 2},
        {"num_output": 4, "kernel_size": 3, "pad": 1, "pad_h": 1},
        {"num_output": 4, "kernel_size": 3, "group": 3},
        {"num_output": 0, "kernel_size": 3},
        {"num_output": 4, "kernel_size": 9},
        {"num_output": 4, "kernel_size": 3, "axis": 5},
    ],
)
def test_refused(parameters: dict[str, object]) -> None:
    weights = blobs(normal(4, 4, 3, 3), normal(4))
    with pytest.raises(Error, match="layer 'l'"):
        model(_text("Convolution", weights, **parameters), {"x": (1, 4, 5, 5)})


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("Convolution|convolution_param { num_output: 4 kernel_size: 7 %s }", "does not fit"),
        (
            "Convolution|convolution_param { num_output: 4 kernel_size: 2147483647 %s }",
            "does not fit",
        ),
        (
            "Deconvolution|convolution_param { num_output: 4 kernel_size: 2147483647 %s }",
            "too large",
        ),
        ("Deconvolution|convolution_param { num_output: 4 kernel_size: 20000 %s }", "too large"),
        ("InnerProduct|inner_product_param { num_output: 2147483647 %s }", "too large"),
    ],
)
def test_weights_that_nobody_can_mean_are_refused(layer: str, words: str, tmp_path: Path) -> None:
    kind, _, settings = layer.partition("|")
    filler = 'weight_filler { type: "constant" value: 1 }'
    path = tmp_path / "net.prototxt"
    path.write_text(
        'input: "x" input_dim: 1 input_dim: 2 input_dim: 6 input_dim: 5 '
        f'layer {{ name: "c" type: "{kind}" bottom: "x" top: "c" {settings % filler} }}'
    )
    with pytest.raises(Error, match=words):
        mmdnn.load(path)
