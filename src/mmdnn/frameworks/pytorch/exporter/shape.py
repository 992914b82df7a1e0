"""Operators that rearrange elements, and that tell shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import Raw


@exporter("Transpose", doc="Transpose")
def transpose(
    node: ExportedNode, torch: Writer, x: Variable, *, perm: list[int] | None = None
) -> Code | Variable:
    axes = perm or list(reversed(range(node.rank(x))))
    moved = [axis for i, axis in enumerate(axes) if axis != i]
    if not moved:
        return x
    if len(moved) == 2:
        return torch.method(x, "transpose", *sorted(moved))
    return torch.method(x, "permute", *axes)


@exporter("Reshape", doc="Reshape")
def reshape(
    node: ExportedNode, torch: Writer, x: Variable, target: Variable, *, allowzero: int
) -> Code:
    wanted = torch.sizes(target)
    if wanted is None:
        options = unless(allow_zero=(bool(allowzero), False))
        return torch.helper("reshape", x, torch.method(target, "tolist"), **options)
    out = _static(node)
    if out is not None and 0 in out:
        return torch.method(x, "reshape", *out)
    if not allowzero:
        wanted = [
            torch.size(x, axis) if size == 0 and isinstance(size, int) else size
            for axis, size in enumerate(wanted)
        ]
    known = node.node.outputs[0].shape
    if known is not None and len(known) == len(wanted) and any(isinstance(w, Code) for w in wanted):
        pairs = zip(wanted, known, strict=True)
        wanted = [d if w == -1 and isinstance(d, int) else w for w, d in pairs]
    return _reshaped(torch, x, wanted) if wanted else torch.method(x, "reshape", ())


def _static(node: ExportedNode) -> tuple[int, ...] | None:
    """The output's shape, where it is known."""
    shape = node.node.outputs[0].shape
    return tuple(shape.numpy()) if shape is not None and shape.is_static() else None


def _reshaped(torch: Writer, x: Variable, wanted: Sequence[int | Code]) -> Code:
    """As `flatten(1)` where that says it; one open size is torch's to find."""
    open_ = [i for i, size in enumerate(wanted) if not isinstance(size, int)]
    if open_ and -1 not in wanted and 0 not in wanted:
        wanted = [-1 if i == open_[0] else size for i, size in enumerate(wanted)]
    shape = x.shape or ()
    if len(wanted) == 2 and len(shape) > 2:
        rest = shape[1:]
        inner = math.prod(rest) if all(isinstance(d, int) for d in rest) else None  # type: ignore[arg-type]
        whole = isinstance(shape[0], int) and wanted[0] == shape[0]
        first_kept = whole or wanted[0] == -1 or _is_size_of(wanted[0], x, 0)
        rest_joined = wanted[1] == inner or (wanted[1] == -1 and wanted[0] != -1)
        if inner != 0 and first_kept and rest_joined:
            return torch.method(x, "flatten", 1)
    return torch.method(x, "reshape", *wanted)


def _is_size_of(size: int | Code, x: Variable, axis: int) -> bool:
    return isinstance(size, Code) and size.text == f"{{0}}.shape[{axis}]" and size.operands == (x,)


@exporter("Flatten", doc="Flatten")
def flatten(node: ExportedNode, torch: Writer, x: Variable, *, axis: int) -> Code | Variable:
    axis = node.axis(x, axis)
    rank = node.rank(x)
    if axis == 0:
        return (
            torch.method(x, "reshape", 1, -1) if x.shape != (1,) else torch.method(x, "view", 1, -1)
        )
    if axis == rank:
        return torch.method(x, "reshape", -1, 1)
    if axis > 1:
        x = torch.method(x, "flatten", 0, axis - 1)  # type: ignore[assignment]
    return x if axis == rank - 1 else torch.method(x, "flatten", 1)


@exporter("Squeeze", doc="Squeeze")
def squeeze(
    node: ExportedNode, torch: Writer, x: Variable, axes: Variable | None = None
) -> Code | Variable:
    if axes is None:
        return torch.method(x, "squeeze")
    if torch.static(axes) is None:
        return torch.method(x, "squeeze", torch.method(axes, "tolist"))
    along = [node.axis(x, axis) for axis in node.ints(axes, "axes")]
    if not along:
        return x
    return torch.method(x, "squeeze", along[0] if len(along) == 1 else tuple(along))


