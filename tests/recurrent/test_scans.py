"""Scan with several states, inputs and outputs, along any axis and in any direction, in every framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("onnxruntime")

import onnxruntime

from helpers import sampled
from helpers.mxnet.batch import Batch, difference
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe import exporter as caffe
from mmdnn.frameworks.caffe import importer as caffe_importer
from mmdnn.frameworks.caffe import reader, writer
from mmdnn.frameworks.mxnet import exporter as mxnet
from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source

HEAD = '<ir_version: 10, opset_import: ["" : 22]>\n'

CASES = {
    "several": """
net (float[2, 3] a, float[2, 4] b, float[5, 2, 3] x, float[2, 5, 4] z)
    => (float[2, 3] p, float[2, 4] q, float[5, 2, 3] u, float[2, 5, 4] v, float[2, 4, 5] w)
<float half = {0.5}>
{
    p, q, u, v, w = Scan <
        num_scan_inputs = 2,
        scan_input_axes = [0, 1], scan_input_directions = [0, 1],
        scan_output_axes = [0, 1, -1], scan_output_directions = [1, 0, 1],
        body = step (float[2, 3] s, float[2, 4] t, float[2, 3] i, float[2, 4] j)
            => (float[2, 3] s1, float[2, 4] t1, float[2, 3] o1, float[2, 4] o2, float[2, 4] o3) {
            s0 = Mul (s, half)
            s1 = Add (s0, i)
            t0 = Add (t, j)
            t1 = Tanh (t0)
            o1 = Sub (s1, i)
            o2 = Mul (t, j)
            o3 = Add (t1, t)
        }
    > (a, b, x, z)
}""",
    "changing_places": """
net (float[2] a, float[2] b, float[3, 2] x) => (float[2] p, float[2] q, float[3, 2] u)
{
    p, q, u = Scan <
        num_scan_inputs = 1,
        body = step (float[2] s, float[2] t, float[2] i) => (float[2] s1, float[2] t1, float[2] o) {
            s1 = Identity (t)
            t1 = Add (s, i)
            o = Identity (s)
        }
    > (a, b, x)
}""",
    "unread": """
net (float[2] a, float[2] b, float[3, 2] x, float[3, 4] z) => (float[2] p, float[2] q, float[3, 2] u)
{
    p, q, u = Scan <
        num_scan_inputs = 2,
        body = step (float[2] s, float[2] t, float[2] i, float[4] j)
            => (float[2] s1, float[2] t1, float[2] o) {
            s1 = Relu (i)
            t1 = Add (t, i)
            o = Identity (i)
        }
    > (a, b, x, z)
}""",
    "no_states": """
net (float[3, 2, 2] x) => (float[2, 3, 2] u)
{
    u = Scan <
        num_scan_inputs = 1, scan_output_axes = [1],
        body = step (float[2, 2] i) => (float[2, 2] o) { o = Exp (i) }
    > (x)
}""",
    "from_outside": """
net (float[2, 3] a, float[4, 2, 3] x, float[2, 3] data) => (float[2, 3] p, float[4, 2, 3] u)
{
    twice = Add (data, data)
    p, u = Scan <
        num_scan_inputs = 1, scan_input_directions = [1], scan_output_directions = [1],
        body = step (float[2, 3] s, float[2, 3] i) => (float[2, 3] s1, float[2, 3] o) {
            s0 = Mul (s, twice)
            s2 = Add (s0, i)
            s1 = Sigmoid (s2)
            o = Sub (s1, data)
        }
    > (a, x)
}""",
    "one_step": """
net (float[2] a, float[1, 2] x) => (float[2] p, float[1, 2] u)
{
    p, u = Scan <
        num_scan_inputs = 1,
        body = step (float[2] s, float[2] i) => (float[2] s1, float[2] o) {
            s1 = Add (s, i)
            o = Mul (s1, s)
        }
    > (a, x)
}""",
    "vectors": """
