"""Time and peak memory of whole processes, and tables of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

BIN = Path(sys.executable).parent
CONSOLE = Console()


@dataclass(frozen=True)
class Measure:
    """What one run of a command took: wall-clock seconds, and peak resident megabytes."""

    seconds: float
    megabytes: float


def run(command: Sequence[str | Path], *, repeat: int = 3) -> Measure:
    """Run a command several times; the fastest run's time, the largest run's memory."""
    found = [_once([str(part) for part in command]) for _ in range(repeat)]
    return Measure(min(m.seconds for m in found), max(m.megabytes for m in found))


def _once(command: list[str]) -> Measure:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Measure(seconds, usage.ru_maxrss / 1024)


def table(title: str, *columns: str) -> Table:
    """An empty table whose columns but the first are right-aligned."""
    made = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index else "left")
    return made
