"""Inner products and embeddings."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.drafts import Blob, Constant
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter

PAGE = f"{TUTORIAL}/innerproduct.html"


@exporter("Gemm", doc=PAGE)
def gemm(
    node: Exporting, caffe: Writing, x: Operand, weight: Operand, bias: Operand | None = None
) -> Blob:
    """A Flatten of the same layer is the inner product's own; weights are scaled when written."""
    if not isinstance(x, Blob) or not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    if node.attribute("transA", 0):
        node.refuse("its input is transposed")
    rows = bool(node.attribute("transB", 0))
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    outputs = weight.shape[0 if rows else 1]
    blobs, transpose = _stored(node, weight, rows, alpha)
    if bias is not None and beta:
        blobs.append(_bias(bias, outputs, beta))
    return _inner_product(caffe, _unflattened(node, x), blobs, transpose, x.shape[:1], outputs)


def _stored(
    node: Exporting, weight: Constant, rows: bool, alpha: float = 1.0
) -> tuple[list[ir.TensorProtocol], bool]:
    """The weights, a row an output; as they are where the source's layer had them by columns."""
    keep = rows or node.source_type == "InnerProduct"
    shape = weight.shape if keep else weight.shape[::-1]
    if keep and alpha == 1:
        return [weight.shaped(shape)], not rows
    factor = np.float32(alpha)
    tensor = weight.derive(
        ("matrix", keep, alpha), lambda a: (a if keep else a.T).astype(np.float32) * factor, shape
    )
    return [tensor], not rows and keep


def _bias(bias: Constant, outputs: int, beta: float) -> ir.TensorProtocol:
    if beta == 1:
        return bias.shaped((outputs,))
    factor = np.float32(beta)
    return bias.derive(
        ("beta", beta), lambda a: np.broadcast_to(a.reshape(-1) * factor, (outputs,)), (outputs,)
    )


def _unflattened(node: Exporting, x: Blob) -> Blob:
    """What a layer before it reads that does no more than flatten, and is of the same source layer."""
    maker = x.maker
    if maker is None or maker.origin != node.origin or not node.origin:
        return x
    if maker.type not in {"Flatten", "Reshape"}:
        return x
    before = maker.bottoms[0]
    flat = (*before.shape[:1], int(np.prod(before.shape[1:], dtype=np.int64)))
    return before if len(before.shape) > 1 and x.shape == flat else x


def _inner_product(
    caffe: Writing,
    x: Blob,
    blobs: list[ir.TensorProtocol],
    transpose: bool,
    leading: tuple[int, ...],
    outputs: int,
) -> Blob:
    return caffe.layer(
        "InnerProduct",
        x,
        blobs=blobs,
        shape=(*leading, outputs),
        inner_product_param={
            "num_output": outputs,
            "bias_term": len(blobs) > 1,
            "axis": len(leading),
            "transpose": transpose,
        },
    )


@exporter("MatMul", doc=PAGE)
def matmul(node: Exporting, caffe: Writing, x: Operand, weight: Operand) -> Blob:
    if not isinstance(x, Blob) or not isinstance(weight, Constant):
        node.refuse("both its inputs are computed while the model runs")
    if len(weight.shape) != 2 or len(x.shape) < 2:
        node.refuse(f"a product of {list(x.shape)} and {list(weight.shape)}")
    blobs, transpose = _stored(node, weight, rows=False)
    return _inner_product(caffe, x, blobs, transpose, x.shape[:-1], weight.shape[1])


@exporter("Gather", doc=f"{TUTORIAL}/embed.html")
def gather(node: Exporting, caffe: Writing, data: Operand, index: Operand) -> Blob:
    """Rows of a table are an Embed; a constant index cuts."""
    rank = len(data.shape)
    axis = node.axis("axis", 0, rank)
    if isinstance(data, Constant) and isinstance(index, Blob):
        if axis or rank != 2:
            node.refuse(f"it gathers along axis {axis} of a table of {rank} axes")
        return _embed(node, caffe, data, index)
    if isinstance(data, Blob) and isinstance(index, Constant):
        return _picked(node, caffe, data, index, axis)
    node.refuse("what it gathers, and from where, are both computed while the model runs")
    return None


def _embed(node: Exporting, caffe: Writing, table: Constant, index: Blob) -> Blob:
    if index.value is not None and index.value.is_graph_input():
        if index.value.dtype != ir.DataType.FLOAT:
            node.refuse("its indices are an input of integers, and Caffe's inputs are float32")
    elif index.value is not None and index.value.dtype not in {None, ir.DataType.FLOAT}:
        node.refuse("its indices are integers, and Caffe computes in float32")
    count, size = table.shape
    return caffe.layer(
        "Embed",
        index,
        blobs=[table.shaped(table.shape)],
        shape=(*index.shape, size),
        embed_param={"num_output": size, "input_dim": count, "bias_term": False},
    )


def _picked(node: Exporting, caffe: Writing, x: Blob, index: Constant, axis: int) -> Blob:
    size = x.shape[axis]
    places = [int(i) % size for i in index.array().reshape(-1)]
    if not places or places != list(range(places[0], places[0] + len(places))):
        node.refuse(f"its indices {places[:8]} are not in a row")
    cut = caffe.cut(x, axis, places[0], len(places), "" if index.shape else "row")
    return cut if len(index.shape) == 1 else caffe.reshape(cut, node.shape())
