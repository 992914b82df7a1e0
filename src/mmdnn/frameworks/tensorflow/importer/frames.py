"""Control flow of TensorFlow 1 (Switch, Merge, Enter, Exit, NextIteration) as If and While with functions."""

from __future__ import annotations

from mmdnn.frameworks.tensorflow.graph import Model


def structured(model: Model) -> None:
    """Replace the operators of TensorFlow 1 in all graphs of a model."""
