"""Random numbers: torch's own generator, with other numbers than any other engine's."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, torch_type
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import Raw


def _shape(node: Exporting, torch: Writing, like: Variable | None) -> Any:
    if like is None:
        return tuple(node.attribute("shape"))
    return torch.code("{0}.shape", like)


def _dtype(node: Exporting, like: Variable | None) -> Raw:
    found = node.attribute("dtype")
    node.ignore("seed")
    return torch_type(node, found or (like.dtype if like is not None else ir.DataType.FLOAT))


@exporter("RandomNormal", "RandomNormalLike", doc="RandomNormal")
def normal(node: Exporting, torch: Writing, like: Variable | None = None) -> Code:
    made = torch.call("torch.empty", _shape(node, torch, like), dtype=_dtype(node, like))
    return torch.method(made, "normal_", node.attribute("mean", 0.0), node.attribute("scale", 1.0))


@exporter("RandomUniform", "RandomUniformLike", doc="RandomUniform")
def uniform(node: Exporting, torch: Writing, like: Variable | None = None) -> Code:
    made = torch.call("torch.empty", _shape(node, torch, like), dtype=_dtype(node, like))
    return torch.method(made, "uniform_", node.attribute("low", 0.0), node.attribute("high", 1.0))


@exporter("Bernoulli", doc="Bernoulli")
def bernoulli(node: Exporting, torch: Writing, x: Variable) -> Code:
    drawn = torch.call("torch.bernoulli", x)
    dtype = _dtype(node, x)
    return drawn if dtype == torch_type(node, x.dtype) else torch.method(drawn, "to", dtype)


@exporter("Multinomial", doc="Multinomial")
def multinomial(node: Exporting, torch: Writing, x: Variable) -> Code:
    count = node.attribute("sample_size", 1)
    dtype = torch_type(node, node.attribute("dtype", ir.DataType.INT32))
    node.ignore("seed")
    drawn = torch.call("torch.multinomial", torch.method(x, "softmax", 1), count, replacement=True)
    return drawn if dtype == "torch.int64" else torch.method(drawn, "to", dtype)
