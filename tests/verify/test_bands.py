"""Bands of pictures against the whole."""

from __future__ import annotations

import numpy as np
import pytest

from mmdnn.ir.builder import Builder
from mmdnn.verify import bands
from mmdnn.verify.bands import Band
from mmdnn.verify.exact import Exact

RNG = np.random.default_rng(0)
SHAPE = (2, 4, 40, 6)


def weights(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


NETWORKS = {
    "a convolution": lambda op, x: op.Conv(x, weights(5, 4, 3, 3), pads=[1, 1, 1, 1]),
    "strides and dilations": lambda op, x: op.Conv(
        x, weights(5, 4, 3, 3), weights(5), pads=[4, 0, 3, 1], strides=[2, 1], dilations=[3, 1]
    ),
    "groups": lambda op, x: op.Conv(x, weights(4, 2, 5, 1), group=2, pads=[2, 0, 2, 0]),
    "a maximum": lambda op, x: op.MaxPool(x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "an average": lambda op, x: op.AveragePool(
        x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0
    ),
    "an average of pads": lambda op, x: op.AveragePool(
        x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "a transpose": lambda op, x: op.ConvTranspose(
        x, weights(4, 5, 4, 2), weights(5), pads=[1, 0, 1, 1], strides=[2, 2]
    ),
    "a transpose that is dilated and padded": lambda op, x: op.ConvTranspose(
        x,
        weights(4, 5, 3, 2),
        dilations=[2, 1],
        strides=[3, 1],
        output_padding=[2, 0],
        pads=[1, 0, 0, 0],
    ),
    "a chain": lambda op, x: op.Relu(
        op.Add(op.BatchNormalization(op.Relu(x), *(abs(weights(4)) for _ in range(4))), x)
    ),
    "a slope of channels": lambda op, x: op.PRelu(x, weights(4, 1, 1)),
    "rows of a constant": lambda op, x: op.Mul(x, weights(40, 6)),
    "channels": lambda op, x: op.Concat(x, op.Sigmoid(x), axis=1),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rows", [(0, 8), (7, 12), (-8, None)])
def test_a_band_is_what_the_whole_has_there(name, rows):
    builder = Builder("test")
    x = builder.input("x", SHAPE)
    y = NETWORKS[name](builder.op, x)
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    exact = Exact(builder.model())
    known = {"x": weights(*SHAPE)}
    whole = exact.value("y", known)
    start, stop, _ = slice(*rows).indices(whole.shape[2])
    band = Band(1, start, stop)
    found = exact.value("y", known, band=band)
    np.testing.assert_allclose(found, whole[1:2, :, start:stop], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda op, x: op.Softmax(x, axis=2),
        lambda op, x: op.Concat(x, x, axis=2),
        lambda op, x: op.Transpose(x, perm=[0, 1, 3, 2]),
    ],
)
def test_what_mixes_rows_has_no_bands(make):
    builder = Builder("test")
    y = make(builder.op, builder.input("x", SHAPE))
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    exact = Exact(builder.model())
    assert exact.value("y", {"x": weights(*SHAPE)}, band=Band(0, 0, 8)) is None


def test_the_worst_place_and_both_edges_are_looked_at():
    found = bands.bands((2, 64, 256, 256), (1, 3, 130, 7))
    assert all(band.picture == 1 for band in found)
    assert found[0].start == 0
    assert found[-1].stop == 256
    assert any(band.start <= 130 < band.stop for band in found)
    assert bands.bands((1, 3, 32, 32), (0, 0, 0, 0)) == []
