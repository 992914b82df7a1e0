"""Products of matrices (tensorflow/lite/kernels/fully_connected.cc, batch_matmul.cc)."""

from __future__ import annotations

from mmdnn.frameworks.tflite.importer.quantized import permuted
from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, rank, static


@importer("FULLY_CONNECTED", doc=DOC)
def fully_connected(
    node: ImportedNode, op: Op, x: Value, weights: Value, bias: Value | None = None, *,
    keep_num_dims: bool,
) -> Value:  # fmt: skip
    """The weights are (out, in); the input has as many rows as give that many columns."""
    if keep_num_dims and rank(x) != 2:
        y = op.MatMul(x, permuted(node, op, weights, [1, 0]))
        return y if bias is None else op.Add(y, bias)
    inside = static(weights)[1]
    if rank(x) != 2 or x.shape is None or x.shape[1] != inside:
        x = op.Reshape(x, [-1, inside])
    inputs = [weights] if bias is None else [weights, bias]
    return op.Gemm(x, *inputs, transB=1)


@importer("BATCH_MATMUL", doc=DOC)
def batch_matmul(
    node: ImportedNode, op: Op, a: Value, b: Value, *, adj_x: bool, adj_y: bool
) -> Value:
    turned = [_turned(node, op, x) if adj else x for x, adj in ((a, adj_x), (b, adj_y))]
    return op.MatMul(*turned)


def _turned(node: ImportedNode, op: Op, x: Value) -> Value:
    count = rank(x)
    return permuted(node, op, x, [*range(count - 2), count - 1, count - 2])
