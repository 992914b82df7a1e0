"""Resizing images: whole scales as a layer, the rest by matrices."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter, image
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.ir.resampling import Resampling


@exporter(*image("Resize"), doc="Resize", unused="extrapolation_value keep_aspect_ratio_policy")
def resize(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    roi: Inputs = None,
    scales: Inputs = None,
    sizes: Inputs = None,
    *,
    mode: str,
    coordinate_transformation_mode: str,
    nearest_mode: str,
    cubic_coeff_a: float,
    exclude_outside: int,
    antialias: int,
    axes: list[int] | None = None,
) -> Array:
    if coordinate_transformation_mode == "tf_crop_and_resize":
        node.refuse("a part of the image is resized")
    how = Resampling(
        mode,
        coordinate_transformation_mode,
        nearest_mode,
        cubic_coeff_a,
        exclude_outside=bool(exclude_outside),
        antialias=bool(antialias),
    )
    rank = node.rank(x)
    factors = _scales(node, rank, scales, axes)
    last = bool(node.node.domain)
    old, new = x.shape or (), node.output.shape or [None] * rank
    for axis in range(rank):
        place = axis if not last else 0 if axis == 0 else rank - 1 if axis == 1 else axis - 1
        before, after = old[place], new[place]
        if factors[axis] == 1 or before == after:
            continue
        x = _along(node, keras, x, place, how, (before, after, factors[axis]))
    return keras.ops.Copy(x) if x.value is not None else x


def _scales(
    node: ExportedNode, rank: int, scales: Inputs, axes: list[int] | None
) -> list[float | None]:
    """By ONNX's own axes; None where sizes say them."""
    if scales is None:
        return [None] * rank
    known = [float(each) for each in node.numbers(scales, "scales").reshape(-1)]
    if axes is None:
        return list(known)
    found: list[float | None] = [1.0] * rank
    for axis, scale in zip(axes, known, strict=True):
        found[axis % rank] = scale
    return found


def _along(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    axis: int,
    how: Resampling,
    sizes: tuple[object, object, float | None],
) -> Array:
    size, new, scale = sizes
    if how.repeats and scale is not None and float(scale).is_integer():
        return keras.ops.Repeat(x, repeats=int(scale), axis=axis)
    if not isinstance(size, int) or not isinstance(new, int):
        node.refuse("the size of the image is not known")
    if how.mode == "nearest":
        indices = how.indices(size, new, scale)
        made = keras.ops.Take(x, indices.astype("int32"), axis=axis)
    else:
        letters = "abcde"[: len(node.output.shape or ())]
        to = letters.replace(letters[axis], "z")
        matrix = how.matrix(size, new, scale).astype(
            (node.output.dtype or ir.DataType.FLOAT).numpy()
        )
        made = keras.ops.Einsum(x, matrix, subscripts=f"{letters},z{letters[axis]}->{to}")
    return made
