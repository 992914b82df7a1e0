"""Networks of `keras.applications`, built by Keras in a process of its own and saved with given weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from mmdnn.errors import FormatError, MissingExtraError
from mmdnn.verify import isolated

_PROGRAM = Path(__file__).with_name("_applications.py")
_BACKENDS = ("tensorflow", "torch", "jax")


def installed() -> bool:
    """Whether Keras is here, and something that it computes with."""
    return bool(_is_here("keras") and any(map(_is_here, _BACKENDS)))


def _is_here(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def build(name: str, weights: Path, target: Path) -> None:
    """Write a network with its weights.

    Args:
        name: What builds it in `keras.applications`.
        weights: Its weights, as `keras.applications` publishes them.
        target: The file, `.h5` or `.keras`.

    Raises:
        FormatError: The weights are of another network, or damaged.
        MissingExtraError: Keras cannot be started.
    """
    settings = {
        "network": name,
        "weights": str(weights),
        "target": str(target),
        "backend": next(filter(_is_here, _BACKENDS)),
    }
    job = isolated.Job({}, lambda folder: None, settings)
    command = [sys.executable, "-W", "ignore", str(_PROGRAM)]
    (answer,) = isolated.run(command, [job], missing=MissingExtraError("keras", "keras"))
    if isinstance(answer, isolated.Failure):
        raise FormatError(f"Keras cannot load it into {name}: {answer.reason}", file=weights.name)
