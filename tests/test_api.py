import subprocess
import sys

import numpy as np
import onnx_ir as ir
import pytest

import mmdnn
from mmdnn import registry
from mmdnn.ir.builder import Builder

PROTOTXT = """
name: "tiny"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 5 } } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "pool" top: "pool" relu_param { negative_slope: 0.1 } }
layer { name: "prob" type: "Softmax" bottom: "pool" top: "prob" }
"""


@pytest.fixture
def caffe(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(PROTOTXT)
    return path


def small(weight=2.0, name="x"):
    builder = Builder("mmdnn.test")
    x = builder.input(name, ("batch", 3))
    w = builder.weight("w", ir.tensor(np.full((3, 4), weight, np.float32)))
    with builder.layer("fc", "InnerProduct"):
        y = builder.op.MatMul(x, w)
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    return builder.model()


@pytest.fixture
def onnx(tmp_path):
    path = tmp_path / "small.onnx"
    mmdnn.save(small(), path)
    return path


def test_the_public_names():
    assert mmdnn.__all__ == [
        "Error",
        "FormatError",
        "MismatchError",
        "MissingExtraError",
        "Report",
        "Result",
        "ShapeError",
        "Tolerance",
        "UnsupportedError",
        "UsageError",
        "compare",
        "convert",
        "load",
        "save",
    ]
    assert all(getattr(mmdnn, name) is not None for name in mmdnn.__all__)
    assert set(mmdnn.__all__) <= set(dir(mmdnn))
    with pytest.raises(AttributeError):
        mmdnn.nothing  # noqa: B018


def test_importing_it_imports_nothing_heavy():
    code = "import mmdnn, sys; print([m for m in ('numpy', 'onnx', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_converting_imports_nothing_it_does_not_need(onnx):
    """Peak memory is mostly what is imported; `numpy.random` alone is 6 MB."""
    code = (
        "import mmdnn, sys; mmdnn.convert('small.onnx', 'net.py', verify=False); "
        "print([m for m in ('numpy.random', 'torch', 'onnxruntime', 'difflib', 'mmdnn.ir.layout') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=onnx.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_load_and_save(caffe, tmp_path):
    model = mmdnn.load(caffe)
    assert model.graph.outputs[0].name == "prob"
    assert mmdnn.save(model, tmp_path / "deep" / "net.onnx") == [tmp_path / "deep" / "net.onnx"]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["net.onnx"]


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 3, 8, 8)])
@pytest.mark.parametrize("name", ["", "data"])
def test_shapes_with_and_without_batch(caffe, shape, name):
    model = mmdnn.load(caffe, input_shapes={name: shape})
    assert list(model.graph.inputs[0].shape)[1:] == [3, 8, 8]


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"": (8, 8)}, "--inputShape: input 'data' is 1x3x6x5, which 8,8 does not fit"),
        ({"image": (3, 8, 8)}, "--inputShape: there is no input named 'image'"),
        ({"1": (3, 8, 8)}, "--inputShape: there is no input number 2"),
    ],
)
def test_shapes_that_do_not_fit(caffe, shapes, words):
    with pytest.raises(mmdnn.Error, match=words):
        mmdnn.load(caffe, input_shapes=shapes)


def test_outputs_to_end_at(onnx):
    with pytest.raises(mmdnn.UsageError, match="nothing"):
        mmdnn.load(onnx, outputs=["nothing"])


def test_convert_verifies(caffe, tmp_path):
    result = mmdnn.convert(caffe, tmp_path / "net.onnx")
    assert result.paths == (tmp_path / "net.onnx",)
    assert (result.source, result.target) == ("caffe", "onnx")
    assert result.report.ok
    assert result.report.source == "OpenCV's dnn on net.prototxt"
    assert [layer.value for layer in result.report.layers] == ["pool", "prob"]


def test_convert_to_pytorch(caffe, tmp_path):
    pytest.importorskip("torch")
    result = mmdnn.convert(caffe, tmp_path / "net.py")
    assert [path.name for path in result.paths] == ["net.py", "net.safetensors"]
    assert all(path.is_file() for path in result.paths)
    assert result.report.ok


def test_source_code_that_no_engine_runs(caffe, tmp_path):
    pytest.importorskip("cv2")
    result = mmdnn.convert(caffe, tmp_path / "made" / "net.py", to="caffe")
    assert result.report.ok
    assert result.report.target == "OpenCV's dnn on net.prototxt, net.caffemodel"
    assert result.notes[-1].startswith("The source code itself is not run")
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"net.py", "net.caffemodel"}


