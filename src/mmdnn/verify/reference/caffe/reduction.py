"""Fewer numbers: Reduction and ArgMax."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes


@computes("Reduction")
def reduction(step: Step, x: Array) -> Array:
    """All axes from one on to one number."""
    p = step.p
    axis = step.axis(p.axis, x) if x.ndim or p.axis else 0
    flat = x.reshape(*x.shape[:axis], -1)
    sums = {
        p.SUM: lambda: flat.sum(-1),
        p.ASUM: lambda: np.abs(flat).sum(-1),
        p.SUMSQ: lambda: (flat**2).sum(-1),
        p.MEAN: lambda: flat.mean(-1),
    }
    return np.asarray(p.coeff * sums[p.operation]())


@computes("ArgMax")
def argmax(step: Step, x: Array) -> Array:
    """The places of the largest, or these; of equals the last place comes first.

    Without an axis: of each image, in three axes at least, with places and values in the second.
    """
    p = step.p
    whole = not p.HasField("axis")
    axis = 1 if whole else step.axis(p.axis, x)
    rows = x.reshape(len(x), -1) if whole else np.moveaxis(x, axis, -1)
    if not 1 <= p.top_k <= rows.shape[-1]:
        step.wrong(f"the {p.top_k} largest of {rows.shape[-1]}")
    places = np.argsort(rows, -1, kind="stable")[..., ::-1][..., : p.top_k]
    values = np.take_along_axis(rows, places, -1)
    if not whole:
        return np.moveaxis(values if p.out_max_val else places.astype(np.float64), -1, axis)
    both = np.stack([places, values] if p.out_max_val else [places], 1)
    return both.reshape(*both.shape, *[1] * (x.ndim - 3))
