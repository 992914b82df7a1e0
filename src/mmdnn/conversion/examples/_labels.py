"""What the outputs of a classifier are called.

`imagenet_classes.txt` lists the 1,000 classes of ILSVRC 2012 in the order of their WordNet synsets, which is
the order of the outputs of nearly all networks trained on it: the synset and its words in WordNet 3.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmdnn.errors import FormatError, UsageError

IMAGENET = Path(__file__).with_name("imagenet_classes.txt")
BACKGROUND = "background"
"""The first of 1,001 outputs, which TensorFlow's networks have."""
LIMIT = 1 << 24


def read(path: Path) -> list[str]:
    """A file of labels, one on a line.

    Raises:
        UsageError: There is no such file.
        FormatError: It is no text, or too long.
    """
    if not path.is_file():
        raise UsageError("there is no such file", file=path)
    with path.open("rb") as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise FormatError("is too long for a file of labels", file=path)
    try:
        return [line.rstrip() for line in data.decode().splitlines()]
    except UnicodeDecodeError:
        raise FormatError("is no text in UTF-8", file=path) from None


def named(count: int, labels: list[str]) -> list[str]:
    """A label for each of `count` outputs; empty ones where the labels are for another number.

    One output more than there are labels has the background first.
    """
    if count == len(labels):
        return labels
    if count == len(labels) + 1:
        return [BACKGROUND, *labels]
    return [""] * count


def best(scores: np.ndarray, labels: list[str], most: int = 5) -> list[tuple[str, int, np.generic]]:
    """The outputs with the highest scores: label, number and score.

    Args:
        scores: A number for each class, any dtype[classes].
        labels: As `read` gives them.
        most: How many.
    """
    names = named(len(scores), labels)
    order = np.argsort(-scores, kind="stable")[:most]
    return [(names[place], int(place), scores[place]) for place in order]
