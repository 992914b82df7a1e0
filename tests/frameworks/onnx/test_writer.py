"""Written models are valid ONNX, complete, and streamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import mmdnn
from mmdnn.errors import UsageError
from mmdnn.frameworks.onnx import engine, reader
from mmdnn.frameworks.onnx.writer import write
from mmdnn.ir import LAYER
from mmdnn.ir.builder import Builder
from mmdnn.ir.storage import writing
from mmdnn.registry import Source
from mmdnn.tensors.references import lazy

W = np.arange(600, dtype=np.float32).reshape(20, 30)


def model() -> ir.Model:
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("N", 20))
    with builder.layer("dense", "InnerProduct"):
        turned = lazy(ir.tensor(np.ascontiguousarray(W.T)), np.transpose, shape=W.shape)
        y = builder.op.MatMul(x, builder.weight("w", turned))
        y = builder.op.Add(y, builder.weight("b", ir.tensor(W[0])))
        y = builder.op.Mul(
            y, builder.op.Constant(value=ir.tensor(np.full((20, 30), 2, np.float32)))
        )
    builder.rename(y, "out")
    builder.graph.outputs.append(y)
    return builder.model(origin="test")


@pytest.mark.parametrize("external", [None, False, True])
def test_what_is_written_is_read_run_and_valid(tmp_path: Path, external: bool | None) -> None:
    path = tmp_path / "net.onnx"
    told: list[int] = []
    before = model()
    files = write(before, path, external=external, progress=told.append)
    assert [file.name for file in files] == ["net.onnx"] + ["net.onnx.data"] * bool(external)
    assert sum(told) == 2 * W.nbytes
    assert isinstance(before.graph.initializers["dense.w"].const_value, ir.LazyTensor)
    onnx.checker.check_model(str(path), full_check=True)
    feeds = {"x": np.ones((20, 20), np.float32)}
    expected = (feeds["x"] @ W + W[0]) * 2
    for form in (before, Source(path), path):
        np.testing.assert_allclose(engine.run(form, feeds)["out"], expected, rtol=1e-5)
    again = reader.read(Source(path))
    assert again.metadata_props == {"origin": "test"}
    assert [node.metadata_props[LAYER] for node in again.graph] == ["dense"] * 4
    if external:
        tensors = [value.const_value for value in again.graph.initializers.values()]
        offsets = [t.offset for t in tensors if isinstance(t, ir.ExternalTensor)]
        assert offsets
        assert all(offset % 4096 == 0 for offset in offsets)


def test_what_one_file_cannot_hold_gets_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LIMIT", 3000)
    assert len(write(model(), tmp_path / "net.onnx")) == 2
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
    with pytest.raises(UsageError, match="2 GB"):
        write(model(), tmp_path / "net.onnx", external=False)


def test_copies_are_equal(tmp_path: Path) -> None:
    write(model(), tmp_path / "one.onnx")
    write(reader.read(Source(tmp_path / "one.onnx")), tmp_path / "two.onnx")
    one, two = (onnx.load(tmp_path / name) for name in ("one.onnx", "two.onnx"))
    assert one == two


def test_every_type_is_written(tmp_path: Path) -> None:
    tensors: dict[str, ir.TensorProtocol] = {
        kind.name: ir.Tensor(np.ones(9000).astype(kind.numpy()), dtype=kind, name=kind.name)
        for kind in ir.DataType
        if kind not in (0, ir.DataType.STRING)
    }
    tensors["words"] = ir.StringTensor([b"a", b"b"], shape=ir.Shape([2]), name="words")
    graph = ir.Graph([], [], nodes=[], opset_imports={"": 22}, name="g")
    for name, tensor in tensors.items():
        graph.register_initializer(ir.val(name, const_value=tensor))
    write(ir.Model(graph, ir_version=10), tmp_path / "net.onnx")
    again = ir.load(tmp_path / "net.onnx").graph.initializers
    for name, tensor in tensors.items():
        found = again[name].const_value
        assert found is not None
        assert found.dtype == tensor.dtype
        assert found.numpy().tolist() == tensor.numpy().tolist()


@pytest.mark.parametrize(
    ("text", "opset"),
    [
        ("y = RoiAlign<output_height=2, output_width=2>(x, rois, batch)", 16),
        ("y = RoiAlign<output_height=2, output_width=2>(x, rois, batch)", 22),
        ("y = GlobalLpPool<p=2>(x)", 18),
        ("y = RandomNormalLike(x)", 18),
        ("y = MaxRoiPool<pooled_shape=[2, 2]>(x, rois)", 18),
        ("y = Cos(x)", 22),
    ],
)
def test_the_opset_is_one_that_engines_run(text: str, opset: int, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    rois = 5 if "MaxRoi" in text else 4
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}]> g (float[1, 2, 6, 6] x, float[2, {rois}] rois, '
        f"int64[2] batch) => (float y) {{ {text} }}".replace("float y", "float[N, M, K, L] y")
    )
    onnx.save(model, tmp_path / "a.onnx")
    mmdnn.save(mmdnn.load(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    ort.InferenceSession(tmp_path / "b.onnx", providers=["CPUExecutionProvider"])
    written = onnx.load(tmp_path / "b.onnx").opset_import[0].version
    assert written == (22 if "Cos" in text else 21)
