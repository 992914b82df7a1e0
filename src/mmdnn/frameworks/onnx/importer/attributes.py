"""Changes by which an attribute became an input, got another form, or lost its meaning."""

from __future__ import annotations

import numpy as np

import onnx
from mmdnn.frameworks.onnx.importer.rewriting import Rewriter, constant_of, rank_of, since

REDUCTIONS = [
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
    *("ReduceMin", "ReduceProd", "ReduceSumSquare"),
]


@since("Squeeze", "Unsqueeze", "ReduceSum", version=13)
@since(*REDUCTIONS, version=18)
def axes(node: Rewriter) -> None:
    """Axes became an input."""
    node.to_input("axes", 1)


@since("Cast", version=6)
def cast(node: Rewriter) -> None:
    """The type was a word."""
    word = str(node.pop("to", "")).upper()
    if word not in dict(onnx.TensorProto.DataType.items()):
        raise node.refused(f"casts to the unknown type '{word}'")
    node.set(to=onnx.TensorProto.DataType.Value(word))


@since("Clip", version=11, shaped=True)
def clip(node: Rewriter) -> None:
    """The bounds became inputs."""
    for index, bound in ((1, "min"), (2, "max")):
        if node.has(bound):
            node.put(index, node.like(node.pop(bound), bound))


@since("Concat", version=4)
def concat(node: Rewriter) -> None:
    """The axis had a default."""
    node.set(axis=node.pop("axis", 1))


@since("DFT", version=20)
def dft(node: Rewriter) -> None:
    """The axis became an input; its default was 1, and then -2."""
    axis = np.array(node.pop("axis", 1), np.int64)
    node.put(2, node.constant(axis, "axis"))


@since("Dropout", version=7)
def dropout_mode(node: Rewriter) -> None:
    """Whether it is a test was an attribute; here it always is."""
    node.pop("is_test")


@since("Dropout", version=12)
def dropout(node: Rewriter) -> None:
    """The ratio became an input, and the mask got a meaning where nothing is dropped."""
    node.keep_outputs(1, "its mask is used")
    if node.has("ratio"):
        node.put(1, node.constant(np.array(node.pop("ratio"), np.float32), "ratio"))


@since("Gemm", version=7)
def gemm(node: Rewriter) -> None:
    """Broadcasting of C had to be asked for."""
    node.pop("broadcast")


@since("GridSample", version=20)
def grid_sample(node: Rewriter) -> None:
    """The modes got other names."""
    mode = node.pop("mode", "bilinear")
    node.set(mode={"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode))


@since("LpPool", "GlobalLpPool", version=2)
def norm(node: Rewriter) -> None:
    """The norm could be a fraction."""
    p = node.pop("p", 2.0)
    if p != int(p):
        raise node.refused(f"a norm of p={p}")
    node.set(p=int(p))


@since("LSTM", "GRU", "RNN", version=7)
def output_sequence(node: Rewriter) -> None:
    """Whether the sequence is an output had to be said."""
    node.pop("output_sequence")


@since("Pad", version=2)
def paddings(node: Rewriter) -> None:
    """The pads had another name."""
    if node.has("paddings"):
        node.set(pads=node.pop("paddings"))


@since("Pad", version=11, shaped=True)
def pad(node: Rewriter) -> None:
    """Pads and value became inputs."""
    node.to_input("pads", 1)
    value = node.pop("value", 0.0)
    if value:
        node.put(2, node.like(value, "value"))


@since("Reshape", version=5)
def reshape(node: Rewriter) -> None:
    """The shape became an input."""
    node.to_input("shape", 1)


@since("RoiAlign", version=16)
def roi_align(node: Rewriter) -> None:
    """Half a pixel was not taken off the regions."""
    node.set(coordinate_transformation_mode="output_half_pixel")


@since("Scan", version=9)
def scan(node: Rewriter) -> None:
    """Scan had a batch axis and lengths."""
    raise node.refused("Scan of opset 8, which runs over a batch of sequences")


@since("Scatter", version=11)
def scatter(node: Rewriter) -> None:
    """Got another name."""
    node.node.op_type = "ScatterElements"


@since("Slice", version=10)
def slice_(node: Rewriter) -> None:
    """The places became inputs."""
    for index, name in enumerate(("starts", "ends", "axes"), 1):
        node.to_input(name, index)


@since("Split", version=13)
def split(node: Rewriter) -> None:
    """The sizes became an input (which they had been in opset 1)."""
    node.to_input("split", 1)


@since("Split", version=18)
def split_evenly(node: Rewriter) -> None:
    """An even split has to say into how many."""
    if len(node.inputs) < 2 or node.inputs[1] is None:
        node.set(num_outputs=len(node.node.outputs))


@since("Tile", version=6, shaped=True)
def tile(node: Rewriter) -> None:
    """One axis was repeated, by two inputs."""
    rank = rank_of(node.x)
    counts, at = (constant_of(value) for value in node.inputs[1:3])
    if rank is None or counts is None or at is None:
        raise node.refused("Tile of opset 1 with a count, axis or rank that is not constant")
    repeats = np.ones(rank, np.int64)
    repeats[int(at.item())] = int(counts.item())
    node.node.resize_inputs(2)
    node.put(1, node.constant(repeats, "repeats"))


@since("TopK", version=10)
def topk(node: Rewriter) -> None:
    """The count became an input."""
    node.to_input("k", 1)
