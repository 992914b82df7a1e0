"""Attention."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.exporting import is_used
from mmdnn.python.expressions import Code

SPECIAL = ("softcap", "softmax_precision")
WINDOWS = ("left_window_size", "right_window_size")


@exporter.unfit("Attention")
def beyond_torch(node: ir.Node) -> bool:
    """Whether `F.scaled_dot_product_attention` lacks something that the node asks for."""
    query, key, _, mask, past, *rest = [*node.inputs, *[None] * 7][:7]
    assert query is not None
    assert key is not None
    attributes = node.attributes
    if any(name in attributes and attributes[name].value for name in SPECIAL):
        return True
    if any(name in attributes and attributes[name].value != -1 for name in WINDOWS):
        return True
    if len(node.outputs) > 3 and is_used(node.outputs[3]):
        return True
    if query.shape is None or rest[1] is not None:
        return True
    length, total = _length(query), _total(key, past)
    causal = "is_causal" in attributes and attributes["is_causal"].as_int()
    if causal and (mask is not None or past is not None or not _same(length, total)):
        return True
    return mask is not None and not (
        mask.shape is not None
        and len(mask.shape) >= 2
        and _same(mask.shape[-1], total)
        and mask.dtype in {ir.DataType.BOOL, query.dtype}
    )


def _length(value: ir.Value) -> Any:
    """How many places: of (batch, heads, places, size) or (batch, places, heads * size)."""
    return None if value.shape is None else value.shape[-2]


def _total(key: ir.Value, past: ir.Value | None) -> Any:
    lengths = [_length(value) for value in (key, past) if value is not None]
    if len(lengths) == 1:
        return lengths[0]
    return sum(lengths) if all(isinstance(length, int) for length in lengths) else None


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a == b


@exporter(
    "Attention", doc="Attention", unused=" ".join([*SPECIAL, *WINDOWS, "qk_matmul_output_mode"])
)
def attention(
    node: ExportedNode,
    torch: Writer,
    query: Variable,
    key: Variable,
    value: Variable,
    mask: Variable | None = None,
    *past: Variable | None,
    is_causal: int,
    q_num_heads: int | None = None,
    kv_num_heads: int | None = None,
    scale: float | None = None,
) -> Any:
    past_key, past_value, *_ = (*past, None, None)
    heads: Any = q_num_heads
    kv_heads: Any = kv_num_heads
    flat = node.rank(query) == 3
    if not flat:
        heads, kv_heads = torch.size(query, 1), torch.size(key, 1)
    q, k, v = (
        torch.method(torch.method(x, "unflatten", 2, (count, -1)), "transpose", 1, 2) if flat else x
        for x, count in ((query, heads), (key, kv_heads), (value, kv_heads))
    )
    if past_key is not None:
        k = torch.let("key", torch.call("torch.cat", [past_key, k], dim=2))
        v = torch.let("value", torch.call("torch.cat", [past_value, v], dim=2))
    elif node.wants(1) or node.wants(2):
        k, v = (torch.let(n, x) if flat else x for n, x in (("key", k), ("value", v)))  # type: ignore[arg-type]
    options = unless(
        attn_mask=(mask, None),
        is_causal=(bool(is_causal), False),
        scale=(scale, None),
        enable_gqa=(heads != kv_heads or isinstance(heads, Code), False),
    )
    result = torch.call("F.scaled_dot_product_attention", q, k, v, **options)
    if flat:
        result = torch.method(torch.method(result, "transpose", 1, 2), "flatten", 2)
    return [result, k, v]
