"""Inner products."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.drafts import Blob, Constant
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter
from mmdnn.tensors import references

PAGE = f"{TUTORIAL}/innerproduct.html"


@exporter("Gemm", doc=PAGE)
def gemm(
    node: Exporting, caffe: Writing, x: Operand, weight: Operand, bias: Operand | None = None
) -> Blob:
    """A Flatten of the same layer is the inner product's own; weights are scaled when written."""
    if isinstance(x, Constant) and isinstance(weight, Constant):
        x = caffe.blob(x)
    if not isinstance(x, Blob) or not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    if node.attribute("transA", 0):
        node.refuse("its input is transposed")
    rows = bool(node.attribute("transB", 0))
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    outputs = weight.shape[0 if rows else 1]
    blobs, transpose = stored(node, weight, rows, alpha)
    if bias is not None and beta:
        blobs.append(_bias(bias, outputs, beta))
    return inner_product(caffe, _unflattened(node, x), blobs, transpose, x.shape[:1], outputs)


def stored(
    node: Exporting, weight: Constant, rows: bool, alpha: float = 1.0
) -> tuple[list[ir.TensorProtocol], bool]:
    """The weights, a row an output; as they are where the source's layer had them by columns."""
    before = references.before_transpose(weight.tensor)
    if before is not None and not rows and alpha == 1:
        return [before], False
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


def inner_product(
    caffe: Writing,
    x: Blob,
    blobs: list[ir.TensorProtocol],
    transpose: bool,
    leading: tuple[int, ...],
    outputs: int,
    suffix: str = "",
) -> Blob:
    """The axes of x behind `leading` times a matrix, and a bias where there is one."""
    return caffe.layer(
        "InnerProduct",
        x,
        blobs=blobs,
        shape=(*leading, outputs),
        suffix=suffix,
        inner_product_param={
            "num_output": outputs,
            "bias_term": len(blobs) > 1,
            "axis": len(leading),
            "transpose": transpose,
        },
    )
