"""What test modules share; `tests` is on the path (pyproject.toml), so it is imported as `helpers`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

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