net (float[2] a, float[4] x) => (float[2] p, float[2, 4] u)
{
    p, u = Scan <
        num_scan_inputs = 1, scan_output_axes = [1],
        body = step (float[2] s, float i) => (float[2] s1, float[2] o) {
            s1 = Add (s, i)
            o = Tanh (s1)
        }
    > (a, x)
}""",
    "weights": """
net (float[2, 3] a, float[2, 4, 5] x) => (float[2, 3] p, float[2, 4, 3] u)
<float[5, 3] w = {0.1, 0.2, -0.3, 0.4, 0.5, -0.6, 0.7, 0.8, 0.9, 1.0, -1.1, 1.2, 1.3, 1.4, -1.5>,
 float[3] b = {0.1, -0.2, 0.3}>
{
    p, u = Scan <
        num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
        body = step (float[2, 3] s, float[2, 5] i) => (float[2, 3] s1, float[2, 3] o) {
            m = MatMul (i, w)
            n = Add (m, b)
            s2 = Add (s, n)
            s1 = Tanh (s2)
            o = Identity (s1)
        }
    > (a, x)
}""".replace("-1.5>", "-1.5}"),
    "open_batch": """
net (float[N, 3] a, float[N, 4, 3] x) => (float[N, 3] p, float[N, 4, 3] u)
{
    p, u = Scan <
        num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
        scan_input_directions = [1],
        body = step (float[N, 3] s, float[N, 3] i) => (float[N, 3] s1, float[N, 3] o) {
            s2 = Add (s, i)
            s1 = Tanh (s2)
            o = Mul (s1, s)
        }
    > (a, x)
}""",
    "open_steps": """
net (float[2, 3] a, float[T, 2, 3] x) => (float[2, 3] p, float[T, 2, 3] u)
{
    p, u = Scan <
        num_scan_inputs = 1,
        body = step (float[2, 3] s, float[2, 3] i) => (float[2, 3] s1, float[2, 3] o) {
            s1 = Add (s, i)
            o = Mul (s1, s)
        }
    > (a, x)
}""",
    "nested": """
net (float[2] a, float[3, 4, 2] x) => (float[2] p, float[3, 4, 2] u)
{
    p, u = Scan <
        num_scan_inputs = 1,
        body = outer (float[2] s, float[4, 2] i) => (float[2] s1, float[4, 2] o) {
            s1, o = Scan <
                num_scan_inputs = 1,
                body = inner (float[2] t, float[2] j) => (float[2] t1, float[2] k) {
                    t0 = Add (t, j)
                    t1 = Tanh (t0)
                    k = Mul (t1, s)
                }
            > (s, i)
        }
    > (a, x)
}""",
}
NOT_CAFFE = {"nested", "open_steps"}
"""Only loops whose number of steps is known are written out, and none inside another."""


def model(name: str) -> tuple[ir.Model, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The model, what it is fed, and what onnxruntime makes of it."""
    made = ir.from_onnx_text(HEAD + CASES[name].strip())
    random = np.random.default_rng(1)
    feeds = {}
    for value in made.graph.inputs:
        sizes = {"N": 2, "T": 4}
        shape = [
            dim if isinstance(dim, int) else sizes[str(dim.value)] for dim in value.shape or ()
        ]
        feeds[str(value.name)] = random.standard_normal(shape).astype(np.float32)
    session = onnxruntime.InferenceSession(ir.to_proto(made).SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return made, feeds, dict(zip(names, session.run(None, feeds), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_to_pytorch(name: str) -> None:
    pytest.importorskip("torch")
    from mmdnn.frameworks.pytorch import engine as torch
    from mmdnn.frameworks.pytorch import exporter

    made, feeds, wanted = model(name)
    found = torch.run(exporter.from_ir(made), feeds)
    for key, array in wanted.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-6, strict=True)


def test_to_mxnet(tmp_path: Path) -> None:
    batch, wanted = Batch(tmp_path), {}
    for name in CASES:
        made, feeds, outputs = model(name)
        batch.add(name, made, feeds)
        wanted[name] = list(outputs.values())
    found = batch.run()
    wrong = {name: difference(found[name], wanted[name]) for name in CASES}
    assert {name: why for name, why in wrong.items() if why} == {}


@pytest.mark.parametrize("name", sampled(sorted(CASES.keys() - NOT_CAFFE)))
def test_to_caffe(name: str, tmp_path: Path) -> None:
    made, feeds, wanted = model(name)
    network = caffe.from_ir(made)
    files = writer.write(network, tmp_path / "net.prototxt")
    found = engine.run(caffe_importer.to_ir(reader.read(Source(*files))), feeds)
    for key, array in wanted.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5, strict=True)


def test_loops_in_loops_are_refused_for_caffe() -> None:
    with pytest.raises(UnsupportedError, match=r"Scan.*no loops"):
        caffe.from_ir(model("nested")[0])


def test_sizes_of_other_arrays_in_mxnet(tmp_path: Path) -> None:
    """First states in the sizes of an input, and steps that are taken for a batch and back."""
    builder = Builder("mmdnn.test", "network")
    op, x = builder.op, builder.input("x", ("N", "T", 3))
    ones = op.Expand(np.float32(1), op.Concat(op.Shape(x, end=1), [2, 3], axis=0))
    body = Builder("mmdnn.test", "step")
    body._names = builder._names
    state = body.input("state", ("N", 2, 3))
    now = body.input("now", ("N", 3))
    newest = body.op.Add(body.op.Squeeze(body.op.Slice(state, [1], [2], [1]), [1]), now)
    after = body.op.Concat(
        body.op.Slice(state, [1], [2], [1]), body.op.Unsqueeze(newest, [1]), axis=1
    )
    body.graph.outputs.extend([after, newest])
    made = op.outputs(2).Scan(
        ones, x, body=body.graph, num_scan_inputs=1,
        scan_input_axes=[1], scan_output_axes=[1],
    )  # fmt: skip
    made[1].type, made[1].shape = x.type, x.shape
    rows = op.Relu(op.Reshape(made[1], [-1, 3]))
    y = op.Reshape(rows, op.Concat(op.Shape(x, end=2), [3], axis=0))
    builder.graph.outputs.append(y)
    network = builder.model()
    feeds = {"x": np.random.default_rng(2).standard_normal((2, 5, 3)).astype(np.float32)}
    batch = Batch(tmp_path)
    batch.add("sizes", network, feeds)
    wanted = engine.run(network, feeds)[str(y.name)]
    assert difference(batch.run()["sizes"], [wanted]) == ""


DAMAGES = {
    "no_body": ("it has no body", lambda node: node.attributes.pop("body")),
    "no_count": ("scans 0", lambda node: node.attributes.pop("num_scan_inputs")),
    "too_many": ("scans 5", lambda node: node.attributes.add(ir.AttrInt64("num_scan_inputs", 5))),
    "missing": ("one of its inputs is missing", lambda node: node.replace_input_with(0, None)),
    "body": ("its body has", lambda node: node.attributes["body"].as_graph().outputs.pop()),
    "axis": ("of 3 axes", lambda node: node.attributes.add(ir.AttrInt64s("scan_input_axes", [3]))),
    "axes": (
        "are not 1 numbers",
        lambda node: node.attributes.add(ir.AttrInt64s("scan_output_axes", [0, 1])),
    ),
    "direction": (
        "are .2.",
        lambda node: node.attributes.add(ir.AttrInt64s("scan_input_directions", [2])),
    ),
}


@pytest.mark.parametrize("framework", [caffe, mxnet])
@pytest.mark.parametrize("name", DAMAGES)
def test_damaged(name: str, framework: Any) -> None:
    reason, damage = DAMAGES[name]
    made = ir.from_onnx_text(HEAD + CASES["weights"].strip())
    damage(next(node for node in made.graph if node.op_type == "Scan"))
    with pytest.raises(UnsupportedError, match=reason) as caught:
        framework.from_ir(made)
    assert caught.value.layer == "p"