@exporter("Unsqueeze", doc="Unsqueeze")
def unsqueeze(node: ExportedNode, torch: Writer, x: Variable, axes: Variable) -> Code | Variable:
    if torch.static(axes) is None:
        return torch.helper("unsqueeze", x, torch.method(axes, "tolist"))
    given = node.ints(axes, "axes")
    if len(given) == 1:
        return torch.method(x, "unsqueeze", *given)
    rank = node.rank(x) + len(given)
    result: Code | Variable = x
    for axis in sorted(axis % rank for axis in given):
        result = torch.method(result, "unsqueeze", axis)
    return result


@exporter("Expand", doc="Expand")
def expand(node: ExportedNode, torch: Writer, x: Variable, target: Variable) -> Code:
    wanted = torch.sizes(target)
    rank = x.rank
    if wanted is None or rank is None:
        sizes = torch.method(target, "tolist") if wanted is None else tuple(wanted)
        return torch.method(
            x, "expand", torch.call("torch.broadcast_shapes", _shape(x, torch), sizes)
        )
    ahead = len(wanted) - rank
    if any(not isinstance(size, int) and _may_stay(x, i - ahead) for i, size in enumerate(wanted)):
        both = torch.call("torch.broadcast_shapes", _shape(x, torch), tuple(wanted))
        return torch.method(x, "expand", both)
    kept = [-1] * max(-ahead, 0)
    for i, size in enumerate(wanted):
        kept.append(-1 if size == 1 and i >= ahead else size)  # type: ignore[arg-type]
    return torch.method(x, "expand", *kept) if kept else torch.method(x, "expand", ())


def _may_stay(x: Variable, axis: int) -> bool:
    """Whether an axis that is to become some size may be larger already, the size being 1."""
    return axis >= 0 and x.shape is not None and x.shape[axis] != 1


def _shape(x: Variable, torch: Writer) -> Code:
    return torch.code("{0}.shape", x)


@exporter("Tile", doc="Tile")
def tile(_node: ExportedNode, torch: Writer, x: Variable, repeats: Variable) -> Code:
    times = torch.integers(repeats)
    if isinstance(times, Code):
        return torch.method(x, "tile", times)
    return torch.method(x, "repeat", *times)


@exporter("DepthToSpace", doc="DepthToSpace")
def depth_to_space(
    _node: ExportedNode, torch: Writer, x: Variable, *, blocksize: int, mode: str
) -> Code:
    if mode == "CRD":
        return torch.call("F.pixel_shuffle", x, blocksize)
    return torch.helper("depth_to_space", x, blocksize)


@exporter("SpaceToDepth", doc="SpaceToDepth")
def space_to_depth(
    _node: ExportedNode, torch: Writer, x: Variable, *, blocksize: int, **others: Any
) -> Code:
    if others.get("mode") == "CRD":
        return torch.call("F.pixel_unshuffle", x, blocksize)
    return torch.helper("space_to_depth", x, blocksize)


@exporter("Trilu", doc="Trilu")
def trilu(
    _node: ExportedNode, torch: Writer, x: Variable, k: Variable | None = None, *, upper: int
) -> Code:
    diagonal = 0 if k is None else torch.integer(k)
    return torch.method(x, "triu" if upper else "tril", *([] if diagonal == 0 else [diagonal]))


@exporter("Shape", doc="Shape")
def shape(
    _node: ExportedNode, torch: Writer, x: Variable, *, start: int, end: int | None = None
) -> Code:
    bounds = "" if start == 0 and end is None else f"[{start or ''}:{'' if end is None else end}]"
    return torch.call("torch.tensor", torch.code("{0}.shape" + bounds, x), **_index_type(x))


def _index_type(x: Variable) -> dict[str, Any]:
    """An empty shape would be a tensor of float32."""
    return {} if x.rank else {"dtype": Raw("torch.int64")}


@exporter("Size", doc="Size")
def size(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.call("torch.tensor", torch.method(x, "numel"))
