"""Reductions, arg reductions and cumulative sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.sizes import product
from mmdnn.frameworks.pytorch.exporter.table import (
    ExportedNode,
    Writer,
    exporter,
    is_floating,
    torch_type,
    unless,
)
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code

Options = dict[str, Any]
Axes = tuple[int, ...] | Code | None
"""Axes to reduce over; None for all of them, code where they are computed."""

Reduction = Callable[[ExportedNode, Writer, Any, Axes, Options], Code | Variable]


def reduction(operator: str, empty: float | None = None) -> Callable[[Reduction], Reduction]:
    """Register how to reduce over the axes (None: all of them), with `keepdim` if it is to be kept.

    Args:
        operator: The ONNX operator.
        empty: What an empty set gives, where torch has no answer.
    """

    def register(function: Reduction) -> Reduction:
        @exporter(operator, doc=operator)
        def reduce(
            node: ExportedNode,
            torch: Writer,
            x: Variable,
            axes: Variable | None = None,
            *,
            keepdims: int,
            noop_with_empty_axes: int,
        ) -> Code | Variable:
            over = _axes(node, torch, x, axes, noop_with_empty_axes)
            options = unless(keepdim=(bool(keepdims), False))
            if over == ():
                each = ELEMENTS.get(node.type)
                return x if each is None else torch.call(f"torch.{each}", x)
            if empty is not None and _is_empty(node, x):
                return _filled(node, torch, empty)
            if over is None and options:
                over = tuple(range(node.rank(x)))
            if over == ():
                over, options = None, {}
            return function(node, torch, x, over, options)

        return function

    return register


def _axes(node: ExportedNode, torch: Writer, x: Variable, axes: Variable | None, none: int) -> Axes:
    """The axes to reduce over: None for all, () for none."""
    given: list[int] = []
    if axes is not None and torch.static(axes) is not None:
        given = node.ints(axes, "axes")
    elif axes is not None and axes.shape != (0,):
        if none and not isinstance((axes.shape or (None,))[0], int):
            node.refuse("whether it has axes is computed while the model runs")
        return torch.method(axes, "tolist")
    if not given:
        return () if none else None
    found = tuple(sorted(node.axis(x, axis) for axis in given))
    return None if x.rank is not None and len(found) == x.rank else found


ELEMENTS = {
    "ReduceL1": "abs",
    "ReduceL2": "abs",
    "ReduceLogSum": "log",
    "ReduceSumSquare": "square",
}
"""What is done to each element: what remains where there are no axes at all."""


def _is_empty(node: ExportedNode, x: Variable) -> bool:
    out = node.node.outputs[0].shape
    return 0 in (x.shape or ()) and out is not None and 0 not in out


def _filled(node: ExportedNode, torch: Writer, value: float) -> Code:
    """The value for empty sets: the type's bound where it has no infinity."""
    output = node.node.outputs[0]
    assert output.shape is not None
    if not output.shape.is_static() or output.dtype is None:
        node.refuse("it reduces an empty set to a shape that is not known")
    number: float | int | bool = value
    if output.dtype == ir.DataType.BOOL:
        number = value > 0
    elif not output.dtype.is_floating_point():
        number = int(output.dtype.max if value > 0 else output.dtype.min)
    kind = torch_type(node, output.dtype)
    return torch.call("torch.full", tuple(output.shape.numpy()), number, dtype=kind)


def _kept(node: ExportedNode, x: Variable) -> Options:
    """`dtype=` for integers that torch would widen."""
    if is_floating(node, x) or x.dtype == ir.DataType.INT64:
        return {}
    return {"dtype": torch_type(node, x.dtype)}


def _dims(over: Axes) -> tuple[Any, ...]:
    """The positional argument for axes."""
    if over is None:
        return ()
    if isinstance(over, Code):
        return (over,)
    return (over[0] if len(over) == 1 else over,)


@reduction("ReduceSum")
def reduce_sum(node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options) -> Code:
    return torch.method(x, "sum", *_dims(over), **keep, **_kept(node, x))


