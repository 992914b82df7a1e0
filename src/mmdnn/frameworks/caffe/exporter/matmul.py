"""Products of matrices: by a constant an inner product or a convolution, else element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.broadcast import repeated
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.tensors import references

PAGE = f"{TUTORIAL}/innerproduct.html"


@exporter("Gemm", doc=PAGE)
def gemm(
    node: ExportedNode,
    caffe: Writer,
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    *,
    transA: int,
    transB: int,
    alpha: float,
    beta: float,
) -> Blob:
    """A Flatten of the same layer is the inner product's own; weights are scaled when written."""
    if isinstance(x, Constant) and isinstance(weight, Constant):
        x = caffe.blob(x)
    if not isinstance(x, Blob) or not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    if transA:
        node.refuse("its input is transposed")
    rows = bool(transB)
    outputs = weight.shape[0 if rows else 1]
    if bias is not None and math.prod(bias.shape[:-1]) != 1:
        node.refuse("its bias is another one for each row")
    blobs, transpose = stored(node, weight, rows, alpha)
    if bias is not None and beta:
        blobs.append(_bias(bias, outputs, beta))
    return inner_product(caffe, _unflattened(node, x), blobs, transpose, x.shape[:1], outputs)


def stored(
    node: ExportedNode, weight: Constant, rows: bool, alpha: float = 1.0
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


def _unflattened(node: ExportedNode, x: Blob) -> Blob:
    """What a layer before it reads that does no more than flatten, and is of the same source layer."""
    maker = x.maker
    if maker is None or maker.origin != node.source_layer or not node.source_layer:
        return x
    if maker.type not in {"Flatten", "Reshape"}:
        return x
    before = maker.bottoms[0]
    flat = (*before.shape[:1], math.prod(before.shape[1:]))
    return before if len(before.shape) > 1 and x.shape == flat else x


def inner_product(
    caffe: Writer,
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
        num_output=outputs,
        bias_term=len(blobs) > 1,
        axis=len(leading),
        transpose=transpose,
    )


LARGEST = 1 << 24
"""Elements of a blob that holds all single products, at most."""


def mixed(
    caffe: Writer,
    x: Blob,
    start: int,
    end: int,
    weight: ir.TensorProtocol,
    suffix: str = "",
    to: Sequence[int] | None = None,
) -> Blob:
    """Axes `start` to `end`, as one, times a matrix [m, n]: a convolution whose channels they are.

    Args:
        caffe: What writes it.
        x: [lead, n, rest].
        start: The first of the axes.
        end: The one behind the last.
        weight: [m, n].
        suffix: Of the layer's name.
        to: What the result is reshaped to; [lead, m, rest] unless given.
    """
    lead, rest = x.shape[:start], x.shape[end:]
    outputs, inputs = (int(dim) for dim in weight.shape.numpy())
    before, after = (math.prod(part) for part in (lead, rest))
    free = len(lead) > 1
    dims = [-1, inputs, after, 1] if free else None
    name = f"{suffix}_" if suffix else ""
    y = caffe.layer(
        "Convolution",
        caffe.reshape(x, (before, inputs, after, 1), suffix=f"{name}channels", dims=dims),
        blobs=[_kernel(weight)],
        shape=(before, outputs, after, 1),
        suffix=f"{name}mixed",
        num_output=outputs,
        kernel_size=[1],
        bias_term=False,
    )
    shape = tuple(to) if to is not None else (*lead, outputs, *rest)
    return caffe.reshape(y, shape, suffix=suffix, dims=[-1, *shape[1:]] if free and shape else None)


def _kernel(weight: ir.TensorProtocol) -> ir.TensorProtocol:
    shape = (*weight.shape.numpy(), 1, 1)
    return ir.LazyTensor(
        lambda: ir.tensor(np.ascontiguousarray(weight.numpy(), np.float32).reshape(shape)),
        ir.DataType.FLOAT,
        ir.Shape(shape),
    )


def along_axis(caffe: Writer, x: Blob, axis: int, matrix: np.ndarray, suffix: str = "") -> Blob:
    """An axis of x times a matrix [m, n]."""
    weight = ir.tensor(np.ascontiguousarray(matrix, np.float32))
    if 0 < axis == len(x.shape) - 1:
        return inner_product(caffe, x, [weight], False, x.shape[:-1], len(matrix), suffix)
    return mixed(caffe, x, axis, axis + 1, weight, suffix)


@exporter("MatMul", doc=PAGE)
def matmul(node: ExportedNode, caffe: Writer, x: Operand, y: Operand) -> Blob:
    if isinstance(x, Blob) and isinstance(y, Constant):
        weight = _matrix(caffe, x, y)
        if len(x.shape) < 2:
            node.refuse(f"a product of {list(x.shape)} and {list(y.shape)}")
        blobs, transpose = stored(node, weight, rows=False)
        return inner_product(caffe, x, blobs, transpose, x.shape[:-1], weight.shape[1])
    if isinstance(x, Constant) and isinstance(y, Blob):
        weight = _matrix(caffe, y, x)
        if len(y.shape) < 2:
            node.refuse(f"a product of {list(x.shape)} and {list(y.shape)}")
        axis = len(y.shape) - 2
        return mixed(caffe, y, axis, axis + 1, weight.shaped(weight.shape))
    if isinstance(x, Blob) and isinstance(y, Blob):
        return _both(caffe, x, y)
    node.refuse("both its inputs are constant")
    return None


def _matrix(caffe: Writer, x: Blob, weight: Constant) -> Constant:
    """A constant of two axes that count."""
    if (
        len(weight.shape) < 2
        or set(weight.shape[:-2]) - {1}
        or len(weight.shape) > len(x.shape) + 2
    ):
        caffe.node.refuse(f"a product of {list(x.shape)} and {list(weight.shape)}")
    if len(weight.shape) == 2:
        return weight
    return caffe.constant(weight.shaped(weight.shape[-2:]), weight)


def _both(caffe: Writer, x: Blob, y: Blob) -> Blob:
    """All products x[i, k] y[k, j], and their sums over k."""
    a = caffe.reshape(x, (1, *x.shape), suffix="row") if len(x.shape) == 1 else x
    b = caffe.reshape(y, (*y.shape, 1), suffix="column") if len(y.shape) == 1 else y
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    if np.prod([*lead, rows, inner, columns], dtype=np.int64) > LARGEST:
        caffe.node.refuse(f"a product of {list(x.shape)} and {list(y.shape)}, both computed")
    a = repeated(caffe, a, (*lead, rows, inner), "left")
    b = repeated(caffe, b, (*lead, inner, columns), "right")
    b = caffe.reshape(b, (*lead, 1, inner, columns), suffix="right_wide")
    b = repeated(caffe, b, (*lead, rows, inner, columns), "right_rows")
    products = caffe.layer("Scale", b, a, suffix="products", axis=0)
    ones = ir.tensor(np.ones((1, inner), np.float32))
    place = len(lead) + 1
    return mixed(caffe, products, place, place + 1, ones, to=caffe.node.shape())
