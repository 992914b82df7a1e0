"""Comparisons, truth values, and choosing by them."""

from __future__ import annotations

from mmdnn.frameworks.mxnet.exporter.elementwise import same_shape, scalar
from mmdnn.frameworks.mxnet.exporter.shape import like, with_rank
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.shapes import closed

_COMPARE = {
    "Greater": ("greater", "lesser"),
    "GreaterOrEqual": ("greater_equal", "lesser_equal"),
    "Less": ("lesser", "greater"),
    "LessOrEqual": ("lesser_equal", "greater_equal"),
    "Equal": ("equal", "equal"),
}
"""MXNet's word, and the one for exchanged sides."""


@exporter(*_COMPARE, doc="Greater")
def compare(node: ExportedNode, mx: Writer, a: Array, b: Array) -> Array:
    word, exchanged = _COMPARE[node.type]
    number = scalar(b, a)
    if number is not None:
        return mx.truth(mx.make(f"_{word}_scalar", a, scalar=number))
    number = scalar(a, b)
    if number is not None:
        return mx.truth(mx.make(f"_{exchanged}_scalar", b, scalar=number))
    prefix = "_" if same_shape(a, b) else "broadcast_"
    return mx.truth(mx.make(f"{prefix}{word}", a, b))


@exporter("And", "Or", "Xor", doc="And")
def logical(node: ExportedNode, mx: Writer, a: Array, b: Array) -> Array:
    return mx.make(f"broadcast_logical_{node.type.lower()}", a, b)


@exporter("Not", doc="Not")
def logical_not(node: ExportedNode, mx: Writer, x: Array) -> Array:
    return mx.logical_not(x)


@exporter("Where", doc="Where")
def where(node: ExportedNode, mx: Writer, condition: Array, a: Array, b: Array) -> Array:
    """All three in the output's shape, which one of them must have."""
    arrays = (a, b, condition)
    whole = next((x for x in arrays if all(_fits(other, x) for other in arrays)), None)
    if whole is None:
        return _where_static(node, mx, condition, a, b)
    rank = len(whole.shape or ())
    fitted = [x if x.shape == whole.shape else like(mx, x, whole, rank) for x in (condition, a, b)]
    return mx.where(*fitted)


def _where_static(node: ExportedNode, mx: Writer, condition: Array, a: Array, b: Array) -> Array:
    shape = node.output_shape()
    if shape is None or closed(shape) is None:
        node.refuse("the shape of its output is that of none of its inputs, or not known")
    wide = [with_rank(mx, x, len(shape)) for x in (condition, a, b)]
    return mx.where(*(mx.broadcast_to(x, shape=shape) for x in wide))


def _fits(x: Array, whole: Array) -> bool:
    """Whether `x` is repeated to the shape of `whole`; where sizes are open MXNet checks it."""
    if x.shape is None or whole.shape is None or len(x.shape) > len(whole.shape):
        return False
    behind = whole.shape[len(whole.shape) - len(x.shape) :]
    return all(
        dim in {1, size} or (size != 1 and not isinstance(dim, int))
        for dim, size in zip(x.shape, behind, strict=True)
    )


@exporter("IsNaN", doc="IsNaN")
def is_nan(node: ExportedNode, mx: Writer, x: Array) -> Array:
    return mx.truth(mx.make("_not_equal", x, x))
