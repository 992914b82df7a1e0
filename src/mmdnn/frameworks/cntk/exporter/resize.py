"""Resizing: copies are gathered, mixtures are products with a matrix, for each axis."""

from __future__ import annotations

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.matmul import along
from mmdnn.frameworks.cntk.exporter.operand import Operand, sizes
from mmdnn.frameworks.cntk.exporter.selection import chosen, repeated_elements
from mmdnn.frameworks.cntk.exporter.table import exporter
from mmdnn.frameworks.cntk.graph import FREE
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.resampling import PLACES, Resampling


@exporter(
    "Resize", doc="https://onnx.ai/onnx/operators/onnx__Resize.html", unused="extrapolation_value"
)
def resize(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    roi: Operand | None = None,
    scales: Operand | None = None,
    wanted: Operand | None = None,
    *,
    mode: str,
    coordinate_transformation_mode: str,
    nearest_mode: str,
    cubic_coeff_a: float,
    exclude_outside: int,
    antialias: int,
    keep_aspect_ratio_policy: str,
    axes: list[int] | None = None,
) -> Operand:
    if keep_aspect_ratio_policy != "stretch":
        node.refuse("its sizes keep the ratio of height and width")
    if coordinate_transformation_mode not in PLACES:
        node.refuse(f"its coordinates are {coordinate_transformation_mode}")
    found = sizes(node.output.shape)
    if found is None:
        node.refuse("the size of its output is open")
    if found == x.sizes and FREE not in found:
        return x
    how = Resampling(
        mode,
        coordinate_transformation_mode,
        nearest_mode,
        cubic_coeff_a,
        exclude_outside=bool(exclude_outside),
        antialias=bool(antialias),
    )
    given = scales.numbers() if scales is not None else None
    for place, axis in enumerate(range(x.rank) if axes is None else axes):
        position = node.front(axis, x.rank)
        new, size = found[position], x.dims[position]
        scale = float(given.reshape(-1)[place]) if given is not None and given.size else None
        if scale == 1 or _stays(node, position, scale):
            continue
        if not isinstance(size, int) or FREE in (size, new):
            x = _copied(node, cntk, x, position, scale if how.repeats else None)
        elif mode == "nearest":
            x = chosen(cntk, x, position, how.indices(size, new, scale))
        else:
            x = along(cntk, x, position, how.matrix(size, new, scale).T)
    return x


def _stays(node: ExportedNode, position: int, scale: float | None) -> bool:
    """Whether an axis, maybe of open size, is to have the size that it has."""
    source, after = node.node.inputs[0], list(node.output.shape or ())
    before = list(source.shape or ()) if source is not None else []
    return scale is None and position < len(before) and before[position] == after[position]


def _copied(
    node: ExportedNode, cntk: CNTK, x: Operand, position: int, scale: float | None
) -> Operand:
    """Each element of an axis of open size as often as a whole scale says."""
    if x.layout[position] is not None or scale is None or scale % 1:
        node.refuse("the size of its input is open")
    return repeated_elements(cntk, x, position, int(scale))
