"""Preprocessing layers: numbers to bins, numbers and texts to places in a vocabulary, and codes of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.dtypes import KINDS
from mmdnn.frameworks.keras.importer.elementwise import number
from mmdnn.frameworks.keras.importer.indexing import below, hot
from mmdnn.frameworks.keras.importer.table import LAYERS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

PREPROCESSING = f"{LAYERS}/preprocessing_layers"
_EPSILON = 1e-7


@importer("Normalization", doc=f"{PREPROCESSING}/numerical/normalization", unused="mask")
def normalization(
    node: ImportedNode, op: Op, x: Value, *, axis: Any, mean: Any, variance: Any, invert: bool
) -> Value:
    """(x - mean) / max(root of the variance, 1e-7), for each place of the axes said."""
    x = x if x.dtype == node.dtype else op.Cast(x, to=node.dtype)
    said = [] if axis is None else axis if isinstance(axis, list) else [axis]
    axes = sorted(node.axis(int(each), x) for each in said)
    shape = [known(x, i) if i in axes else 1 for i in range(rank(x))]
    if mean is None:
        both = [_stored(node, op, name, shape) for name in ("mean", "variance")]
    else:
        both = [
            node.constant(_spread(np.asarray(v, np.float64), axes, shape)) for v in (mean, variance)
        ]
    deviation = op.Max(op.Sqrt(both[1]), number(x, _EPSILON))
    if invert:
        return op.Add(both[0], op.Mul(x, deviation))
    return op.Div(op.Sub(x, both[0]), deviation)


def _stored(node: ImportedNode, op: Op, name: str, shape: list[int]) -> Value:
    value = node.weight(name)
    return node.sure(node.graph.reshaped(value, tuple(shape)))


def _spread(value: np.ndarray, axes: list[int], shape: list[int]) -> np.ndarray:
    """Constants on the axes that are kept, from the last on."""
    sizes = [1] * len(shape)
    for place in range(1, value.ndim + 1):
        sizes[axes[-place] if place <= len(axes) else -place] = value.shape[-place]
    return value.reshape(sizes) if value.ndim else value


def coded(
    node: ImportedNode, op: Op, x: Value, mode: str, count: int, weights: Any = None
) -> Value:
    """Numbers as they are, or as vectors: a one for each, for all of them, or how often they come."""
    if mode == "int":
        return x
    kind = (node.dtype if node.dtype.is_floating_point() else ir.DataType.FLOAT).numpy()
    if mode == "one_hot":
        if rank(x) > 1 and known(x, rank(x) - 1) == 1:
            x = op.Squeeze(x, [rank(x) - 1])
        return hot(op, x, count, -1, kind)
    each = hot(op, x, count, -1, kind)
    axis = rank(x) - 1 if rank(x) > 1 else 0
    if mode in {"multi_hot", "binary"}:
        return op.ReduceMax(each, [axis], keepdims=0)
    if weights is not None:
        each = op.Mul(each, op.Unsqueeze(op.Cast(weights, to=each.dtype), [-1]))
    return op.ReduceSum(each, [axis], keepdims=0)


@importer("CategoryEncoding", doc=f"{PREPROCESSING}/categorical/category_encoding")
def category_encoding(
    node: ImportedNode, op: Op, x: Value, *,
    num_tokens: int, output_mode: str, count_weights: Any = None,
) -> Value:  # fmt: skip
    return coded(node, op, x, output_mode, int(num_tokens), count_weights)


@importer("Discretization", doc=f"{PREPROCESSING}/numerical/discretization",
          unused="num_bins epsilon")  # fmt: skip
def discretization(
    node: ImportedNode, op: Op, x: Value, *, bin_boundaries: Any, output_mode: str
) -> Value:
    """How many boundaries are not above a number."""
    if bin_boundaries is None:
        node.refuse("it has no boundaries: it was not adapted")
    count = below(op, x, bin_boundaries)
    if output_mode == "int":
        said = str(node.config.get("dtype") or "int32")
        return op.Cast(count, to=KINDS.get(said.replace("float32", "int32"), KINDS["int64"]))
    return coded(node, op, count, output_mode, len(bin_boundaries) + 1)


@importer(
    "IntegerLookup", "StringLookup", doc=f"{PREPROCESSING}/categorical",
    unused="vocabulary_dtype oov_token vocabulary_size encoding has_input_vocabulary",
)  # fmt: skip
def lookup(
    node: ImportedNode, op: Op, x: Value, *,
    vocabulary: Any, mask_token: Any, num_oov_indices: int, invert: bool, output_mode: str,
    max_tokens: Any, pad_to_max_tokens: bool, idf_weights: Any, oov_method: Any = None, salt: Any = None,
) -> Value:  # fmt: skip
    """Places in a vocabulary, behind one for the mask and those for what is not known."""
    if not isinstance(vocabulary, list):
        node.refuse("its vocabulary is in a file of its own")
    hashed = node.layer.type == "StringLookup" and num_oov_indices > 1
    if hashed or salt is not None or oov_method not in (None, "floormod"):
        node.refuse("what it does not know is hashed")
    mask = mask_token if output_mode == "int" else None
    special = [token for token in (mask_token, node.config.get("oov_token")) if token is not None]
    tokens = [token for place, token in enumerate(vocabulary) if place > 1 or token not in special]
    front = int(mask is not None) + int(num_oov_indices)
    if invert:
        return _inverted(node, op, x, tokens, front, mask_token)
    places = _places(node, op, x, tokens, mask, int(num_oov_indices))
    if output_mode == "int":
        kind = node.config.get("dtype")
        return op.Cast(places, to=KINDS["int32" if kind == "int32" else "int64"])
    count = int(max_tokens) if pad_to_max_tokens and max_tokens else front + len(tokens)
    if output_mode != "tf_idf":
        return coded(node, op, places, output_mode, count)
    weights = node.weight("idf_weights") if node.has("idf_weights") else None
    if weights is None:
        said = np.asarray(idf_weights, np.float32)
        missing = count - len(said) if len(said) == len(tokens) else 0
        said = np.concatenate([np.full(missing, said.mean(), np.float32), said])
        weights = node.constant(said)
    return op.Mul(coded(node, op, places, "count", count), weights)


def _places(
    node: ImportedNode, op: Op, x: Value, tokens: list[Any], mask: Any, unknown: int
) -> Value:
    """Where each element is among the tokens; what is not there is at one of the places before."""
    texts = node.layer.type == "StringLookup"
    integers = ir.DataType.INT64
    x = x if texts or x.dtype == integers else op.Cast(x, to=integers)
    front, axis = int(mask is not None) + unknown, [rank(x)]
    same = op.Cast(op.Equal(op.Unsqueeze(x, axis), _tensor(node, tokens)), to=integers)
    numbers = np.arange(front, front + len(tokens), dtype=np.int64)
    where = op.ReduceSum(op.Mul(same, numbers), axis, keepdims=0)
    found = op.ReduceMax(same, axis, keepdims=0)
    first: Any = np.int64(mask is not None)
    if unknown > 1:
        first = op.Add(op.Mod(x, np.int64(unknown)), first)
    y = op.Where(op.Cast(found, to=ir.DataType.BOOL), where, first)
    if mask is None:
        return y
    return op.Where(op.Equal(x, op.Squeeze(_tensor(node, [mask]), [0])), np.int64(0), y)


def _tensor(node: ImportedNode, tokens: list[Any]) -> Value:
    """Tokens as a constant: texts, or integers."""
    if node.layer.type != "StringLookup":
        return node.builder.constant(np.asarray([int(token) for token in tokens], np.int64))
    name, texts = node.builder.unique(f"{node.path}/tokens"), [str(t).encode() for t in tokens]
    tensor = ir.StringTensor(texts, shape=ir.Shape([len(texts)]), name=name)
    return node.builder.initializer(name, tensor)


def _inverted(
    node: ImportedNode, op: Op, x: Value, tokens: list[Any], front: int, mask_token: Any
) -> Value:
    """The tokens at places; where there are none, the word for what is unknown."""
    masks = [mask_token] if mask_token is not None else []
    whole = [*masks, *[node.config.get("oov_token")] * (front - len(masks)), *tokens]
    table = _tensor(node, whole)
    inside = op.And(op.Less(x, number(x, len(whole))), op.GreaterOrEqual(x, number(x, 0)))
    place = number(x, max(front - 1, 0))
    return op.Gather(table, op.Where(inside, x, place))
