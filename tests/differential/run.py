"""Cases through exporters, in processes of their own."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from differential.case import Case, cases
from differential.targets import run_cases
from differential.verdicts import Verdict, expect, judge

BATCH = 400
"""Cases that a process runs for one exporter."""
Row = tuple[str, dict[str, Verdict]]


def chosen(pattern: str, every: int, start: int) -> list[Case]:
    """One case of so many, by its name, so that a case more does not move the others."""
    return [c for c in cases(pattern) if zlib.crc32(c.name.encode()) % every == start]


def run(
    pattern: str, every: int, start: int, targets: Sequence[str]
) -> dict[str, dict[str, Verdict]]:
    """Some cases through exporters: verdicts by exporter, by the case's name.

    Args:
        pattern: Of the names of the cases.
        every: One of so many is run.
        start: Which one, from 0.
        targets: The exporters.
    """
    import torch

    torch.set_num_threads(1)
    wanted = [expected for case in chosen(pattern, every, start) if (expected := expect(case))]
    found: dict[str, dict[str, Verdict]] = {expected.case.name: {} for expected in wanted}
    for name in targets:
        with tempfile.TemporaryDirectory(prefix="differential-") as folder:
            several = [(expected.case, expected.feeds) for expected in wanted]
            results = run_cases(name, several, Path(folder))
        for expected, result in zip(wanted, results, strict=True):
            found[expected.case.name][name] = judge(name, expected, result)
    return found


def run_all(pattern: str, every: int, targets: Sequence[str], jobs: int) -> Iterable[Row]:
    """All cases, or one of so many, in several processes."""
    parts = -(-len(chosen(pattern, every, 0)) // BATCH)
    if parts <= 1:
        yield from run(pattern, every, 0, targets).items()
        return
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(run, pattern, every * parts, every * part, targets) for part in range(parts)
        ]
        for done in waiting:
            yield from done.result().items()
