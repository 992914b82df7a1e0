"""Pad: by a constant, the edge, a mirror image or from the other side."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code

MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@exporter("Pad", doc="Pad")
def pad(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    pads: Variable,
    value: Variable | None = None,
    axes: Variable | None = None,
    *,
    mode: str,
) -> Code | Variable:
    if mode != "constant" and mode not in MODES:
        node.refuse(f"there is no padding mode {mode!r}")
    given = torch.sizes(pads)
    computed = axes is not None and torch.static(axes) is None
    if computed or given is None or not all(isinstance(p, int) for p in given):
        return _dynamic_pad(node, torch, x, pads, value, axes, mode)
    count = len(given) // 2
    rank = count if axes is None else node.rank(x)
    along = (
        list(range(rank)) if axes is None else [node.axis(x, a) for a in node.ints(axes, "axes")]
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


def _fill(node: ExportedNode, torch: Writer, x: Variable, value: Variable | None) -> dict[str, Any]:
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
    node: ExportedNode,
    torch: Writer,
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
