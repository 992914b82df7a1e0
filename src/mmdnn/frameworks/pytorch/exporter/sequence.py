"""Sequences and optionals: Python lists, and None; sequences along an axis."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import ATOM, COMPARE, SUM, Code
from mmdnn.python.statements import Statement


@exporter("SequenceConstruct", doc="SequenceConstruct")
def construct(_node: ExportedNode, torch: Writer, *items: Variable) -> Code:
    return torch.code("{0}", list(items))


@exporter("SequenceEmpty", doc="SequenceEmpty", unused="dtype")
def empty(_node: ExportedNode, torch: Writer) -> Code:
    return torch.code("[]")


@exporter("SequenceLength", doc="SequenceLength")
def length(_node: ExportedNode, torch: Writer, items: Variable) -> Code:
    return torch.code("torch.tensor(len({0}))", items)


@exporter("SequenceAt", doc="SequenceAt")
def at(_node: ExportedNode, torch: Writer, items: Variable, position: Variable) -> Code:
    return torch.code("{0}[{1}]", items, torch.integer(position), needs=(ATOM,))


@exporter("SequenceInsert", doc="SequenceInsert")
def insert(
    _node: ExportedNode,
    torch: Writer,
    items: Variable,
    item: Variable,
    position: Variable | None = None,
) -> Code:
    if position is None:
        return torch.code("{0} + [{1}]", items, item, binds=SUM)
    index: Any = torch.integer(position)
    if isinstance(index, Code):
        index = torch.let("position", index)
    return torch.code("{0}[:{2}] + [{1}] + {0}[{2}:]", items, item, index, binds=SUM, needs=(ATOM,))


@exporter("SequenceErase", doc="SequenceErase")
def erase(
    _node: ExportedNode, torch: Writer, items: Variable, position: Variable | None = None
) -> Code:
    index = -1 if position is None else torch.integer(position)
    if index == -1:
        return torch.code("{0}[:-1]", items)
    if isinstance(index, int):
        return torch.code(f"{{0}}[:{index}] + {{0}}[{index + 1}:]", items, binds=SUM)
    gone = torch.let("position", torch.code("{0} % len({1})", index, items, binds=SUM + 1))
    return torch.code("[item for i, item in enumerate({0}) if i != {1}]", items, gone)


@exporter("ConcatFromSequence", doc="ConcatFromSequence")
def concat(
    _node: ExportedNode, torch: Writer, items: Variable, *, axis: int, new_axis: int
) -> Code:
    return torch.call("torch.stack" if new_axis else "torch.cat", items, dim=axis)


@exporter("SplitToSequence", doc="SplitToSequence")
def split(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    sizes: Variable | None = None,
    *,
    axis: int,
    keepdims: int,
) -> Code:
    if sizes is None:
        parts = torch.method(x, "split", 1, axis) if keepdims else torch.method(x, "unbind", axis)
        return torch.call("list", parts)
    known = torch.static(sizes)
    count: Any = torch.method(sizes, "tolist") if known is None else known.tolist()
    return torch.call("list", torch.method(x, "split", count, axis))


@exporter("SequenceMap", doc="SequenceMap")
def sequence_map(node: ExportedNode, torch: Writer, *inputs: Variable, body: ir.Graph) -> list[Any]:
    lists = [torch.let(str(output.name), Code("[]")) for output in body.outputs]
    items, sources = [], []
    for value, given in zip(body.inputs, inputs, strict=True):
        if given.value is not None and isinstance(given.value.type, ir.SequenceType):
            items.append(torch.scope.variables.setdefault(value, Variable(str(value.name), value)))
            sources.append(given)
        else:
            torch.scope.variables[value] = given
    inside = torch.scope.nodes(body)
    for value, into in zip(body.outputs, lists, strict=True):
        made = torch.scope.variable(value)
        inside.append(Statement([], Code("{0}.append({1})", (into, made), needs=(ATOM,))))
    holes = [f"{{{i}}}" for i in range(2 * len(items))]
    over = holes[1] if len(items) == 1 else f"zip({', '.join(holes[len(items) :])})"
    header = Code(f"for {', '.join(holes[: len(items)])} in {over}:", (*items, *sources))
    torch.scope.statements.append(Statement(items, Code(""), [(header, inside)], node.node))
    return list(lists)


@exporter("Optional", doc="Optional", unused="type")
def optional(_node: ExportedNode, _torch: Writer, x: Variable | None = None) -> Any:
    return Code("None") if x is None else x


@exporter("OptionalGetElement", doc="OptionalGetElement")
def get_element(_node: ExportedNode, _torch: Writer, x: Variable) -> Variable:
    return x


@exporter("OptionalHasElement", doc="OptionalHasElement")
def has_element(_node: ExportedNode, torch: Writer, x: Variable | None = None) -> Code:
    if x is None:
        return torch.code("torch.tensor(False)")
    present = torch.code("{0} is not None", x, binds=COMPARE, needs=(COMPARE + 1,))
    return torch.code("torch.tensor({0})", present)


@exporter("ReverseSequence", doc="ReverseSequence")
def reverse_sequence(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    lengths: Variable,
    *,
    batch_axis: int,
    time_axis: int,
) -> Code:
    return torch.helper("reverse_sequence", x, lengths, time_axis, batch_axis)
