"""Operators that rearrange elements: reshape, transpose, join, split, repeat, pad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter
from mmdnn.frameworks.pytorch.graph import Code, Variable


@exporter("Transpose", doc="Transpose")
def transpose(node: Exporting, torch: Writing, x: Variable) -> Code | Variable:
    axes = node.attribute("perm") or list(reversed(range(node.rank(x))))
    moved = [axis for i, axis in enumerate(axes) if axis != i]
    if not moved:
        return x
    if len(moved) == 2:
        return torch.method(x, "transpose", *sorted(moved))
    return torch.method(x, "permute", *axes)


@exporter("Reshape", doc="Reshape")
def reshape(node: Exporting, torch: Writing, x: Variable, target: Variable) -> Code:
    literal_zero = bool(node.attribute("allowzero", 0))
    wanted = torch.sizes(target)
    if wanted is None:
        options = {"allow_zero": True} if literal_zero else {}
        return torch.helper("reshape", x, torch.method(target, "tolist"), **options)
    out = _static(node)
    if out is not None and 0 in out:
        return torch.method(x, "reshape", *out)
    if not literal_zero:
        wanted = [
            torch.size(x, axis) if size == 0 and isinstance(size, int) else size
            for axis, size in enumerate(wanted)
        ]
    known = node.node.outputs[0].shape
    if known is not None and len(known) == len(wanted) and any(isinstance(w, Code) for w in wanted):
        pairs = zip(wanted, known, strict=True)
        wanted = [d if w == -1 and isinstance(d, int) else w for w, d in pairs]
    return _reshaped(torch, x, wanted) if wanted else torch.method(x, "reshape", ())


def _static(node: Exporting) -> tuple[int, ...] | None:
    """The output's shape, where it is known."""
    shape = node.node.outputs[0].shape
    return tuple(shape.numpy()) if shape is not None and shape.is_static() else None


def _reshaped(torch: Writing, x: Variable, wanted: Sequence[int | Code]) -> Code:
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
def flatten(node: Exporting, torch: Writing, x: Variable) -> Code | Variable:
    axis = node.axis(x, node.attribute("axis", 1))
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


def axes_of(node: Exporting, torch: Writing, axes: Variable | None) -> list[int] | None:
    """Axes, an attribute before opset 13 and an input since."""
    return node.attribute("axes") if axes is None else torch.ints(axes, "axes")


@exporter("Squeeze", doc="Squeeze")
def squeeze(
    node: Exporting, torch: Writing, x: Variable, axes: Variable | None = None
) -> Code | Variable:
    if axes is not None and torch.static(axes) is None:
        return torch.method(x, "squeeze", torch.method(axes, "tolist"))
    given = axes_of(node, torch, axes)
    if given is None:
        return torch.method(x, "squeeze")
    along = [node.axis(x, axis) for axis in given]
    if not along:
        return x
    return torch.method(x, "squeeze", along[0] if len(along) == 1 else tuple(along))


@exporter("Unsqueeze", doc="Unsqueeze")
def unsqueeze(
    node: Exporting, torch: Writing, x: Variable, axes: Variable | None = None
) -> Code | Variable:
    if axes is not None and torch.static(axes) is None:
        return torch.helper("unsqueeze", x, torch.method(axes, "tolist"))
    given = axes_of(node, torch, axes) or []
    if len(given) == 1:
        return torch.method(x, "unsqueeze", *given)
    rank = node.rank(x) + len(given)
    result: Any = x
    for axis in sorted(axis % rank for axis in given):
        result = torch.method(result, "unsqueeze", axis)
    return result


@exporter("Concat", doc="Concat")
def concat(node: Exporting, torch: Writing, *xs: Variable) -> Code | Variable:
    axis = node.attribute("axis")
    return xs[0] if len(xs) == 1 else torch.call("torch.cat", list(xs), axis)


@exporter("Split", doc="Split")
def split(node: Exporting, torch: Writing, x: Variable, sizes: Variable | None = None) -> Any:
    axis = node.axis(x, node.attribute("axis", 0))
    count = node.attribute("num_outputs", len(node.node.outputs))
    given: Any = node.attribute("split") if sizes is None else torch.integers(sizes)
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


@exporter("Expand", doc="Expand")
def expand(node: Exporting, torch: Writing, x: Variable, target: Variable) -> Code:
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
    return torch.method(x, "expand", *kept)


def _may_stay(x: Variable, axis: int) -> bool:
    """Whether an axis that is to become some size may be larger already, the size being 1."""
    return axis >= 0 and x.shape is not None and x.shape[axis] != 1


def _shape(x: Variable, torch: Writing) -> Code:
    return torch.code("{0}.shape", x)


@exporter("Tile", doc="Tile")
def tile(_node: Exporting, torch: Writing, x: Variable, repeats: Variable) -> Code:
    times = torch.integers(repeats)
    if isinstance(times, Code):
        return torch.method(x, "tile", times)
    return torch.method(x, "repeat", *times)


MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@exporter("Pad", doc="Pad")
def pad(
    node: Exporting,
    torch: Writing,
    x: Variable,
    pads: Variable,
    value: Variable | None = None,
    axes: Variable | None = None,
) -> Code | Variable:
    mode = node.attribute("mode", "constant")
    if mode not in {"constant", "edge", "reflect", "wrap"}:
        node.refuse(f"there is no padding mode {mode!r}")
    given = torch.sizes(pads)
    computed = axes is not None and torch.static(axes) is None
    if computed or given is None or not all(isinstance(p, int) for p in given):
        return _dynamic_pad(node, torch, x, pads, value, axes, mode)
    count = len(given) // 2
    rank = count if axes is None else node.rank(x)
    along = (
        list(range(rank)) if axes is None else [node.axis(x, a) for a in torch.ints(axes, "axes")]
    )
    sides: dict[int, tuple[int, int]] = {
        axis: (int(given[i]), int(given[i + count]))  # type: ignore[arg-type]
        for i, axis in enumerate(along)
    }
    sides = {axis: both for axis, both in sides.items() if any(both)}
    if not sides:
        return x
    flat: list[int] = []
    for axis in range(rank - 1, min(sides) - 1, -1):
        flat += sides.get(axis, (0, 0))
    if mode == "constant":
        fill = _fill(node, torch, x, value)
        return torch.call("F.pad", x, tuple(flat), **fill)
    if _torch_can_mirror(x, sides, mode):
        flat += [0] * (2 * (rank - 2) - len(flat))
        return torch.call("F.pad", x, tuple(flat), mode=MODES[mode])
    return torch.helper("pad", x, tuple(flat), mode)


def _fill(node: Exporting, torch: Writing, x: Variable, value: Variable | None) -> dict[str, Any]:
    """`value=` for `F.pad`, unless it is 0."""
    if value is None:
        return {}
    number = torch.static(value)
    if number is None:
        return {"value": torch.method(value, "item")}
    item = number.reshape(-1)[0]
    if isinstance(item, np.integer) and abs(int(item)) >= 1 << 53:
        node.refuse("torch pads with numbers of at most 53 bits")
    return {} if item == 0 else {"value": item}


def _torch_can_mirror(x: Variable, sides: dict[int, tuple[int, int]], mode: str) -> bool:
    """Whether `F.pad` has this case: up to 3 last axes, floating point, within the image."""
    rank, shape = x.rank, x.shape
    if rank not in {2, 3, 4, 5} or shape is None or min(sides) < max(1, rank - 3):
        return False
    if x.dtype is None or not x.dtype.is_floating_point():
        return False
    for axis, both in sides.items():
        size = shape[axis]
        inside = mode == "edge" or not isinstance(size, int) or max(both) < size
        if min(both) < 0 or not inside:
            return False
    return True


def _dynamic_pad(
    node: Exporting,
    torch: Writing,
    x: Variable,
    pads: Variable,
    value: Variable | None,
    axes: Variable | None,
    mode: str,
) -> Code:
    """Pads computed while the model runs, in ONNX's order of all begins and all ends."""
    options: dict[str, Any] = {}
    if axes is not None:
        options["axes"] = torch.integers(axes)
    flat = torch.helper("flat_pads", torch.integers(pads), torch.method(x, "dim"), **options)
    if mode == "constant":
        return torch.call("F.pad", x, flat, **_fill(node, torch, x, value))
    return torch.helper("pad", x, flat, mode)


@exporter("DepthToSpace", doc="DepthToSpace")
def depth_to_space(node: Exporting, torch: Writing, x: Variable) -> Code:
    size = node.attribute("blocksize")
    if node.attribute("mode", "DCR") == "CRD":
        return torch.call("F.pixel_shuffle", x, size)
    return torch.helper("depth_to_space", x, size)


@exporter("SpaceToDepth", doc="SpaceToDepth")
def space_to_depth(node: Exporting, torch: Writing, x: Variable) -> Code:
    size = node.attribute("blocksize")
    if node.attribute("mode", "DCR") == "CRD":
        return torch.call("F.pixel_unshuffle", x, size)
    return torch.helper("space_to_depth", x, size)


@exporter("ReverseSequence", doc="ReverseSequence")
def reverse_sequence(node: Exporting, torch: Writing, x: Variable, lengths: Variable) -> Code:
    batch, time = node.attribute("batch_axis", 1), node.attribute("time_axis", 0)
    return torch.helper("reverse_sequence", x, lengths, time, batch)


@exporter("Trilu", doc="Trilu")
def trilu(node: Exporting, torch: Writing, x: Variable, k: Variable | None = None) -> Code:
    name = "triu" if node.attribute("upper", 1) else "tril"
    diagonal = 0 if k is None else torch.integer(k)
    return torch.method(x, name, *([] if diagonal == 0 else [diagonal]))
