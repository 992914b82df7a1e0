"""Blobs and constants of several shapes: Scale, Bias and Tile layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmdnn.frameworks.caffe import graph
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant, Draft
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

Make = Callable[[np.ndarray], np.ndarray]


def covered(constant: tuple[int, ...], x: tuple[int, ...]) -> tuple[int, tuple[int, ...]] | None:
    """The axes of x along which a constant varies: the first of them, and the sizes.

    None where the constant is larger than x, so that x would be repeated.
    """
    aligned = (1,) * (len(x) - len(constant)) + constant
    if len(constant) > len(x) or any(
        c not in {1, size} for c, size in zip(aligned, x, strict=True)
    ):
        return None
    own = [axis for axis, size in enumerate(aligned) if size != 1]
    if not own:
        return 0, ()
    return own[0], x[own[0] : own[-1] + 1]


def along(caffe: Writer, kind: str, x: Blob, constant: Constant, make: Make | None = None) -> Blob:
    """A Scale or Bias of x by a constant, its axes found by its shape."""
    found = covered(constant.shape, x.shape)
    if found is None:
        caffe.node.refuse(
            f"{list(x.shape)} and a constant of {list(constant.shape)}: it would be repeated"
        )
    axis, sizes = found
    aligned = (1,) * (len(x.shape) - len(constant.shape)) + constant.shape
    own = aligned[axis : axis + len(sizes)]
    if make is None and own == sizes:
        tensor = constant.shaped(sizes)
    else:

        def derived(array: np.ndarray) -> np.ndarray:
            array = array.reshape(own).astype(np.float32)
            return np.broadcast_to(make(array) if make else array, sizes)

        tensor = constant.derive((kind, caffe.node.type), derived, sizes)
    return caffe.layer(kind, x, blobs=[tensor], axis=axis, num_axes=len(sizes))


def _prefers_blob(node: ExportedNode, constant: Constant) -> bool:
    """A single number is a weight only in a layer that was a Scale or a Bias."""
    return node.source_type in {"Scale", "Bias"} and constant.is_weight


def plus(caffe: Writer, x: Blob, constant: Constant, sign: float = 1.0) -> Blob:
    number = None if _prefers_blob(caffe.node, constant) else caffe.number(constant)
    if number is not None and len(constant.shape) <= len(x.shape):
        return caffe.power(x, shift=sign * number)
    return _with_bias(caffe, x, constant, sign) or along(
        caffe, "Bias", x, constant, None if sign == 1 else np.negative
    )


def _with_bias(caffe: Writer, x: Blob, constant: Constant, sign: float) -> Blob | None:
    """The Scale or inner product before it, with this bias, where it has none and covers as much."""
    maker, found = _maker(caffe, x), covered(constant.shape, x.shape)
    if maker is None or found is None or len(maker.blobs) != 1 or len(maker.bottoms) != 1:
        return None
    axis, sizes = found
    block = graph.block_of(maker.type)
    covers = getattr(maker.message, block)
    if maker.type == "Scale" and (axis, len(sizes)) != (covers.axis, covers.num_axes):
        return None
    if maker.type == "InnerProduct" and axis != len(x.shape) - 1:
        return None
    factor = np.float32(sign)
    bias = constant.shaped(sizes)
    if sign != 1:
        bias = constant.derive(("bias", sign), lambda a: a.reshape(sizes) * factor, sizes)
    y = caffe.layer(maker.type, *maker.bottoms, blobs=[*maker.blobs, bias], shape=x.shape)
    if y.maker is not None:
        y.maker.message.CopyFrom(maker.message)
        getattr(y.maker.message, block).bias_term = True
    return y


def _maker(caffe: Writer, x: Blob) -> Draft | None:
    """The Scale or inner product of the same source layer that makes x, for this alone.

    Nodes of models whose nodes are the layers are of one source layer: none.
    """
    maker, value = x.maker, x.value
    if maker is None or maker.origin != caffe.node.source_layer or value is None:
        return None
    alone = len(value.uses()) == 1 and not value.is_graph_output()
    return maker if alone and maker.type in {"Scale", "InnerProduct"} else None


def times(caffe: Writer, x: Blob, constant: Constant) -> Blob:
    number = None if _prefers_blob(caffe.node, constant) else caffe.number(constant)
    if number is not None and len(constant.shape) <= len(x.shape):
        return caffe.power(x, scale=number)
    return along(caffe, "Scale", x, constant)


def both(caffe: Writer, a: Blob, b: Blob, kind: str) -> Blob | None:
    """A Scale or Bias with two bottoms, where one of them stands for axes of the other in a row."""
    if a.shape == b.shape:
        return None
    for x, y in ((a, b), (b, a)):
        found = _span(y.shape, x.shape)
        if found is not None:
            axis, sizes = found
            aligned = caffe.reshape(y, sizes, suffix="aligned")
            return caffe.layer(kind, x, aligned, axis=axis)
    return None


def _span(y: tuple[int, ...], x: tuple[int, ...]) -> tuple[int, tuple[int, ...]] | None:
    """The axis of x from which on y has the same sizes, and these; the batch is among them if it can be."""
    found = covered(y, x)
    if found is None:
        return None
    axis, sizes = found
    aligned = (1,) * (len(x) - len(y)) + y
    end = axis + len(sizes)
    if len(y) == len(x) and aligned[: max(end, 1)] == x[: max(end, 1)]:
        return 0, x[: max(end, 1)]
    return (axis, sizes) if aligned[axis:end] == sizes else None


def repeated(caffe: Writer, x: Blob, shape: tuple[int, ...], suffix: str) -> Blob:
    """X broadcast to a shape."""
    x = caffe.reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape, suffix=f"{suffix}_aligned")
    for axis, (size, wanted) in enumerate(zip(x.shape, shape, strict=True)):
        if size != wanted and size != 1:
            caffe.node.refuse(f"{list(x.shape)} cannot be repeated to {list(shape)}")
        if size != wanted:
            tiled = x.resized(axis, wanted)
            x = caffe.layer(
                "Tile", x, shape=tiled, suffix=f"{suffix}_{axis}", axis=axis, tiles=wanted
            )  # fmt: skip
    return x


def alike(caffe: Writer, *operands: Operand) -> list[Blob]:
    """Blobs of the shape that they all broadcast to."""
    blobs = [caffe.blob(x) for x in operands]
    shape = np.broadcast_shapes(*(blob.shape for blob in blobs))
    return [repeated(caffe, x, shape, f"repeat{i}") for i, x in enumerate(blobs)]
