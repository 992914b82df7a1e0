"""Attention: scores of queries and keys, what masks leave out, and mixtures of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Generation
from mmdnn.frameworks.keras.importer.activation import over
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

ATTENTION = f"{LAYERS}/attention_layers"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _number(x: Value, value: float) -> Any:
    return np.asarray(value, (x.dtype or ir.DataType.FLOAT).numpy())


def _transposed(op: Op, x: Value) -> Value:
    count = rank(x)
    return op.Transpose(x, perm=[*range(count - 2), count - 1, count - 2])


def _mask_of(node: ImportedNode, place: int, x: Value, name: str = "") -> Value | None:
    """The mask of an input: said with the call, or followed."""
    said = node.argument("mask")
    given = [*(said if isinstance(said, list) else []), *[None] * 3][place]
    given = node.argument(name) if name and given is None else given
    return given if isinstance(given, Value) else node.graph.masks.get(x)


def _bool(op: Op, mask: Value) -> Value:
    return mask if mask.dtype == ir.DataType.BOOL else op.Cast(mask, to=ir.DataType.BOOL)


def _and(op: Op, masks: Sequence[Value | None]) -> Value | None:
    found = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else op.And(found, mask)
    return found


def _band(op: Op, query: Value, value: Value, window: int | None = None) -> Value:
    """[1, T, S]: what a query may read: not what comes later, or not what is farther than a window."""
    rows, columns = (
        op.Range(np.int64(0), op.Squeeze(op.Shape(x, start=1, end=2)), np.int64(1))
        for x in (query, value)
    )
    rows, columns = op.Unsqueeze(rows, [0, 2]), op.Unsqueeze(columns, [0, 1])
    if window is None:
        return op.GreaterOrEqual(rows, columns)
    return op.Less(op.Abs(op.Sub(rows, columns)), np.int64(window))


@importer("Attention", "AdditiveAttention", doc=f"{ATTENTION}/attention",
          unused="training dropout causal")  # fmt: skip
def attention(
    node: ImportedNode, op: Op, query: Value, value: Value, *key: Value, use_scale: bool,
    return_attention_scores: bool | None = None, use_causal_mask: bool | None = None,
) -> list[Value]:  # fmt: skip
    """The second input is the value; the key is the third, or the value. Scores are not divided."""
    by, additive = key[0] if key else value, node.layer.type == "AdditiveAttention"
    concat = node.config.get("score_mode") == "concat"
    node.taken.add("score_mode")
    scale = node.weight("scale") if use_scale else None
    if additive or concat:
        total = op.Add(op.Unsqueeze(query, [2]), op.Unsqueeze(by, [1]))
        total = op.Mul(total, scale) if concat and scale is not None else total
        mixed = op.Tanh(total)
        mixed = op.Mul(mixed, scale) if additive and scale is not None else mixed
        scores = op.ReduceSum(mixed, [3], keepdims=0)
        scores = op.Mul(scores, node.weight("concat_score_weight")) if concat else scores
    else:
        scores = op.MatMul(query, _transposed(op, by))
        scores = op.Mul(scores, scale) if scale is not None else scores
    mask = _mask_of(node, 1, value)
    causal = bool(use_causal_mask) or bool(node.config.get("causal"))
    wide = op.Unsqueeze(_bool(op, mask), [1]) if mask is not None else None
    kept = _and(op, [wide, _band(op, query, value) if causal else None])
    if kept is not None:
        most = 65504.0 if scores.dtype == ir.DataType.FLOAT16 else 1e9
        scores = op.Where(kept, scores, op.Sub(scores, _number(scores, most)))
    weights = op.Softmax(scores, axis=-1)
    y = op.MatMul(weights, value)
    queries = _mask_of(node, 0, query)
    if queries is not None:
        y = op.Where(op.Unsqueeze(_bool(op, queries), [2]), y, _number(y, 0))
        node.graph.masks[y] = queries
    return [y, weights] if return_attention_scores else [y]


def _project(node: ImportedNode, op: Op, x: Value, part: str, bound: int = 1) -> Value:
    """A dense layer over the last axes, `bound` of them, to the other axes of its kernel."""
    layer = node.layer.parts[f"{part}_dense"]
    kernel = node.weight_of(layer, "kernel")
    free = rank(x) - bound
    left = _LETTERS[: rank(x)]
    inner = left[free:] + _LETTERS[rank(x) : rank(x) + rank(kernel) - bound]
    y = op.Einsum(x, kernel, equation=f"{left},{inner}->{left[:free]}{inner[bound:]}")
    return op.Add(y, node.weight_of(layer, "bias")) if "bias" in layer.weights else y


@importer(
    "MultiHeadAttention", doc=f"{ATTENTION}/multi_head_attention",
    unused="num_heads value_dim output_shape use_bias training query_shape key_shape value_shape",
)  # fmt: skip
def multi_head_attention(
    node: ImportedNode, op: Op, query: Value, value: Value, key: Value | None = None, *,
    key_dim: int, attention_axes: Any, use_gate: bool, sliding_window: int | None,
    return_attention_scores: bool | None = None, use_causal_mask: bool | None = None,
) -> list[Value]:  # fmt: skip
    """Each head by itself; queries are divided by the root of key_dim."""
    kept = _kept(node, op, query, value, key, sliding_window, use_causal_mask)
    key = value if key is None else key
    q, k, v = (
        _project(node, op, x, part)
        for x, part in ((query, "query"), (key, "key"), (value, "value"))
    )
    q = op.Mul(q, _number(q, 1 / np.sqrt(key_dim)))
    axes = [*range(1, rank(q) - 2)] if attention_axes is None else [
        axis if axis >= 0 else rank(q) - 1 + axis for axis in attention_axes
    ]  # fmt: skip
    scored, combined = _equations(rank(q), axes)
    scores = op.Einsum(k, q, equation=scored)
    zeroed = bool(node.config.get("dropout")) or bool(return_attention_scores) or rank(q) != 4
    weights = masked(node, op, scores, kept, len(axes), zeroed=zeroed)
    y = op.Einsum(weights, v, equation=combined)
    y = op.Mul(y, op.Sigmoid(_project(node, op, query, "gate"))) if use_gate else y
    y = _project(node, op, y, "output", bound=2)
    queries = _mask_of(node, 0, query, "query_mask")
    if queries is not None:
        node.graph.masks[y] = queries
    return [y, weights] if return_attention_scores else [y]


def _equations(count: int, axes: Sequence[int]) -> tuple[str, str]:
    """Of keys and queries to scores, and of scores and values to what is given."""
    target = _LETTERS[:count]
    fresh = iter(_LETTERS[count:])
    source = "".join(next(fresh) if i in axes else letter for i, letter in enumerate(target))
    batch = [i for i in range(count - 1) if i not in axes]
    product = "".join([target[i] for i in [*batch, *axes]] + [source[i] for i in axes])
    return f"{source},{target}->{product}", f"{product},{source}->{target}"


def _kept(
    node: ImportedNode, op: Op, query: Value, value: Value, key: Value | None,
    window: int | None, causal: bool | None,
) -> Value | None:  # fmt: skip
    """Which keys a query reads: [B, T, S]; None for all."""
    queries = _mask_of(node, 0, query, "query_mask")
    values = _mask_of(node, 1, value, "value_mask")
    keys = None if key is None else _mask_of(node, 2, key, "key_mask")
    said = node.argument("attention_mask")
    return _and(
        op,
        [
            None if queries is None else op.Unsqueeze(_bool(op, queries), [2]),
            None if values is None else op.Unsqueeze(_bool(op, values), [1]),
            None if keys is None or key is value else op.Unsqueeze(_bool(op, keys), [1]),
            _band(op, query, value) if causal else None,
            None if window is None else _band(op, query, value, window),
            _bool(op, said) if isinstance(said, Value) else None,
        ],
    )


def masked(
    node: ImportedNode, op: Op, scores: Value, kept: Value | None, axes: int, *, zeroed: bool
) -> Value:
    """Softmax over the last axes; what is left out has no share.

    Where all is left out, all have the same share, or none where `zeroed`; tf.keras adds a large number.
    """
    last: Any = -1 if axes == 1 else list(range(rank(scores) - axes, rank(scores)))
    if kept is None:
        return over(op, scores, last)
    missing = rank(scores) - rank(kept)
    if missing:
        place = rank(kept) - 2 * axes
        kept = op.Unsqueeze(kept, list(range(place, place + missing)))
    half = scores.dtype == ir.DataType.FLOAT16
    if node.generation is not Generation.KERAS3:
        least = float(np.finfo(np.float16).min) if half else -1e9
        left = op.Sub(_number(scores, 1), op.Cast(kept, to=scores.dtype))
        return over(op, op.Add(scores, op.Mul(left, _number(scores, least))), last)
    least = (-3e4 if half else -1e9) if zeroed else (0.7 * float(np.finfo(np.float32).min))
    least = max(least, float(np.finfo((scores.dtype or ir.DataType.FLOAT).numpy()).min))
    weights = over(op, op.Where(kept, scores, _number(scores, least)), last)
    return op.Where(kept, weights, _number(scores, 0)) if zeroed else weights


@importer(
    "GroupedQueryAttention", doc=f"{ATTENTION}/group_query_attention",
    unused="use_bias training num_key_value_heads",
)  # fmt: skip
def grouped_query_attention(
    node: ImportedNode, op: Op, query: Value, value: Value, key: Value | None = None, *,
    head_dim: int, num_query_heads: int, use_gate: bool, sliding_window: int | None,
    return_attention_scores: bool | None = None, use_causal_mask: bool | None = None,
) -> list[Value]:  # fmt: skip
    """Several heads of queries share those of keys and values, one after the other."""
    kept = _kept(node, op, query, value, key, sliding_window, use_causal_mask)
    key = value if key is None else key
    q = _project(node, op, query, "query")
    k, v = (
        _repeated(op, _project(node, op, x, part), num_query_heads)
        for x, part in ((key, "key"), (value, "value"))
    )
    q = op.Mul(q, _number(q, 1 / np.sqrt(head_dim)))
    scores = op.Einsum(q, k, equation="bquh,bkuh->buqk")
    zeroed = bool(node.config.get("dropout")) or bool(return_attention_scores)
    weights = masked(node, op, scores, kept, 1, zeroed=zeroed)
    y = op.Einsum(weights, v, equation="buqk,bkuh->bquh")
    y = op.Mul(y, op.Sigmoid(_project(node, op, query, "gate"))) if use_gate else y
    y = _project(node, op, y, "output", bound=2)
    return [y, weights] if return_attention_scores else [y]


def _repeated(op: Op, x: Value, heads: int) -> Value:
    own = known(x, 2)
    return x if own == heads else op.Gather(x, np.repeat(np.arange(own), heads // own), axis=2)


@importer("ops.DotProductAttention", doc=f"{OPS}/nn", unused="flash_attention")
def dot_product_attention(
    node: ImportedNode, op: Op, query: Value, key: Value, value: Value, *,
    bias: Value | None = None, mask: Value | None = None, scale: float | None = None,
    is_causal: bool, attn_logits_soft_cap: float | None,
) -> Value:  # fmt: skip
    """[B, T, heads, H]."""
    if attn_logits_soft_cap is not None:
        node.refuse("its scores are capped")
    scale = 1 / np.sqrt(known(key, 3)) if scale is None else scale
    heads = known(query, 2)
    key, value = _repeated(op, key, heads), _repeated(op, value, heads)
    scores = op.Einsum(query, key, equation="btnh,bsnh->bnts")
    scores = op.Mul(scores, _number(scores, scale))
    scores = op.Add(scores, bias) if bias is not None else scores
    band = op.Unsqueeze(_band(op, query, key), [1]) if is_causal else None
    kept = _and(op, [_bool(op, mask) if mask is not None else None, band])
    weights = masked(node, op, scores, kept, 1, zeroed=False)
    return op.Einsum(weights, value, equation="bnts,bsnh->btnh")
