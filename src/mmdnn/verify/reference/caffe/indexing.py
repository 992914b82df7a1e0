"""Chosen rows of a batch: BatchReindex and Filter."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes


@computes("BatchReindex")
def batch_reindex(step: Step, x: Array, rows: Array) -> Array:
    """The images of these numbers."""
    places = rows.astype(np.int64)
    if rows.ndim != 1 or (rows.size and not 0 <= places.min() <= places.max() < len(x)):
        step.wrong(f"{list(rows.shape)} indices into {len(x)} images")
    return x[places]


@computes("Filter")
def filter_(step: Step, *bottoms: Array) -> list[Array]:
    """The images whose selector is not 0, of each bottom but the last."""
    *data, selector = bottoms
    chosen = selector.reshape(len(selector), -1)
    if chosen.shape[1] != 1 or any(len(x) != len(selector) for x in data):
        step.wrong(f"a selector of the shape {list(selector.shape)}")
    return [x[chosen[:, 0] != 0] for x in data]
