"""Operators that make tensors."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, torch_type
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import native


@exporter("Range", doc="Range", unused="stash_type")
def range_(
    node: ExportedNode, torch: Writer, start: Variable, limit: Variable, delta: Variable
) -> Code:
    bounds = [_number(torch, bound) for bound in (start, limit, delta)]
    if start.dtype is None:
        node.refuse("the type of its output is not known")
    if start.dtype.is_floating_point():
        return torch.helper("arange", *bounds, dtype=torch_type(node, start.dtype))
    kind = {} if start.dtype == ir.DataType.INT64 else {"dtype": torch_type(node, start.dtype)}
    first, last, step = bounds
    kept = bounds if step != 1 else [first, last] if first != 0 else [last]
    return torch.call("torch.arange", *kept, **kind)


def _number(torch: Writer, x: Variable) -> Any:
    found = torch.sizes(x)
    if found:
        return found[0]
    array = torch.static(x)
    return torch.method(x, "item") if array is None else array.item()


@exporter("ConstantOfShape", doc="ConstantOfShape")
def constant_of_shape(
    node: ExportedNode, torch: Writer, dims: Variable, *, value: ir.TensorProtocol | None = None
) -> Code:
    fill = 0.0 if value is None else native(value.numpy().reshape(()))
    dtype = ir.DataType.FLOAT if value is None else value.dtype
    kind = {} if dtype == ir.DataType.FLOAT else {"dtype": torch_type(node, dtype)}
    wanted = torch.integers(dims, tuple)
    if fill in (0, 1) and not isinstance(fill, bool):
        return torch.call("torch.ones" if fill else "torch.zeros", wanted, **kind)
    return torch.call("torch.full", wanted, fill, **kind)


@exporter("EyeLike", doc="EyeLike")
def eye_like(
    node: ExportedNode, torch: Writer, x: Variable, *, k: int, dtype: int | None = None
) -> Code:
    element = dtype or x.dtype
    rows, columns = torch.size(x, 0), torch.size(x, 1)
    kind = {} if element == ir.DataType.FLOAT else {"dtype": torch_type(node, element)}
    if k == 0:
        sizes = (rows,) if rows == columns else (rows, columns)
        return torch.call("torch.eye", *sizes, **kind)
    ones = torch.call("torch.ones", rows, columns, **kind)
    return torch.method(torch.method(ones, "tril", k), "triu", k)
