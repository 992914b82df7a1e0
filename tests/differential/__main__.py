"""The command; see the package."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import differential
from differential.case import cases
from differential.run import run_all
from differential.targets import TARGETS
from differential.verdicts import Verdict, needless, read_reasons, table


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
                print(f"{verdict.outcome:9} {target:8} {name}: {verdict.why[:900]}", flush=True)
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
