"""Operators that pick and place elements: slices, gathers, scatters, the largest."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import ATOM, Code

FAR = 1 << 31
"""Bounds from here on mean the end of an axis."""

NON_NEGATIVE = {"ArgMax", "ArgMin", "TopK", "NonZero", "Range", "Shape"}
"""Operators whose integers are no negative indices."""


@exporter("Slice", doc="Slice")
def slice_(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    starts: Variable,
    ends: Variable,
    axes: Variable | None = None,
    steps: Variable | None = None,
) -> Code | Variable:
    first, last = torch.sizes(starts), torch.sizes(ends)
    by = [1] * len(first or ()) if steps is None else torch.sizes(steps)
    along = list(range(len(first or ()))) if axes is None else torch.sizes(axes)
    fixed = _ints(by) and _ints(along)
    if first is None or last is None or not fixed or (_backwards(by) and not _ints(first + last)):
        return _computed_slice(torch, x, starts, ends, axes, steps)
    cuts: dict[int, str] = {}
    operands: list[Code | Variable] = [x]
    turned = []
    for start, end, axis, step in zip(first, last, along, by, strict=True):  # type: ignore[arg-type]
        place = node.axis(x, int(axis))  # type: ignore[arg-type]
        size = x.shape[place] if x.shape is not None else None
        cut, flip = _cut(node, start, end, int(step), size, operands)  # type: ignore[arg-type]
        turned += [place] if flip else []
        if cut != ":":
            cuts[place] = cut
    if turned:
        operands[0] = torch.method(x, "flip", turned[0] if len(turned) == 1 else tuple(turned))
    if not cuts:
        return operands[0]
    return torch.code("{0}" + subscript(cuts, x.rank), *operands, needs=(ATOM,))


def _ints(items: Any) -> bool:
    return items is not None and all(isinstance(item, int) for item in items)


def _backwards(steps: Any) -> bool:
    return any(step < 0 for step in steps)


def _cut(
    node: ExportedNode,
    start: int | Code,
    end: int | Code,
    step: int,
    size: int | str | None,
    operands: list[Any],
) -> tuple[str, bool]:
    """One axis of a slice as Python text, and whether the axis is to be turned round first."""
    if step == 0:
        node.refuse("a step of 0")
    if step < 0:
        assert isinstance(start, int)
        assert isinstance(end, int)
        if isinstance(size, int) and start < -size:
            node.refuse("it starts before the first element, going backwards")
        start, end, step = _mirrored(start), _mirrored(end), -step
        return _text(start, end, step, size, operands), True
    return _text(start, end, step, size, operands), False


def _mirrored(bound: int) -> int:
    """A bound of an axis as counted from its other end."""
    return -1 - bound


def _text(
    start: int | Code, end: int | Code, step: int, size: int | str | None, operands: list[Any]
) -> str:
    """A slice from front to back, bounds left out where they are the axis's own."""
    start, end = _within(start, size), _within(end, size)
    bounds = ["" if start == 0 else start, "" if end in (FAR, size) else end]
    texts = []
    for bound in bounds:
        if isinstance(bound, Code):
            operands.append(bound)
            bound = f"{{{len(operands) - 1}}}"
        texts.append(str(bound))
    if step != 1:
        texts.append(str(step))
    if any(isinstance(bound, Code) for bound in bounds):
        return " : ".join(texts).strip()
    return ":".join(texts)


def _within(bound: int | Code, size: int | str | None) -> int | Code:
    """A bound as it acts: not beyond the axis, and counted from the front where its size is known."""
    if not isinstance(bound, int):
        return bound
    if isinstance(size, int):
        return min(max(bound + size * (bound < 0), 0), size)
    return FAR if bound >= FAR else 0 if bound <= -FAR else bound


def subscript(places: dict[int, str], rank: int | None) -> str:
    """`[:, 1:3]`: what stands in brackets behind a tensor."""
    if min(places) < 0:
        inner = [places.get(axis, ":") for axis in range(min(places), 0)]
        return f"[..., {', '.join(inner)}]"
    if rank is not None and rank > 3 and min(places) > rank / 2:
        inner = [places.get(axis, ":") for axis in range(min(places), rank)]
        return f"[..., {', '.join(inner)}]"
    return f"[{', '.join(places.get(axis, ':') for axis in range(max(places) + 1))}]"


def _computed_slice(
    torch: Writer,
    x: Variable,
    starts: Variable,
    ends: Variable,
    axes: Variable | None,
    steps: Variable | None,
) -> Code:
    options = {
        name: torch.integers(given)
        for name, given in (("axes", axes), ("steps", steps))
        if given is not None
    }
    return torch.helper("slice_axes", x, torch.integers(starts), torch.integers(ends), **options)


@exporter("Gather", doc="Gather")
def gather(node: ExportedNode, torch: Writer, x: Variable, places: Variable, *, axis: int) -> Code:
    axis = node.axis(x, axis)
    array = torch.static(places)
    if array is not None and array.ndim <= 1 and array.size <= 16:
        return torch.code("{0}" + subscript({axis: "{1}"}, x.rank), x, array, needs=(ATOM,))
    found = torch.sizes(places)
    if found is not None and places.rank == 0:
        return torch.code("{0}" + subscript({axis: "{1}"}, x.rank), x, found[0], needs=(ATOM,))
    if axis == 0 and _is_table(x) and places.value is not None and places.value.is_graph_input():
        count, size = (int(dim) for dim in x.shape or ())  # type: ignore[arg-type]
        return torch.module("nn.Embedding", count, size, tensors={"weight": x})(places)
    return torch.code("{0}" + subscript({axis: "{1}"}, x.rank), x, places, needs=(ATOM,))


