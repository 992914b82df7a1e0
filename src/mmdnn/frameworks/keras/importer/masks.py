"""Masks: which steps of a sequence count, followed from layer to layer.

Keras 1, 2 and the early 3 keep them beside the tensors; since 3.13 what makes a mask stands in the file,
and so does what reads it. What a file says goes before what is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Layer
from mmdnn.ir.builder import Op

PASSED_ON = frozenset(
    {
        *(
            "Activation",
            "ActivityRegularization",
            "Add",
            "AlphaDropout",
            "Average",
            "BatchNormalization",
        ),
        *("Dense", "Dropout", "ELU", "EinsumDense", "GaussianDropout", "GaussianNoise", "Identity"),
        *("LayerNormalization", "LeakyReLU", "Maximum", "Minimum", "Multiply", "PReLU", "ReLU"),
        *(
            "RMSNormalization",
            "Softmax",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
        ),
        *("Subtract", "ThresholdedReLU", "UnitNormalization", "GroupNormalization", "SReLU"),
        *("ParametricSoftplus", "Rescaling", "Highway", "TimeDistributedDense", "Normalization"),
        *("SpectralNormalization",),
    }
)
"""Layers whose output has their input's mask."""
_MERGES = {"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"}


def follow(
    masks: dict[ir.Value, ir.Value | None],
    layer: Layer,
    op: Op,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    named: Sequence[Any],
    *,
    strict: bool,
) -> None:
    """Give a layer's outputs their masks: those that its function has said, or its inputs'."""
    for before, after in zip(outputs, named, strict=True):
        if (
            isinstance(before, ir.Value)
            and before in masks
            and all(before is not x for x in inputs)
        ):
            masks[after] = masks[before]
            return
    if layer.type not in PASSED_ON or not named:
        return
    values = [value for value in inputs if isinstance(value, ir.Value)]
    found = [masks.get(value) for value in values]
    if layer.type in _MERGES:
        known = [mask for mask in found if mask is not None]
        if not known or (strict and len(known) < len(found)):
            return  # in Keras 3, one that counts everywhere makes all of it count
        mask = known[0]
        for other in known[1:]:
            mask = mask if other is mask else op.And(mask, other)
        masks[named[0]] = mask
    elif found:
        masks[named[0]] = found[0]
