"""TensorFlow Lite: `.tflite` files, read without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

IDENTIFIER = b"TFL3"
"""What stands at byte 4 of a file."""

SUFFIXES = {".tflite", ".lite"}


def arrange(files: Sequence[Path]) -> Source | None:
    """One file with everything; None where it is not TensorFlow Lite's."""
    if len(files) != 1:
        return None
    named = files[0].suffix.lower() in SUFFIXES
    return Source(network=files[0]) if named or head(files[0], 8)[4:] == IDENTIFIER else None


FRAMEWORK = Framework(
    name="tflite",
    title="TensorFlow Lite",
    package="mmdnn.frameworks.tflite",
    extra="tflite",
    arrange=arrange,
    aliases=("tensorflowlite", "litert", "lite"),
    images_last=True,
    help="net.tflite",
)
