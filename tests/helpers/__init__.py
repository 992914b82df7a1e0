"""What test modules share; `tests` is on the path (pyproject.toml), so it is imported as `helpers`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import pytest

from mmdnn import registry
from mmdnn.errors import MissingExtraError

ROOT = Path(__file__).parents[2]
"""The checkout."""

SHARED = ROOT.parent / "shared"
"""Corpora and models beside the checkout, which may be missing."""

HELPERS = Path(__file__).parent
"""Where programs for other interpreters stand."""

ALL = bool(os.environ.get("MMDNN_ALL_CASES"))
"""Whether every case goes to every target, as `make conformance` wants it."""
SAMPLE = 4
"""Of how many cases one goes to targets other than the IR otherwise."""


def sampled(names: Iterable[str]) -> list[str]:
    """Names of cases: the same part of them every time, or all."""
    return [name for name in names if ALL or crc32(name.encode()) % SAMPLE == 0]


def skip_without_engine(framework: str) -> None:
    """Skip the test where the framework cannot run anything."""
    try:
        engine = registry.framework(framework).room("engine")
        getattr(engine, "interpreter", lambda: None)()
    except (MissingExtraError, ModuleNotFoundError) as error:
        pytest.skip(str(error))
