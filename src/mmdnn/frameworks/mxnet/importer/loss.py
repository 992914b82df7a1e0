"""Layers that a network is trained by, as what they give at inference; labels are not read.

src/operator/softmax_output-inl.h, regression_output.cc, svm_output.cc, make_loss.cc, nn/ctc_loss.cc.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.activation import over_all
from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer, same
from mmdnn.ir.builder import Op


@importer("SoftmaxOutput", doc=f"{NN}.SoftmaxOutput", unused="preserve_shape")
def softmax_output(node: ImportedNode, op: Op, x: ir.Value, *_label: ir.Value) -> ir.Value:
    """Over axis 1, over the last axis, or over everything but the batch."""
    p = node.p
    if p.multi_output:
        return op.Softmax(x, axis=1)
    return op.Softmax(x, axis=-1) if p.preserve_shape else over_all(op, x)


same("Sigmoid", "LogisticRegressionOutput", doc=f"{NN}.LogisticRegressionOutput", others=True)
same(
    "Identity",
    *("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput", "IdentityAttachKLSparseReg"),
    doc=f"{NN}.LinearRegressionOutput",
    unused="margin regularization_coefficient use_linear sparseness_target penalty",
    others=True,
)


@importer("softmax_cross_entropy", doc=f"{NN}.softmax_cross_entropy")
def softmax_cross_entropy(_node: ImportedNode, op: Op, x: ir.Value, label: ir.Value) -> ir.Value:
    """The sum over the batch of -log softmax at the label, [1]."""
    picked = op.GatherElements(
        op.LogSoftmax(x, axis=1), op.Unsqueeze(op.Cast(label, to=ir.DataType.INT64), [1]), axis=1
    )
    return op.Reshape(op.Neg(op.ReduceSum(picked, keepdims=0)), [1])


@importer("smooth_l1", doc=f"{NN}.smooth_l1", unused="is_int")
def smooth_l1(node: ImportedNode, op: Op, x: ir.Value, *, scalar: float) -> ir.Value:
    """½ (s x)² near 0, |x| - ½ / s² elsewhere."""
    square = np.float64(scalar) ** 2
    size = op.Abs(x)
    near = op.Mul(op.Mul(x, x), array(square / 2, x))
    far = op.Sub(size, array(0.5 / square, x))
    return choose(op, op.Less(size, array(1 / square, x)), near, far)
