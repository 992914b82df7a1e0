"""The command; see the package."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import differential
from differential.case import cases
from differential.targets import TARGETS, run_cases
from differential.verdicts import Verdict, expect, judge, needless, read_reasons, table

BATCH = 400
"""Cases that a process runs for one exporter."""
Row = tuple[str, dict[str, Verdict]]


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
    wanted = [expected for case in cases(pattern)[start::every] if (expected := expect(case))]
    found: dict[str, dict[str, Verdict]] = {expected.case.name: {} for expected in wanted}
    for name in targets:
        with tempfile.TemporaryDirectory(prefix="differential-") as folder:
            results = run_cases(name, [expected.case for expected in wanted], Path(folder))
        for expected, result in zip(wanted, results, strict=True):
            found[expected.case.name][name] = judge(name, expected, result)
    return found


def run_all(pattern: str, every: int, targets: Sequence[str], jobs: int) -> Iterable[Row]:
    """All cases, or one of so many, in several processes."""
    parts = -(-len(cases(pattern)[::every]) // BATCH)
    if parts == 1:
        yield from run(pattern, every, 0, targets).items()
        return
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(run, pattern, every * parts, every * part, targets) for part in range(parts)
        ]
        for done in waiting:
            yield from done.result().items()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="differential", description=(differential.__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose names match")
    parser.add_argument("--to", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one case of so many")
    parser.add_argument("--show", nargs="*", default=["wrong", "crashed", "needless"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    begin = time.monotonic()
    reasons = read_reasons()
    known = {case.name: case for case in cases(options.only)}
    outcomes: dict[str, list[Verdict]] = {name: [] for name in options.to}
    operators: Counter[str] = Counter()
    for name, verdicts in run_all(options.only, options.every, options.to, options.jobs):
        case = known[name]
        operators[case.operator] += 1
        for target in needless(case, verdicts, reasons):
            verdicts[target] = replace(verdicts[target], outcome="needless")
        for target, verdict in verdicts.items():
            outcomes[target].append(verdict)
            if verdict.outcome in options.show:
                print(f"{verdict.outcome:9} {target:8} {name}: {verdict.why[:300]}", flush=True)
    print("\n".join(table(outcomes)))
    print(
        f"{operators.total()} nodes of {len(operators)} operators in {time.monotonic() - begin:.0f} s"
    )
    unused = [reason for reason in reasons if not reason.uses]
    whole = options.every == 1 and not options.only and len(options.to) == len(TARGETS)
    for reason in unused if whole else []:
        print(f"no longer: {reason.exporter} {reason.operator.pattern}: {reason.reason}")
    bad = {"wrong", "crashed", "needless"}
    failed = any(verdict.outcome in bad for found in outcomes.values() for verdict in found)
    return int(failed or (whole and bool(unused)))


if __name__ == "__main__":
    sys.exit(main())
