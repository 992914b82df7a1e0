"""Random numbers: torch's own generator, with other numbers than any other engine's."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, torch_type
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code


def _filled(
    node: ExportedNode,
    torch: Writer,
    like: Variable | None,
    shape: list[int] | None,
    dtype: int | None,
) -> Code:
    """A tensor that the numbers are to be written into."""
    sizes: Any = tuple(shape or ()) if like is None else torch.code("{0}.shape", like)
    element = dtype or (None if like is None else like.dtype)
    return torch.call("torch.empty", sizes, dtype=torch_type(node, element))


@exporter("RandomNormal", "RandomNormalLike", doc="RandomNormal", unused="seed")
def normal(
    node: ExportedNode,
    torch: Writer,
    like: Variable | None = None,
    *,
    mean: float,
    scale: float,
    dtype: int | None = None,
    shape: list[int] | None = None,
) -> Code:
    return torch.method(_filled(node, torch, like, shape, dtype), "normal_", mean, scale)


@exporter("RandomUniform", "RandomUniformLike", doc="RandomUniform", unused="seed")
def uniform(
    node: ExportedNode,
    torch: Writer,
    like: Variable | None = None,
    *,
    low: float,
    high: float,
    dtype: int | None = None,
    shape: list[int] | None = None,
) -> Code:
    return torch.method(_filled(node, torch, like, shape, dtype), "uniform_", low, high)


@exporter("Bernoulli", doc="Bernoulli", unused="seed")
def bernoulli(node: ExportedNode, torch: Writer, x: Variable, *, dtype: int | None = None) -> Code:
    drawn = torch.call("torch.bernoulli", x)
    kind = torch_type(node, dtype or x.dtype)
    return drawn if kind == torch_type(node, x.dtype) else torch.method(drawn, "to", kind)


@exporter("Multinomial", doc="Multinomial", unused="seed")
def multinomial(
    node: ExportedNode, torch: Writer, x: Variable, *, sample_size: int, dtype: int
) -> Code:
    kind, shares = torch_type(node, dtype), torch.method(x, "softmax", 1)
    drawn = torch.call("torch.multinomial", shares, sample_size, replacement=True)
    return drawn if kind == "torch.int64" else torch.method(drawn, "to", kind)
