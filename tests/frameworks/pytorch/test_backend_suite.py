"""ONNX's backend suite through generated source: every eighth case, in this process.

`make onnx-suite` runs them all; this sample takes seconds and guards its figures.
"""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("torch")

import backend_suite as suite

EVERY = 8


@pytest.mark.filterwarnings("ignore")
def test_sample_of_the_suite(tmp_path):
    cases = suite.load_cases()
    skipped = suite.excluded()
    sample = [c for c in cases[::EVERY] if not any(p.search(c.name) for p, _ in skipped)]
    results = [suite.run_case(case, tmp_path) for case in sample]
    wrong = [f"{r.name}: {r.reason}" for r in results if r.outcome == "wrong"]
    assert not wrong, "\n".join(wrong)
    counts = Counter(result.outcome for result in results)
    assert counts["pass"] >= 0.9 * len(results), counts


def test_every_exclusion_has_a_case_and_a_reason():
    names = [case.name for case in suite.load_cases()]
    for pattern, reason in suite.excluded():
        assert any(pattern.search(name) for name in names), pattern.pattern
        assert len(reason) > 20
