"""A sample of the grid: `make differential` takes all of it."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")

from differential.case import cases
from differential.run import run
from differential.targets import TARGETS
from differential.verdicts import needless, read_reasons

EVERY, START = 25, 3


def test_no_exporter_is_wrong_or_refuses_what_another_one_says() -> None:
    known = {case.name: case for case in cases()}
    reasons = read_reasons()
    bad, right = [], dict.fromkeys(TARGETS, 0)
    for name, verdicts in run("", EVERY, START, list(TARGETS)).items():
        refused = needless(known[name], verdicts, reasons)
        for target, verdict in verdicts.items():
            right[target] += verdict.outcome == "right"
            if verdict.outcome in {"wrong", "crashed"} or target in refused:
                bad.append(f"{verdict.outcome} {target} {name}: {verdict.why}")
    assert not bad, "\n".join(bad)
    assert min(right.values()) > 25, right


def test_reasons_are_given() -> None:
    for reason in read_reasons():
        assert reason.exporter in TARGETS
        assert len(reason.reason) > 20
        assert reason.message.pattern or reason.case.pattern