def _is_table(x: Variable) -> bool:
    return x.constant is not None and x.rank == 2 and x.constant.dtype.is_floating_point()


def positive(torch: Writer, x: Variable, places: Variable, axis: int) -> Any:
    """Indices for torch functions that know no negative ones, as int64."""
    array = torch.static(places)
    node = places.value.producer() if places.value is not None else None
    known = (array is not None and (array.size == 0 or array.min() >= 0)) or (
        node is not None and node.op_type in NON_NEGATIVE
    )
    result: Any = places if known else torch.binary("%", places, torch.size(x, axis))
    return result if places.dtype == ir.DataType.INT64 else torch.method(result, "long")


@exporter("GatherElements", doc="GatherElements")
def gather_elements(
    node: ExportedNode, torch: Writer, x: Variable, places: Variable, *, axis: int
) -> Code:
    axis = node.axis(x, axis)
    return torch.method(x, "gather", axis, positive(torch, x, places, axis))


@exporter("GatherND", doc="GatherND")
def gather_nd(
    _node: ExportedNode, torch: Writer, x: Variable, places: Variable, *, batch_dims: int
) -> Code:
    if batch_dims:
        return torch.helper("gather_nd", x, places, batch_dims)
    return torch.code("{0}[{1}]", x, torch.method(places, "unbind", -1), needs=(ATOM,))


REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
"""ONNX's names and torch's."""


@exporter("ScatterElements", doc="ScatterElements")
def scatter_elements(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    places: Variable,
    updates: Variable,
    *,
    axis: int,
    reduction: str,
) -> Code:
    axis = node.axis(x, axis)
    index = positive(torch, x, places, axis)
    if reduction == "none":
        return torch.method(x, "scatter", axis, index, updates)
    if reduction == "add":
        return torch.method(x, "scatter_add", axis, index, updates)
    return torch.method(x, "scatter_reduce", axis, index, updates, REDUCTIONS[reduction])


@exporter("ScatterND", doc="ScatterND")
def scatter_nd(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    places: Variable,
    updates: Variable,
    *,
    reduction: str,
) -> Code:
    index = torch.method(places, "unbind", -1)
    if reduction == "none":
        return torch.method(x, "index_put", index, updates)
    if reduction == "add":
        return torch.method(x, "index_put", index, updates, accumulate=True)
    return torch.helper("scatter_nd", x, places, updates, REDUCTIONS[reduction])


@exporter("TensorScatter", doc="TensorScatter")
def tensor_scatter(
    _node: ExportedNode,
    torch: Writer,
    past: Variable,
    update: Variable,
    places: Variable | None = None,
    *,
    axis: int,
    mode: str,
) -> Code:
    options = {"axis": axis, **unless(circular=(mode == "circular", False))}
    return torch.helper(
        "tensor_scatter", past, update, *([] if places is None else [places]), **options
    )


@exporter("Compress", doc="Compress")
def compress(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    condition: Variable,
    *,
    axis: int | None = None,
) -> Code:
    kept = torch.method(torch.method(condition, "nonzero"), "flatten")
    if axis is None:
        return torch.code("{0}[{1}]", torch.method(x, "flatten"), kept, needs=(ATOM,))
    return torch.method(x, "index_select", node.axis(x, axis), kept)


@exporter("NonZero", doc="NonZero")
def non_zero(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.code("{0}.T", torch.method(x, "nonzero"), needs=(ATOM,))


UNIQUE_RESULTS = 4
"""What the helper returns: the elements, where they stand first, which is which, how often."""


@exporter("Unique", doc="Unique")
def unique(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    *,
    axis: int | None = None,
    sorted: int,  # noqa: A002 - ONNX's name
) -> Code:
    options = unless(dim=(axis, None), is_sorted=(bool(sorted), True))
    found = torch.helper("unique", x, **options)
    if node.outputs == UNIQUE_RESULTS:
        return found
    part = f":{node.outputs}" if node.outputs > 1 else "0"
    return torch.code(f"{{0}}[{part}]", found, needs=(ATOM,))


@exporter("OneHot", doc="OneHot")
def one_hot(
    _node: ExportedNode,
    torch: Writer,
    places: Variable,
    depth: Variable,
    values: Variable,
    *,
    axis: int,
) -> Code:
    options = unless(axis=(axis, -1))
    return torch.helper("one_hot", places, torch.integer(depth), values, **options)


@exporter("TopK", doc="TopK", unused="sorted")
def top_k(
    node: ExportedNode, torch: Writer, x: Variable, k: Variable, *, axis: int, largest: int
) -> Code:
    options = unless(largest=(bool(largest), True))
    both = torch.helper("top_k", x, torch.integer(k), node.axis(x, axis), **options)
    return both if node.wants(1) else torch.code("{0}[0]", both, needs=(ATOM,))
