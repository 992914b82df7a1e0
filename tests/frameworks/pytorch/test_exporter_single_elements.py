"""Constants of one element, and pictures of one pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.pytorch.harness import check, parse
from mmdnn.frameworks.onnx.importer import to_ir
from mmdnn.frameworks.pytorch.exporter import from_ir
from mmdnn.frameworks.pytorch.writer import instantiate

ONE = np.array([0.5], np.float32)


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        ("float[2,3,1] x => float y", "y = MatMul(x, w)"),
        ("float[5,1] x => float y", "y = MatMul(x, w)"),
        ("float[2,1,3] x => float y", "y = MatMul(w, x)"),
        ("float[1] x => float y", "y = MatMul(w, x)"),
    ],
)
def test_a_product_with_a_vector_of_one(signature: str, body: str) -> None:
    check(signature, body, weights={"w": ONE})


def test_the_mean_of_one_pixel_is_the_pixel() -> None:
    scale, bias = np.full(3, 2, np.float32), np.array([1, -2, 0.5], np.float32)
    model = parse(
        "float[2,3,1,1] x => float y",
        "y = InstanceNormalization(x, s, b)",
        weights={"s": scale, "b": bias},
    )
    module = instantiate(from_ir(to_ir(model)))
    x = torch.randn(2, 3, 1, 1)
    wanted = np.broadcast_to(bias[:, None, None], x.shape)
    np.testing.assert_array_equal(module(x).detach().numpy(), wanted)
