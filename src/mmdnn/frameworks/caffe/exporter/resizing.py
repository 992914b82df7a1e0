"""Resizing by whole factors: a pixel repeated is a Deconvolution, one of several a Pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.convolution import pair
from mmdnn.frameworks.caffe.exporter.drafts import Blob
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter


@exporter("Resize", doc=f"{TUTORIAL}/deconvolution.html")
def resize(node: Exporting, caffe: Writing, x: Blob, *_sizes: Operand | None) -> Blob:
    """Nearest neighbours; what interpolates ends at the border as no layer of Caffe's does."""
    shape = node.shape()
    node.ignore("axes", "cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias")
    node.ignore("keep_aspect_ratio_policy")
    mode = node.attribute("mode", "nearest")
    where = node.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = node.attribute("nearest_mode", "round_prefer_floor")
    if shape == x.shape:
        return x
    if mode != "nearest" or len(x.shape) != 4 or shape[:2] != x.shape[:2]:
        node.refuse(f"resizing {list(x.shape)} to {list(shape)} by mode {mode}")
    if any(after % before for before, after in zip(x.shape[2:], shape[2:], strict=True)):
        node.refuse(f"{list(x.shape[2:])} to {list(shape[2:])} is no whole factor")
    factors = [after // before for before, after in zip(x.shape[2:], shape[2:], strict=True)]
    if not all(_repeats(factor, where, rounding) for factor in factors):
        node.refuse(f"its pixels are not simply repeated ({where}, {rounding})")
    weight = np.ones((x.shape[1], 1, *factors), np.float32)
    return caffe.layer(
        "Deconvolution",
        x,
        blobs=[ir.tensor(weight)],
        shape=shape,
        convolution_param={
            "num_output": x.shape[1],
            **pair("kernel", "kernel_size", factors),
            **pair("stride", "stride", factors, 1),
            "group": x.shape[1],
            "bias_term": False,
        },
    )


def _repeats(factor: int, where: str, rounding: str) -> bool:
    """Whether the pixel i of the result is the pixel i // factor of the input."""
    places = np.arange(2 * factor, dtype=np.float64)
    if where == "asymmetric":
        places = places / factor
    elif where in {"half_pixel", "pytorch_half_pixel"}:
        places = (places + 0.5) / factor - 0.5
    else:
        return False
    rounds: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    }
    found = np.clip(rounds[rounding](places), 0, None)
    return bool((found == np.arange(2 * factor) // factor).all())
