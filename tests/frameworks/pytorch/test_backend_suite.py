"""ONNX's backend suite through generated source: every eighth case, in this process.

`make onnx-suite` runs them all; this sample takes seconds and guards its figures.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

PATH = Path(__file__).parents[3] / "tools" / "backend_suite.py"
EVERY = 8


@pytest.fixture(scope="module")
def suite():
    spec = importlib.util.spec_from_file_location("backend_suite", PATH)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore")
def test_sample_of_the_suite(suite, tmp_path):
    cases = suite.load_cases()
    skipped = suite.excluded()
    sample = [c for c in cases[::EVERY] if not any(p.search(c.name) for p, _ in skipped)]
    results = [suite.run_case(case, tmp_path) for case in sample]
    wrong = [f"{r.name}: {r.reason}" for r in results if r.outcome == "wrong"]
    assert not wrong, "\n".join(wrong)
    counts = Counter(result.outcome for result in results)
    assert counts["pass"] >= 0.9 * len(results), counts


def test_every_exclusion_has_a_case_and_a_reason(suite):
    names = [case.name for case in suite.load_cases()]
    for pattern, reason in suite.excluded():
        assert any(pattern.search(name) for name in names), pattern.pattern
        assert len(reason) > 20
