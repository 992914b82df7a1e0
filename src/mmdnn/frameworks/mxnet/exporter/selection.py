"""Choosing among elements, and the number of axes that takes."""

from __future__ import annotations

from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter


@exporter("Where", doc="Where")
def where(node: Exporting, mx: Writing, condition: Array, a: Array, b: Array) -> Array:
    """All three in the output's shape, which one of them must have."""
    arrays = (a, b, condition)
    whole = next((x for x in arrays if all(_fits(other, x) for other in arrays)), None)
    if whole is None:
        return _where_static(node, mx, condition, a, b)
    rank = len(whole.shape or ())
    fitted = [x if x.shape == whole.shape else _like(mx, x, whole, rank) for x in (condition, a, b)]
    return mx.where(*fitted)


def _where_static(node: Exporting, mx: Writing, condition: Array, a: Array, b: Array) -> Array:
    shape = node.output_shape()
    if shape is None or not all(isinstance(dim, int) for dim in shape):
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


def with_rank(mx: Writing, x: Array, rank: int) -> Array:
    """With axes of one element in front."""
    if not x.shape:
        return mx.Reshape(x, shape=(1,) * rank) if rank > 1 else x
    for _ in range(rank - len(x.shape)):
        x = mx.expand_dims(x, axis=0)
    return x


def _like(mx: Writing, x: Array, whole: Array, rank: int) -> Array:
    """Repeated to another's shape."""
    return mx.broadcast_like(with_rank(mx, x, rank), whole)
