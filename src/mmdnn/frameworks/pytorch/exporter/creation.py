"""Operators that make tensors, and that tell shapes and types."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import (
    Exporting,
    Raw,
    Writing,
    exporter,
    literal,
    torch_type,
)
from mmdnn.frameworks.pytorch.graph import Code, Variable

CASTS = {
    "BFLOAT16": "bfloat16", "BOOL": "bool", "DOUBLE": "double", "FLOAT": "float",
    "FLOAT16": "half", "INT32": "int", "INT64": "long",
}  # fmt: skip
"""Types that tensors have a method for."""

SATURATING = {
    "FLOAT8E4M3FN": 448.0, "FLOAT8E4M3FNUZ": 240.0, "FLOAT8E5M2": 57344.0,
    "FLOAT8E5M2FNUZ": 57344.0,
}  # fmt: skip
"""The largest numbers of the eight-bit types (https://onnx.ai/onnx/technical/float8.html)."""

LAST_BEFORE_NAN = 464.0
"""What still rounds to 448 in the type of eight bits that has no infinity; torch saturates there."""


@exporter("Shape", doc="Shape")
def shape(node: Exporting, torch: Writing, x: Variable) -> Code:
    start, end = node.attribute("start", 0), node.attribute("end")
    bounds = "" if start == 0 and end is None else f"[{start or ''}:{'' if end is None else end}]"
    return torch.call("torch.tensor", torch.code("{0}.shape" + bounds, x), **_index_type(x))


def _index_type(x: Variable) -> dict[str, Any]:
    """An empty shape would be a tensor of float32."""
    return {} if x.rank else {"dtype": Raw("torch.int64")}


@exporter("Size", doc="Size")
def size(_node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.call("torch.tensor", torch.method(x, "numel"))


@exporter("Range", doc="Range")
def range_(
    node: Exporting, torch: Writing, start: Variable, limit: Variable, delta: Variable
) -> Code:
    node.ignore("stash_type")
    bounds = [_number(torch, bound) for bound in (start, limit, delta)]
    if start.dtype is None:
        node.refuse("the type of its output is not known")
    if start.dtype.is_floating_point():
        return torch.helper("arange", *bounds, dtype=torch_type(node, start.dtype))
    kind = {} if start.dtype == ir.DataType.INT64 else {"dtype": torch_type(node, start.dtype)}
    first, last, step = bounds
    kept = bounds if step != 1 else [first, last] if first != 0 else [last]
    return torch.call("torch.arange", *kept, **kind)


def _number(torch: Writing, x: Variable) -> Any:
    found = torch.sizes(x)
    if found:
        return found[0]
    array = torch.static(x)
    return torch.method(x, "item") if array is None else literal(array.reshape(()))


@exporter("ConstantOfShape", doc="ConstantOfShape")
def constant_of_shape(node: Exporting, torch: Writing, dims: Variable) -> Code:
    value = node.attribute("value")
    fill = 0.0 if value is None else literal(value.numpy().reshape(()))
    dtype = ir.DataType.FLOAT if value is None else value.dtype
    kind = {} if dtype == ir.DataType.FLOAT else {"dtype": torch_type(node, dtype)}
    sizes = torch.integers(dims)
    wanted = sizes if isinstance(sizes, Code) else tuple(sizes)
    if fill in (0, 1) and not isinstance(fill, bool):
        return torch.call("torch.ones" if fill else "torch.zeros", wanted, **kind)
    return torch.call("torch.full", wanted, fill, **kind)


@exporter("EyeLike", doc="EyeLike")
def eye_like(node: Exporting, torch: Writing, x: Variable) -> Code:
    k = node.attribute("k", 0)
    dtype = node.attribute("dtype") or x.dtype
    rows, columns = torch.size(x, 0), torch.size(x, 1)
    kind = {} if dtype == ir.DataType.FLOAT else {"dtype": torch_type(node, dtype)}
    if k == 0:
        sizes = (rows,) if rows == columns else (rows, columns)
        return torch.call("torch.eye", *sizes, **kind)
    ones = torch.call("torch.ones", rows, columns, **kind)
    return torch.method(torch.method(ones, "tril", k), "triu", k)


@exporter("OneHot", doc="OneHot")
def one_hot(
    node: Exporting, torch: Writing, places: Variable, depth: Variable, values: Variable
) -> Code:
    axis = node.attribute("axis", -1)
    options = {} if axis == -1 else {"axis": axis}
    return torch.helper("one_hot", places, torch.integer(depth), values, **options)


@exporter("Cast", doc="Cast")
def cast(node: Exporting, torch: Writing, x: Variable) -> Code | Variable:
    if node.attribute("round_mode", "up") != "up":
        node.refuse("torch rounds to the nearest number only")
    return converted(node, torch, x, ir.DataType(node.attribute("to")))


@exporter("CastLike", doc="CastLike")
def cast_like(node: Exporting, torch: Writing, x: Variable, like: Variable) -> Code | Variable:
    if like.dtype is None:
        node.refuse("the type it converts to is not known")
    if node.attribute("round_mode", "up") != "up":
        node.refuse("torch rounds to the nearest number only")
    return converted(node, torch, x, like.dtype)


def converted(node: Exporting, torch: Writing, x: Variable, to: ir.DataType) -> Code | Variable:
    """A tensor of another element type."""
    saturate = node.attribute("saturate", 1)
    if x.dtype is not None:
        torch_type(node, x.dtype)
    kind = torch_type(node, to)
    if x.dtype == to:
        return x
    if to.name in CASTS:
        return torch.method(x, CASTS[to.name])
    if saturate and to.name in SATURATING:
        bound = SATURATING[to.name]
        return torch.method(torch.method(x, "clamp", -bound, bound), "to", kind)
    if to == ir.DataType.FLOAT8E4M3FN:
        small = torch.binary("<=", torch.method(x, "abs"), LAST_BEFORE_NAN)
        return torch.method(torch.call("torch.where", small, x, Raw("torch.nan")), "to", kind)
    return torch.method(x, "to", kind)


@exporter("BitCast", doc="BitCast")
def bit_cast(node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.method(x, "view", torch_type(node, node.attribute("to")))
