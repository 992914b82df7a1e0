"""If, Loop and Scan against onnxruntime."""

from __future__ import annotations

import re

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.pytorch import codegen, engine, exporter

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

HEAD = '<ir_version: 10, opset_import: ["" : 22]>\n'
X = np.arange(6, dtype=np.float32).reshape(3, 2)

SWAP = """
net (float[2] a, float[2] b, int64 count, bool start) => (float[2] y, float[2] z)
{
    y, z = Loop (count, start, a, b) <
        body = step (int64 i, bool on, float[2] p, float[2] q) => (bool still, float[2] r, float[2] s) {
            still = Identity (on)
            r = Identity (q)
            s = Identity (p)
        }
    >
}
"""

UNTIL = """
net (float[2] a, bool start) => (float[2] y, int64[n] counts, float[n, 2] rows)
<float limit = {100}>
{
    y, counts, rows = Loop (, start, a) <
        body = step (int64 i, bool on, float[2] p) => (bool still, float[2] r, int64 at, float[2] row) {
            r = Add (p, p)
            row = Mul (p, a)
            total = ReduceSum <keepdims = 0> (r)
            still = Less (total, limit)
            at = Identity (i)
        }
    >
}
"""

NESTED = """
net (float[3, 2] x, bool flag) => (float[2] y)
<int64 three = {3}, bool yes = {1}, float[2] zero = {0, 0}>
{
    y = Loop (three, yes, zero) <
        body = step (int64 i, bool on, float[2] p) => (bool still, float[2] r) {
            still = Identity (on)
            row = Gather (x, i)
            r = If (flag) <
                then_branch = add () => (float[2] s) { s = Add (p, row) },
                else_branch = keep () => (float[2] t) { t = Identity (p) }
            >
        }
    >
}
"""

SCAN = """
net (float[2] a, float[3, 2] x) => (float[2] y, float[2, 3] rows)
{
    y, rows = Scan <
        num_scan_inputs = 1,
        scan_input_directions = [1],
        scan_output_axes = [1],
        scan_output_directions = [1],
        body = step (float[2] p, float[2] row) => (float[2] r, float[2] out) {
            r = Add (p, row)
            out = Mul (r, p)
        }
    > (a, x)
}
"""

ONE, TWO = np.array([1, 2], np.float32), np.array([3, 4], np.float32)
CASES = [
    *(
        (SWAP, {"a": ONE, "b": TWO, "count": np.array(n), "start": np.array(True)})
        for n in range(4)
    ),
    (SWAP, {"a": ONE, "b": TWO, "count": np.array(3), "start": np.array(False)}),
    (UNTIL, {"a": ONE, "start": np.array(True)}),
    (NESTED, {"x": X, "flag": np.array(True)}),
    (NESTED, {"x": X, "flag": np.array(False)}),
    (SCAN, {"a": ONE, "x": X}),
]


@pytest.mark.parametrize(("text", "feeds"), CASES)
def test_control_flow(text, feeds):
    model = ir.from_onnx_text(HEAD + text.strip())
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    wanted = session.run(None, feeds)
    found = engine.run(exporter.from_ir(model), feeds)
    for value, array in zip(session.get_outputs(), wanted, strict=True):
        assert found[value.name].dtype == array.dtype
        np.testing.assert_array_equal(found[value.name], array)


def test_loops_read_like_loops():
    source = codegen.source(exporter.from_ir(ir.from_onnx_text(HEAD + NESTED.strip())))
    assert "for step in range(3):" in source
    assert "if flag:" in source
    source = codegen.source(exporter.from_ir(ir.from_onnx_text(HEAD + SWAP.strip())))
    assert re.search(r"(\w+), (\w+) = \2, \1\n", source)
