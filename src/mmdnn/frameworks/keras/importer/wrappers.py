"""Layers around another one, and those that make or use masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Call
from mmdnn.frameworks.keras.importer.dtypes import KINDS
from mmdnn.frameworks.keras.importer.table import LAYERS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, dimensions, rank

CORE = f"{LAYERS}/core_layers"


@importer("TimeDistributed", doc=f"{LAYERS}/recurrent_layers/time_distributed", unused="training")
def time_distributed(node: ImportedNode, op: Op, x: Value) -> Value:
    """A layer on each step: the steps are as many samples."""
    layer, mask = node.layer.parts["layer"], node.mask
    steps = dimensions(x)[1]
    flat = op.Reshape(x, op.Concat([-1], op.Shape(x, start=2), axis=0))
    flat.shape = ir.Shape([None, *dimensions(x)[2:]])
    found = node.inner(layer, Call((flat,)))
    if len(found) != 1:
        node.refuse("its layer gives several tensors")
    y = found[0]
    sizes = op.Concat(op.Shape(x, start=0, end=2), op.Shape(y, start=1), axis=0)
    whole = op.Reshape(y, sizes)
    whole.shape = ir.Shape([dimensions(x)[0], steps, *dimensions(y)[1:]])
    if mask is not None:
        node.graph.masks[whole] = mask
    return whole


@importer("SpectralNormalization", doc=f"{LAYERS}/normalization_layers/spectral_normalization",
          unused="power_iterations training")  # fmt: skip
def spectral_normalization(node: ImportedNode, op: Op, x: Value) -> Value:
    """It normalizes while it is trained; what is stored is normalized."""
    return op.Identity(node.inner(node.layer.parts["layer"], Call((x,)))[0])


@importer("Masking", doc=f"{CORE}/masking")
def masking(node: ImportedNode, op: Op, x: Value, *, mask_value: float) -> Value:
    """A step counts where one of its features differs from the value; the others become zeros."""
    kind = (x.dtype or ir.DataType.FLOAT).numpy()
    differs = op.Not(op.Equal(x, np.asarray(mask_value, kind)))
    axis = rank(x) - 1
    some = op.ReduceMax(op.Cast(differs, to=ir.DataType.INT32), [axis], keepdims=1)
    counts = op.Cast(some, to=x.dtype)
    y = op.Mul(x, counts)
    mask = op.Cast(op.Squeeze(some, [axis]), to=ir.DataType.BOOL)
    node.graph.masks[y] = mask
    return y


@importer("Embedding", doc=f"{CORE}/embedding", unused="output_dim units mask")
def embedding(node: ImportedNode, op: Op, x: Value, *, mask_zero: bool) -> Value:
    """Rows by their numbers; those that are floats are cut off."""
    x = x if x.dtype in {ir.DataType.INT32, ir.DataType.INT64} else op.Cast(x, to=KINDS["int32"])
    if node.has("embeddings_scale"):
        rows = op.Cast(op.Gather(node.weight("embeddings"), x), to=node.dtype)
        scale = op.Unsqueeze(op.Gather(node.weight("embeddings_scale"), x), [-1])
        y = op.Div(rows, scale)
    else:
        y = op.Gather(node.weight("embeddings"), x)
    if mask_zero:
        zero = np.zeros((), (x.dtype or ir.DataType.INT32).numpy())
        node.graph.masks[y] = op.Not(op.Equal(x, zero))
    return y


@importer("ReversibleEmbedding", doc=CORE, unused="output_dim mask reverse_dtype")
def reversible_embedding(
    node: ImportedNode, op: Op, x: Value, *,
    mask_zero: bool, logit_soft_cap: Any, reverse: bool | None = None, tie_weights: bool,
) -> Value:  # fmt: skip
    """Rows by their numbers, or, `reverse`, products with all of them."""
    if not reverse:
        return embedding(node, op, x, mask_zero=mask_zero)
    if tie_weights:
        y = op.MatMul(x, op.Transpose(node.weight("embeddings"), perm=[1, 0]))
    else:
        y = op.MatMul(x, node.weight("reverse_embeddings"))
    if logit_soft_cap is None:
        return y
    cap = np.asarray(logit_soft_cap, node.dtype.numpy())
    return op.Mul(op.Tanh(op.Div(y, cap)), cap)
