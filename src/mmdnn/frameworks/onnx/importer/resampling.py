"""Changes of Upsample and Resize.

Upsample, and Resize in opset 10, have no word for how coordinates are found: output place i is read
at i / scale, rounded down when enlarging and up when shrinking (onnxruntime's rule, and the one of
ONNX's own test `resize_downsample_scales_nearest` of that opset).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.onnx.importer.rewriting import Rewriter, constant_of, since


@since("Upsample", version=7)
def upsample_scales(node: Rewriter) -> None:
    """Height and width had attributes of their own."""
    scales = [node.pop(f"{side}_scale", 1.0) for side in ("height", "width")]
    mode = node.pop("mode", "nearest")
    node.set(scales=[1.0, 1.0, *scales], mode="linear" if mode == "bilinear" else mode)


@since("Upsample", version=9)
def upsample(node: Rewriter) -> None:
    """The scales became an input."""
    node.put(1, node.constant(np.array(node.pop("scales"), np.float32), "scales"))


@since("Upsample", version=10)
def upsample_to_resize(node: Rewriter) -> None:
    """Resize took its place; it only ever enlarged."""
    node.node.op_type = "Resize"
    _as_resize(node, lambda scales: "floor")


@since("Resize", version=11)
def resize(node: Rewriter) -> None:
    """Regions came in between, and words for how coordinates are found."""
    _as_resize(node, lambda scales: _rounding(node, constant_of(scales)))


def _as_resize(node: Rewriter, rounding: Callable[[ir.Value | None], str]) -> None:
    scales = node.inputs[1]
    mode = node.pop("mode", "nearest")
    node.set(mode=mode, coordinate_transformation_mode="asymmetric")
    if mode == "nearest":
        node.set(nearest_mode=rounding(scales))
    node.put(1, None)
    node.put(2, scales)


def _rounding(node: Rewriter, scales: np.ndarray | None) -> str:
    if scales is None:
        raise node.refused("the nearest neighbour by scales that are not constant")
    if (scales >= 1).all():
        return "floor"
    if (scales <= 1).all():
        return "ceil"
    raise node.refused("enlarges one axis and shrinks another by the nearest neighbour")


_HALF = {"floor": "round_prefer_ceil", "round_prefer_floor": "ceil"}
"""How a place is rounded that is half an element further, by how it was before."""


@since("Resize", version=13)
def resize_empty(node: Rewriter) -> None:
    """Inputs without a meaning had to be there, as empty tensors."""
    kind = "coordinate_transformation_mode"
    mode = node.node.attributes.get(kind)
    if mode is not None and mode.as_string() == "tf_half_pixel_for_nn":
        rounding = node.pop("nearest_mode", "round_prefer_floor")
        if node.node.attributes.get_string("mode", "nearest") != "nearest" or rounding not in _HALF:
            raise node.refused("the coordinates 'tf_half_pixel_for_nn', which ONNX gave up")
        node.set(**{kind: "half_pixel", "nearest_mode": _HALF[rounding]})
    for index, value in enumerate(node.inputs):
        numbers = constant_of(value) if index else None
        if numbers is not None and not numbers.size:
            node.put(index, None)