def test_weights_where_the_user_wants_them(onnx, tmp_path):
    pytest.importorskip("torch")
    weights = tmp_path / "elsewhere" / "w.pth"
    result = mmdnn.convert(onnx, tmp_path / "net.py", weights=weights)
    assert result.paths == (tmp_path / "net.py", weights)
    assert weights.is_file()


class Corrupting:
    """An ONNX writer and engine, in which a weight comes out changed."""

    def __init__(self, monkeypatch):
        room = registry.framework("onnx").room("writer")
        real = room.write

        def write(model, target, **options):
            changed = model.clone()
            changed.graph.initializers["w"].const_value = ir.tensor(
                np.full((3, 4), 2.01, np.float32), name="w"
            )
            return real(changed, target, **options)

        monkeypatch.setattr(room, "write", write)


def test_a_result_that_disagrees_is_not_left_behind(onnx, tmp_path, monkeypatch):
    Corrupting(monkeypatch)
    target = tmp_path / "out" / "net.onnx"
    words = r"first at fault is fc, value 'y' \(InnerProd"
    with pytest.raises(mmdnn.MismatchError, match=words) as caught:
        mmdnn.convert(onnx, target)
    assert not caught.value.report.ok
    assert not target.parent.exists()


def test_unless_it_is_to_be_kept(onnx, tmp_path, monkeypatch):
    Corrupting(monkeypatch)
    with pytest.raises(mmdnn.MismatchError):
        mmdnn.convert(onnx, tmp_path / "net.onnx", keep=True)
    assert (tmp_path / "net.onnx").is_file()


def test_not_verified_on_request(onnx, tmp_path, monkeypatch):
    Corrupting(monkeypatch)
    assert mmdnn.convert(onnx, tmp_path / "net.onnx", verify=False).report is None


def test_without_an_engine_it_says_which_extra_is_missing(onnx, tmp_path, monkeypatch):
    room = registry.framework("onnx").room("engine")

    def missing(*_):
        raise mmdnn.MissingExtraError("onnxruntime", "verify")

    monkeypatch.setattr(room, "load", missing)
    result = mmdnn.convert(onnx, tmp_path / "net.onnx")
    assert result.report is None
    assert "mmdnn[verify]" in result.notes[0]
    assert (tmp_path / "net.onnx").is_file()


def test_targets_and_files_that_cannot_be(onnx, tmp_path):
    with pytest.raises(mmdnn.UsageError, match="cannot tell from its name"):
        mmdnn.convert(onnx, tmp_path / "net.xyz")
    with pytest.raises(mmdnn.UsageError, match="no such file"):
        mmdnn.convert(tmp_path / "no.onnx", tmp_path / "net.onnx")
    with pytest.raises(mmdnn.UsageError, match="no such file"):
        mmdnn.load(tmp_path / "no.onnx", framework="onnx")
    with pytest.raises(mmdnn.UsageError, match="no model to read"):
        mmdnn.convert(tmp_path / "net.onnx")
    with pytest.raises(mmdnn.UsageError, match="not a framework"):
        mmdnn.load(onnx, framework="caffe2")


def test_compare(onnx, tmp_path):
    other = tmp_path / "other.onnx"
    mmdnn.save(small(3.0), other)
    assert mmdnn.compare(onnx, str(onnx)).ok
    report = mmdnn.compare([onnx], [other])
    assert not report.ok
    assert report.first_fault.name == "fc"
    assert mmdnn.compare(onnx, other, tolerance=mmdnn.Tolerance(1e9, 0)).ok


def test_compare_matches_inputs_of_other_names_by_their_order(onnx, tmp_path):
    other = tmp_path / "other.onnx"
    mmdnn.save(small(name="data"), other)
    assert mmdnn.compare(onnx, other).ok


def test_programs_are_not_run_without_trust(onnx, tmp_path):
    trap = tmp_path / "net.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Net: pass\n")
    with pytest.raises(mmdnn.UsageError, match="--trust"):
        mmdnn.compare(onnx, trap)
    with pytest.raises(mmdnn.UsageError):
        mmdnn.compare(trap, trap)
    assert not (tmp_path / "ran").exists()


def test_trusted_programs_are_run(onnx, tmp_path):
    pytest.importorskip("torch")
    paths = mmdnn.save(small(), tmp_path / "net.py")
    report = mmdnn.compare(onnx, paths, trust=True)
    assert report.ok
    assert [layer.value for layer in report.layers] == ["y"]
