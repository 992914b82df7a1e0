"""The documented tools, called as users call them."""

from __future__ import annotations

import importlib


def call(tool: str, *argv: object) -> int:
    """Run a tool; returns its exit code."""
    try:
        return importlib.import_module(f"mmdnn.tools.{tool}").main([str(arg) for arg in argv])
    except SystemExit as end:
        return int(end.code or 0)
