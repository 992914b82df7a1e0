"""Constants of the shape of something else."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.importer.elementwise import number
from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op


@importer("Constant", doc=f"{API}/cntk.ops#zeros_like")
def constant(f: ImportedFunction, op: Op, like: Operand | None = None) -> Operand:
    """One number everywhere, in a shape of its own or in another operand's."""
    fill = f.get("fillValue", float)
    if like is not None:
        made = op.Expand(number(like.value, fill), op.Shape(like.value))
        made.shape = like.value.shape
        return Operand(made, like.axes)
    shape = f.get("newShape", Shape)
    if any(size in (graph.FREE, graph.INFERRED) for size in shape):
        f.refuse("its shape is open")
    return Operand(f.builder.constant(np.full(shape, fill, np.float32)))


@importer("EyeLike", doc=f"{API}/cntk.ops#eye_like")
def eye_like(f: ImportedFunction, op: Op, like: Operand) -> Operand:
    """The identity, in the shape of a matrix: of two axes, the dynamic ones counted."""
    f.get("OutputSparse", bool, default=False)
    if like.leading + like.rank != 2:
        f.unfit(f"it takes 2 axes, and there are {like.leading + like.rank}")
    return Operand(op.EyeLike(like.value), like.axes)
