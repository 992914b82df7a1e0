"""Regions of interest through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import check


def rois(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.mark.parametrize("mode", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_region_align(mode: str, ratio: int) -> None:
    check(
        "float[2,3,12,10] x, float[3,4] rois, int64[3] batch => float y",
        "y = RoiAlign<output_height=3, output_width=2, spatial_scale=0.5, "
        f'sampling_ratio={ratio}, coordinate_transformation_mode="{mode}">(x, rois, batch)',
        {
            "rois": rois((0, 0, 9, 14), (3.3, 2.1, 25, 30), (-6, -4, 5, 3)),
            "batch": np.array([0, 1, 1]),
        },
        opset=16,
    )


def test_region_maximum() -> None:
    check(
        "float[2,3,12,10] x, float[3,5] rois => float y",
        "y = MaxRoiPool<pooled_shape=[3,2], spatial_scale=0.5>(x, rois)",
        {"rois": rois((0, 0, 0, 9, 14), (1, 3.3, 2.1, 25, 30), (1, 15, 15, 5, 3))},
        opset=21,
    )
