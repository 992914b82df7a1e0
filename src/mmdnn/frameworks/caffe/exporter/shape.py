"""Operators that move or copy elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.broadcast import repeated
from mmdnn.frameworks.caffe.exporter.cuts import transposed
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

PAGE = f"{TUTORIAL}/reshape.html"

MOST_SHUFFLED = 4096
"""Channels that a convolution is asked to put into another order, at most."""


@exporter("Reshape", doc=PAGE)
def reshape(
    node: ExportedNode, caffe: Writer, x: Operand, target: Operand, *, allowzero: int
) -> Operand:
    """ONNX's 0 and -1 are Caffe's; a shape that is computed is the one it comes to."""
    if isinstance(x, Constant):
        return caffe.constant(x.shaped(node.shape()), x)
    blob, shape = caffe.blob(x), node.shape()
    dims = [int(i) for i in target.array()] if isinstance(target, Constant) else []
    if not dims or allowzero or min(dims) > 0:
        return _reshaped(caffe, blob, shape)
    if len(blob.shape) > len(dims) == 2 and dims[0] == 0:
        return caffe.layer("Flatten", blob, shape=shape)
    return caffe.layer("Reshape", blob, shape=shape, param={"shape": {"dim": dims}})


def _reshaped(caffe: Writer, x: Operand, shape: tuple[int, ...]) -> Operand:
    if isinstance(x, Constant):
        return caffe.constant(x.shaped(shape), x)
    if shape == x.shape and not caffe.node.node.outputs[0].is_graph_output():
        return x
    if shape == x.shape:
        return caffe.layer("Split", x)
    return caffe.reshape(x, shape)


@exporter("Flatten", doc=f"{TUTORIAL}/flatten.html")
def flatten(node: ExportedNode, caffe: Writer, x: Operand, *, axis: int) -> Operand:
    axis %= max(x.rank, 1)
    if axis == 1 and len(x.shape) > 1 and isinstance(x, Blob):
        return caffe.layer("Flatten", x, shape=node.shape())
    return _reshaped(caffe, x, node.shape())


@exporter("Squeeze", "Unsqueeze", doc=PAGE)
def squeeze(node: ExportedNode, caffe: Writer, x: Operand, axes: Operand | None = None) -> Operand:
    del axes
    return _reshaped(caffe, x, node.shape())


@exporter("Transpose", doc=PAGE)
def transpose(
    node: ExportedNode, caffe: Writer, x: Operand, *, perm: list[int] | None = None
) -> Operand:
    """Axes of size 1 move by a Reshape, few by cutting, channels by a convolution; the SSD fork permutes."""
    order = perm or list(range(len(x.shape)))[::-1]
    if isinstance(x, Constant):
        moved = [x.shape[axis] for axis in order]
        return caffe.constant(x.derive(("perm", *order), lambda a: a.transpose(order), moved), x)
    moved = [axis for axis in order if x.shape[axis] != 1 or axis == 0]
    if moved == sorted(moved):
        return _reshaped(caffe, x, node.shape())
    shape = [x.shape[axis] for axis in order]
    if caffe.has("Permute"):
        return caffe.layer("Permute", x, shape=shape, order=order)
    made = transposed(caffe, x, order)
    if made is not None:
        return made
    last = max(axis for axis, place in enumerate(order) if axis != place)
    channels = _count(x.shape[1 : last + 1])
    if order[0] == 0 and last < len(x.shape) - 1 and channels <= MOST_SHUFFLED:
        return _shuffled(caffe, x, order[1 : last + 1], channels)
    return caffe.layer("Permute", x, shape=shape, order=order)


def _shuffled(caffe: Writer, x: Blob, order: list[int], channels: int) -> Blob:
    """Channels in another order: each output is 1 times one input, and 0 times the others."""
    groups, rest = x.shape[1 : len(order) + 1], x.shape[len(order) + 1 :]
    places = np.arange(channels).reshape(groups).transpose([axis - 1 for axis in order]).reshape(-1)
    picture = (x.shape[0], channels, *rest)
    y = caffe.layer(
        "Convolution",
        caffe.reshape(x, picture, suffix="channels"),
        blobs=[_tensor(np.eye(channels)[places].reshape(channels, channels, *[1] * len(rest)))],
        suffix="shuffle",
        num_output=channels,
        kernel_size=[1],
        bias_term=False,
    )
    return caffe.reshape(y, caffe.node.shape())


def _count(shape: Sequence[int]) -> int:
    return math.prod(shape)


@exporter("Tile", doc=f"{TUTORIAL}/tile.html")
def tile(node: ExportedNode, caffe: Writer, x: Blob, repeats: Operand) -> Blob:
    times = [(axis, n) for axis, n in enumerate(node.ints(repeats, "repeats")) if n != 1]
    for axis, count in times:
        shape = x.resized(axis, x.shape[axis] * count)
        x = caffe.layer(
            "Tile",
            x,
            shape=shape,
            suffix="" if axis == times[-1][0] else f"axis{axis}",
            axis=axis,
            tiles=count,
        )
    return x


@exporter("Expand", doc=f"{TUTORIAL}/tile.html")
def expand(node: ExportedNode, caffe: Writer, x: Operand, target: Operand) -> Blob:
    if not isinstance(target, Constant):
        node.refuse("the shape it takes is computed while the model runs")
    blob = caffe.blob(x)
    sizes = tuple(int(size) for size in target.tensor.numpy())
    return repeated(caffe, blob, np.broadcast_shapes(blob.shape, sizes), "repeat")


@exporter("DepthToSpace", doc=f"{TUTORIAL}/deconvolution.html")
def depth_to_space(
    node: ExportedNode, caffe: Writer, x: Blob, *, blocksize: int, mode: str
) -> Blob:
    """A deconvolution whose windows do not overlap, each with a single 1."""
    count = x.shape[1] // blocksize**2
    one = np.eye(x.shape[1], dtype=np.float32)
    if mode == "CRD":
        weight = one.reshape(x.shape[1], count, blocksize, blocksize)
    else:
        weight = one.reshape(x.shape[1], blocksize, blocksize, count).transpose(0, 3, 1, 2)
    return caffe.layer(
        "Deconvolution", x, blobs=[_tensor(weight)], shape=node.shape(), **_blocks(count, blocksize)
    )


@exporter("SpaceToDepth", doc=f"{TUTORIAL}/convolution.html")
def space_to_depth(node: ExportedNode, caffe: Writer, x: Blob, *, blocksize: int) -> Blob:
    """A convolution whose windows do not overlap, each with a single 1."""
    count = x.shape[1] * blocksize**2
    one = np.eye(count, dtype=np.float32).reshape(count, blocksize, blocksize, x.shape[1])
    return caffe.layer(
        "Convolution",
        x,
        blobs=[_tensor(one.transpose(0, 3, 1, 2))],
        shape=node.shape(),
        **_blocks(count, blocksize),
    )


def _blocks(outputs: int, block: int) -> dict[str, Any]:
    return {"num_output": outputs, "kernel_size": [block], "stride": [block], "bias_term": False}


def _tensor(array: np.ndarray) -> ir.TensorProtocol:
    return ir.tensor(np.ascontiguousarray(array, np.float32))
