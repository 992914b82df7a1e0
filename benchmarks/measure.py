"""Time and peak memory of whole processes, and tables of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

BIN = Path(sys.executable).parent
CONSOLE = Console()


@dataclass(frozen=True)
class Measure:
    """What one run of a command took: wall-clock seconds, peak resident megabytes, and CPU seconds."""

    seconds: float
    megabytes: float
    cpu: float = 0.0


def run(command: Sequence[str | Path], *, repeat: int = 3) -> Measure:
    """Run a command several times; the fastest run's times, the largest run's memory."""
    found = [_once([str(part) for part in command]) for _ in range(repeat)]
    return Measure(
        min(m.seconds for m in found), max(m.megabytes for m in found), min(m.cpu for m in found)
    )


LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
cpu = usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss / 1024, cpu]))
"""
"""A child's peak memory counts what its parent had when it forked, so a small parent starts it."""


def _once(command: list[str]) -> Measure:
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launcher, check=True, capture_output=True, text=True)
    code, seconds, megabytes, cpu = json.loads(done.stdout)
    if code:
        raise SystemExit(f"failed: {' '.join(command)}\n{done.stderr}")
    return Measure(seconds, megabytes, cpu)


def table(title: str, *columns: str) -> Table:
    """An empty table whose columns but the first are right-aligned."""
    made = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index else "left")
    return made
