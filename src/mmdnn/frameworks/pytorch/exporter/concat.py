"""Joining tensors, and taking them apart."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code


@exporter("Concat", doc="Concat")
def concat(_node: ExportedNode, torch: Writer, *xs: Variable, axis: int) -> Code | Variable:
    return xs[0] if len(xs) == 1 else torch.call("torch.cat", list(xs), axis)


@exporter("Split", doc="Split")
def split(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    sizes: Variable | None = None,
    *,
    axis: int,
    num_outputs: int | None = None,
) -> Any:
    axis = node.axis(x, axis)
    count = num_outputs or len(node.node.outputs)
    given: Any = None if sizes is None else torch.integers(sizes)
    size = torch.size(x, axis)
    if given is None and isinstance(size, int):
        each = -(-size // count)
        given = [max(min(each, size - i * each), 0) for i in range(count)]
    even = given is None or (isinstance(given, list) and len({str(g) for g in given}) == 1)
    if even and all(isinstance(g, int) for g in given or ()) and (given is None or given[0]):
        parts = torch.method(x, "chunk", count, axis)
    else:
        parts = torch.method(x, "split", given, axis)
    outputs = node.node.outputs
    if all(node.wants(i) for i in range(len(outputs))) and len(outputs) > 1:
        return parts
    pieces = torch.let(f"{node.layer}_parts", parts)
    return [torch.code(f"{{0}}[{i}]", pieces) for i in range(len(outputs))]