@reduction("ReduceMean")
def reduce_mean(node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options) -> Code:
    if is_floating(node, x):
        return torch.method(x, "mean", *_dims(over), **keep)
    total = reduce_sum(node, torch, x, over, keep)
    if isinstance(over, Code):
        node.refuse("it averages integers over axes computed while the model runs")
    count = product([torch.size(x, a) for a in over or range(node.rank(x))])
    return torch.call("torch.div", total, count, rounding_mode="trunc")


@reduction("ReduceProd")
def reduce_prod(
    node: ExportedNode, torch: Writer, x: Variable, over: Axes, keep: Options
) -> Code | Variable:
    kind = _kept(node, x)
    if over is None:
        return torch.method(x, "prod", **kind)
    if isinstance(over, Code):
        return torch.helper("reduce_prod", x, over, **keep)
    y: Code | Variable = x
    for axis in reversed(over):
        y = torch.method(y, "prod", axis, **keep, **kind)
    return y


@reduction("ReduceMax", empty=float("-inf"))
@reduction("ReduceMin", empty=float("inf"))
def reduce_extreme(node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options) -> Code:
    return torch.method(x, f"a{node.type[-3:].lower()}", *_dims(over), **keep)


@reduction("ReduceL1")
@reduction("ReduceSumSquare")
def reduce_powers(node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options) -> Code:
    powers = torch.method(x, "abs" if node.type == "ReduceL1" else "square")
    return torch.method(powers, "sum", *_dims(over), **keep, **_kept(node, x))


@reduction("ReduceL2")
def reduce_l2(node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options) -> Code:
    if is_floating(node, x):
        axes = {} if over is None else {"dim": _dims(over)[0]}
        return torch.call("torch.linalg.vector_norm", x, **axes, **keep)
    squares = torch.method(
        torch.method(torch.method(x, "double"), "square"), "sum", *_dims(over), **keep
    )
    return torch.method(torch.method(squares, "sqrt"), "to", torch_type(node, x.dtype))


@reduction("ReduceLogSum")
def reduce_log_sum(node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options) -> Code:
    if not is_floating(node, x):
        node.refuse("it takes logarithms of integers")
    return torch.method(torch.method(x, "sum", *_dims(over), **keep), "log")


@reduction("ReduceLogSumExp")
def reduce_log_sum_exp(
    node: ExportedNode, torch: Writer, x: Any, over: Axes, keep: Options
) -> Code:
    if not is_floating(node, x):
        node.refuse("it takes logarithms of integers")
    axes = tuple(range(node.rank(x))) if over is None else over
    return torch.method(x, "logsumexp", *_dims(axes), **keep)


@exporter("ArgMax", "ArgMin", doc="ArgMax")
def arg_extreme(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    *,
    axis: int,
    keepdims: int,
    select_last_index: int,
) -> Code:
    axis, keep = node.axis(x, axis), unless(keepdim=(bool(keepdims), False))
    function = node.type.lower()
    if not select_last_index:
        return torch.method(x, function, axis, **keep)
    last = torch.affine(torch.size(x, axis), 1, -1)
    return torch.binary(
        "-", last, torch.method(torch.method(x, "flip", axis), function, axis, **keep)
    )


@exporter("CumSum", "CumProd", doc="CumSum")
def cumulative(
    node: ExportedNode, torch: Writer, x: Variable, axis: Variable, *, exclusive: int, reverse: int
) -> Code:
    place = torch.integer(axis)
    along: Any = node.axis(x, place) if isinstance(place, int) else place
    if isinstance(along, Code) and reverse:
        along = torch.let("axis", along)
    kind = _kept(node, x)
    start: Any = torch.method(x, "flip", along) if reverse else x
    if exclusive:
        function = {"CumSum": "exclusive_cumsum", "CumProd": "exclusive_cumprod"}[node.type]
        result = torch.helper(function, start, along)
    else:
        result = torch.method(start, node.type.lower(), along, **kind)
    return torch.method(result, "flip", along) if reverse else result
