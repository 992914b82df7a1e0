"""Who is at fault, where an engine gives another type than the graph says."""

import numpy as np

from helpers.graphs import model
from mmdnn.verify.arbiter import judge
from mmdnn.verify.compare import difference
from mmdnn.verify.exact import Exact
from mmdnn.verify.verdicts import Verdict


def test_truth_values_that_an_engine_gives_as_floats() -> None:
    """Caffe has floats only: what is wrong among them is found, and nothing stops."""
    graph = model("graph (float[3] x) => (bool[3] y) { y = IsNaN(x) }")
    x = np.array([1.0, np.nan, 2.0], np.float32)
    was = {"x": x, "y": np.array([0, 1, 0], np.float32)}
    now = {"x": x, "y": np.array([0, 0, 0], np.float32)}
    found = judge(Exact(graph), "y", was, now, difference(was["y"], now["y"]))
    assert found.verdict is Verdict.NO
    assert "the result" in found.why
