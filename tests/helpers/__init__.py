"""What test modules share; `tests` is on the path (pyproject.toml), so it is imported as `helpers`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""

SHARED = ROOT.parent / "shared"
"""Corpora and models beside the checkout, which may be missing."""

HELPERS = Path(__file__).parent
"""Where programs for other interpreters stand."""
