"""Attention over interleaved heads (src/operator/contrib/transformer.cc)."""

from __future__ import annotations

import math

import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.axes import Size, product, reshape, transpose
from mmdnn.ir.builder import Op, known


def _heads(node: ImportedNode, op: Op, x: ir.Value, parts: int) -> list[ir.Value]:
    """[T, N, heads * parts * D] as `parts` values [N * heads, T, D]."""
    heads = node.p.heads
    size = known(x, 2) // (heads * parts)
    x = reshape(op, x, [(0,), (1,), heads, parts, size])
    x = transpose(op, x, [3, 1, 2, 0, 4])
    made = op.outputs(parts).Split(x, axis=0, num_outputs=parts) if parts > 1 else [x]
    each = [op.Squeeze(part, [0]) for part in made]
    return [reshape(op, part, [(0, 1), (2,), (3,)]) for part in each]


def _scores(op: Op, q: ir.Value, k: ir.Value) -> ir.Value:
    scale = 1 / math.sqrt(known(q, 2))
    return op.MatMul(op.Mul(q, array(scale, q)), op.Transpose(k, perm=[0, 2, 1]))


def _attended(node: ImportedNode, op: Op, v: ir.Value, attention: ir.Value) -> ir.Value:
    """[N * heads, T, S] times [N * heads, S, D] as [T, N, heads * D]."""
    heads, size = node.p.heads, known(v, 2)
    y = op.MatMul(attention, v)
    batch = product(y, [0])
    first: Size = -1 if batch is None else batch // heads
    y = transpose(op, reshape(op, y, [first, heads, (1,), size]), [2, 0, 1, 3])
    return reshape(op, y, [(0,), (1,), (2, 3)])


@importer("_contrib_interleaved_matmul_selfatt_qk", doc=f"{NN}.contrib")
def selfatt_qk(node: ImportedNode, op: Op, qkv: ir.Value) -> ir.Value:
    q, k, _ = _heads(node, op, qkv, 3)
    return _scores(op, q, k)


@importer("_contrib_interleaved_matmul_selfatt_valatt", doc=f"{NN}.contrib")
def selfatt_valatt(node: ImportedNode, op: Op, qkv: ir.Value, attention: ir.Value) -> ir.Value:
    return _attended(node, op, _heads(node, op, qkv, 3)[2], attention)


@importer("_contrib_interleaved_matmul_encdec_qk", doc=f"{NN}.contrib")
def encdec_qk(node: ImportedNode, op: Op, q: ir.Value, kv: ir.Value) -> ir.Value:
    return _scores(op, _heads(node, op, q, 1)[0], _heads(node, op, kv, 2)[0])


@importer("_contrib_interleaved_matmul_encdec_valatt", doc=f"{NN}.contrib")
def encdec_valatt(node: ImportedNode, op: Op, kv: ir.Value, attention: ir.Value) -> ir.Value:
    return _attended(node, op, _heads(node, op, kv, 2)[1], attention)
