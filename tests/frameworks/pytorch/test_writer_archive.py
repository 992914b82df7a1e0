"""Self-contained files: what they compute, with dimensions left open."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch import exporter, writer

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore")

NET = """
<ir_version: 10, opset_import: ["" : 22]>
net (float[batch, 3, 8, 8] image) => (float[batch, 4] y)
<float[4, 3, 3, 3] weight = {WEIGHT}, float[4] bias = {0.5, -1, 2, 0}>
{
    conv = Conv <pads = [1, 1, 1, 1]> (image, weight, bias)
    hidden = Relu (conv)
    pooled = GlobalAveragePool (hidden)
    y = Flatten (pooled)
}
""".replace("WEIGHT", ", ".join(str(round(0.1 * (i % 7) - 0.3, 2)) for i in range(108)))

BRANCH = """
<ir_version: 10, opset_import: ["" : 22]>
net (float[n] x, bool flag) => (float[n] y)
{
    y = If (flag) <
        then_branch = yes () => (float[n] a) { a = Relu (x) },
        else_branch = no () => (float[n] b) { b = Neg (x) }
    >
}
"""

LOOP = """
<ir_version: 10, opset_import: ["" : 22]>
net (float[n] x, int64 count) => (float[n] y, float[k, n] every)
<bool going = {1}>
{
    y, every = Loop (count, going, x) <
        body = step (int64 i, bool on, float[n] state) => (bool still, float[n] next, float[n] out) {
            still = Identity (on)
            next = Add (state, state)
            out = Neg (next)
        }
    >
}
"""


CHOICE = """
<ir_version: 10, opset_import: ["" : 22]>
net (float[1, 6, 4] boxes, float[1, 1, 6] scores) => (int64[n, 3] chosen)
<int64[1] limit = {6}, float[1] overlap = {0.1}>
{
    chosen = NonMaxSuppression (boxes, scores, limit, overlap)
}
"""


def program(text: str):
    return exporter.from_ir(ir.from_onnx_text(text))


@pytest.mark.parametrize("suffix", [".pt", ".pt2"])
def test_batch_stays_open(suffix, tmp_path):
    made = program(NET)
    target = tmp_path / f"net{suffix}"
    writer.write(made, target)
    module = writer.instantiate(made)
    loaded = torch.jit.load(target) if suffix == ".pt" else torch.export.load(target).module()
    for batch in (1, 2, 7):
        image = torch.randn(batch, 3, 8, 8)
        torch.testing.assert_close(loaded(image), module(image))


@pytest.mark.parametrize("flag", [True, False])
def test_branches_are_scripted(flag, tmp_path):
    target = tmp_path / "net.pt"
    writer.write(program(BRANCH), target)
    x = torch.tensor([1.0, -2.0, 3.0])
    wanted = x.relu() if flag else -x
    torch.testing.assert_close(torch.jit.load(target)(x, torch.tensor(flag)), wanted)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_loops_are_scripted(count, tmp_path):
    target = tmp_path / "net.pt"
    writer.write(program(LOOP), target)
    x = torch.tensor([1.0, -2.0])
    y, every = torch.jit.load(target)(x, torch.tensor(count))
    torch.testing.assert_close(y, x * 2**count)
    assert every.shape[0] == count
    for i in range(count):
        torch.testing.assert_close(every[i], -x * 2 ** (i + 1))


def test_what_export_cannot_record_is_refused(tmp_path):
    target = tmp_path / "net.pt2"
    with pytest.raises(UnsupportedError, match="one file"):
        writer.write(program(BRANCH), target)
    assert not target.exists()


def test_what_depends_on_numbers_is_not_frozen(tmp_path):
    target = tmp_path / "net.pt"
    made = program(CHOICE)
    module = writer.instantiate(made)
    try:
        writer.write(made, target)
    except UnsupportedError:
        assert not target.exists()
        return
    loaded = torch.jit.load(target)
    for seed in range(5):
        torch.manual_seed(seed)
        boxes, scores = torch.rand(1, 6, 4), torch.rand(1, 1, 6)
        torch.testing.assert_close(loaded(boxes, scores), module(boxes, scores))
