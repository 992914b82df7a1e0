"""Inputs, parameters, constants and placeholders as what makes them."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.codegen.expressions import call
from mmdnn.frameworks.cntk.codegen.table import DTYPES, dynamic_axis
from mmdnn.frameworks.cntk.graph import Variable
from mmdnn.python.expressions import Operand
from mmdnn.python.literals import Raw, native


def dtype_of(variable: Variable) -> Raw | None:
    """The type of a variable's numbers; None where it is CNTK's usual one."""
    if variable.dtype not in DTYPES:
        raise FormatError(f"its numbers are of the type {variable.dtype.name}", layer=variable.uid)
    return None if variable.dtype == ir.DataType.FLOAT else Raw(DTYPES[variable.dtype])


def _shape(shape: graph.Shape | None, variable: Variable) -> Raw:
    if shape is None:
        raise FormatError("it has no shape", layer=variable.name or variable.uid)
    special = {graph.FREE: "C.FreeDimension", graph.INFERRED: "C.InferredDimension"}
    dims = [special.get(dim, str(dim)) for dim in shape]
    return Raw(dims[0] if len(dims) == 1 else f"({', '.join(dims)})")


def fed(variable: Variable) -> Operand:
    """An input."""
    axes = variable.axes
    if axes is None:
        raise FormatError("its dynamic axes are not known", layer=variable.name or variable.uid)
    settings: dict[str, Operand] = {
        "dtype": dtype_of(variable),
        "needs_gradient": True if variable.trained else None,
        "is_sparse": True if variable.sparse else None,
    }
    function = "C.input_variable"
    if len(axes) == 2 and axes[0] == graph.BATCH and axes[1].ordered:
        function = "C.sequence.input_variable"
        default = axes[1] == graph.SEQUENCE
        settings["sequence_axis"] = None if default else Raw(dynamic_axis(axes[1]))
    elif axes != (graph.BATCH,):
        settings["dynamic_axes"] = Raw(f"[{', '.join(map(dynamic_axis, axes))}]")
    settings["name"] = variable.name or None
    return call(function, _shape(variable.shape, variable), **settings)


def unbound(variable: Variable) -> Operand:
    """A placeholder that stands for nothing."""
    axes = variable.axes
    known = None if axes is None else Raw(f"[{', '.join(map(dynamic_axis, axes))}]")
    return call(
        "C.placeholder",
        shape=None if variable.shape is None else _shape(variable.shape, variable),
        dynamic_axes=known,
        name=variable.name or None,
    )


def constant(variable: Variable, values: np.ndarray) -> Operand:
    """A constant whose numbers stand in the source."""
    same = values.size > 0 and bool((values == values.flat[0]).all())
    return call(
        "C.constant",
        native(values.flat[0] if same else values),
        shape=values.shape or None if same else None,
        dtype=dtype_of(variable),
        name=variable.name or None,
    )
