"""Models of every opset mean the same at the IR's: onnxruntime and ONNX's own tests say so."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest
from onnx.backend.test.case.node import collect_testcases

from mmdnn.errors import Error, FormatError, UnsupportedError
from mmdnn.frameworks.onnx import engine, reader
from mmdnn.frameworks.onnx.importer import to_ir
from mmdnn.frameworks.onnx.writer import write
from mmdnn.ir import OPSET
from mmdnn.registry import Source

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
STORED = sorted(
    path.parent
    for kind in ("pytorch-converted", "pytorch-operator", "simple")
    for path in (DATA / kind).glob("*/model.onnx")
    if not path.parent.name.startswith(("test_gradient", "test_sequence"))
)
UNRUN = {
    "test_strnorm_model_monday_casesensintive_lower",
    "test_strnorm_model_monday_casesensintive_upper",
    "test_strnorm_model_monday_empty_output",
    "test_strnorm_model_monday_insensintive_upper_twodim",
}
"""onnxruntime wants a locale for these that need not be installed."""


def parsed(text: str) -> ir.Model:
    return ir.serde.deserialize_model(onnx.parser.parse_model(text))


def random_feeds(model: ir.Model) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        str(value.name): random.standard_normal(value.shape.numpy()).astype(value.dtype.numpy())
        for value in model.graph.inputs
        if value.shape is not None and value.dtype is not None
    }


def assert_same(text: str, target: int = OPSET) -> ir.Model:
    """Both forms must run, and agree in all values that both have."""
    feeds = random_feeds(parsed(text))
    before = engine.run(parsed(text), feeds)
    model = to_ir(parsed(text))
    assert model.opset_imports[""] == target
    proto = onnx.shape_inference.infer_shapes(ir.serde.serialize_model(model))
    onnx.checker.check_model(proto, full_check=True)
    after = engine.run(model, feeds)
    common = before.keys() & after.keys()
    assert {str(value.name) for value in model.graph.outputs} <= common
    for name in common:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-5, atol=1e-6, err_msg=name)
    return model


def stored(folder: Path, kind: str) -> list[np.ndarray]:
    files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    protos = [onnx.TensorProto.FromString(path.read_bytes()) for path in files]
    arrays = [ir.serde.deserialize_tensor(proto).numpy() for proto in protos]
    return [_words(a) if a.dtype.kind in "OS" else a for a in arrays]


def _words(texts: np.ndarray) -> np.ndarray:
    decoded = [text.decode() for text in texts.ravel()]
    return np.array(decoded, object).reshape(texts.shape)


@pytest.mark.parametrize("folder", STORED, ids=lambda path: path.name)
def test_stored_models_give_their_stored_outputs(folder: Path) -> None:
    if folder.name in UNRUN:
        pytest.skip("onnxruntime wants a locale that need not be installed")
    model = to_ir(reader.read(Source(folder / "model.onnx")))
    assert model.opset_imports[""] == OPSET
    for data in sorted(folder.glob("test_data_set_*")):
        inputs = (str(value.name) for value in model.graph.inputs)
        found = engine.run(model, dict(zip(inputs, stored(data, "input"), strict=True)))
        for value, expected in zip(model.graph.outputs, stored(data, "output"), strict=True):
            if expected.dtype.kind == "O":
                assert found[str(value.name)].tolist() == expected.tolist()
                continue
            np.testing.assert_allclose(found[str(value.name)], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # from the making of its data
def test_a_sample_of_the_node_tests() -> None:
    """What onnxruntime gets right before, it gets right after."""
    checked = 0
    for case in islice(collect_testcases(None), None, None, 9):
        model = ir.serde.deserialize_model(case.model)
        if case.name == "test_scan_sum":
            continue
        feeds, expected = _data(case, model)
        try:
            before = engine.run(model, feeds)
        except Error:
            continue
        outputs = [str(value.name) for value in model.graph.outputs]
        after = engine.run(to_ir(model), feeds)
        for name, array in zip(outputs, expected, strict=True):
            right = name in before and _close(before[name], array)
            assert not right or _close(after[name], array), case.name
            checked += right
    assert checked > 80


def _data(case: object, model: ir.Model) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    inputs, outputs = case.data_sets[0]  # type: ignore[attr-defined]
    inputs = list(inputs.values()) if isinstance(inputs, dict) else inputs
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
    names = [str(value.name) for value in model.graph.inputs]
    return dict(zip(names, inputs, strict=False)), outputs


def _close(one: np.ndarray, other: object) -> bool:
    if not isinstance(other, np.ndarray) or other.dtype.kind not in "fiub":
        return False
    return one.shape == other.shape and np.allclose(one, other, 1e-3, 1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("opset", "body"),
    [
        (9, "y = Clip <min = 0.0> (x)"),
        (9, "y = Clip <max = 0.5, min = -0.5> (x)"),
        (9, "y = Pad <mode = 'reflect', pads = [0, 0, 1, 1, 0, 0, 2, 1]> (x)"),
        (9, "y = Pad <pads = [0, 0, 1, 1, 0, 0, 2, 1], value = 2.5> (x)"),
        (9, "y = Slice <starts = [1, 0], ends = [4, -1], axes = [2, 3]> (x)"),
        (9, "y = Softmax (x)"),
        (9, "y = Softmax <axis = 3> (x)"),
        (11, "y = LogSoftmax <axis = -2> (x)"),
        (11, "y = Hardmax <axis = 2> (x)"),
        (9, "y, i = TopK <k = 2> (x)"),
        (11, "y = Squeeze <axes = [0]> (x)"),
        (11, "y = Unsqueeze <axes = [0, 2]> (x)"),
        (11, "y, z = Split <axis = 2, split = [2, 3]> (x)"),
        (13, "y, z = Split <axis = 1> (x)"),
        (11, "y = ReduceSum <axes = [1, 2], keepdims = 0> (x)"),
        (17, "y = ReduceMean <axes = [-1]> (x)"),
        (13, "y = ReduceMax (x)"),
        (7, "y = Upsample <scales = [1.0, 1.0, 2.0, 3.0]> (x)"),
        (7, "y = Upsample <mode = 'linear', scales = [1.0, 1.0, 2.0, 3.0]> (x)"),
        (9, "s = Constant <value = float[4] {1, 1, 2, 2}> () y = Upsample (x, s)"),
        (10, "s = Constant <value = float[4] {1, 1, 2, 2}> () y = Resize (x, s)"),
        (10, "s = Constant <value = float[4] {1, 1, 0.6, 0.5}> () y = Resize (x, s)"),
        (10, "s = Constant <value = float[4] {1, 1, 0.6, 2}> () y = Resize <mode = 'linear'> (x, s)"),
        (7, "y = Dropout <ratio = 0.3> (x)"),
        (10, "y, m = Dropout (x)"),
        (16, "g = Constant <value = float[1, 2, 2, 2] {0, 0.1, 0.5, -1, 1, 0.2, 0.3, 0.7}> () "
             "y = GridSample <mode = 'bicubic'> (x, g)"),
    ],
)  # fmt: skip
def test_operators_mean_the_same(opset: int, body: str) -> None:
    text = body.replace("'", '"')
    assert_same(
        f'<ir_version: 8, opset_import: ["" : {opset}]> g (float[1, 4, 5, 6] x) => (float[] y) {{ {text} }}'
    )


def test_scale_by_group_made_by_nodes() -> None:
    assert_same(
        '<ir_version: 8, opset_import: ["" : 18]> g (float[1, 4, 5] x) => (float[1, 4, 5] y) '
        "{ s = Constant <value = float[2] {1.5, -2}> () b = Constant <value = float[2] {3, 4}> () "
        "y = GroupNormalization <num_groups = 2> (x, s, b) }"
    )


def test_scale_by_group_is_repeated_when_it_is_written() -> None:
    model = assert_same(
        '<ir_version: 8, opset_import: ["" : 18]> g (float[1, 4, 5] x) => (float[1, 4, 5] y) '
        "<float[2] s = {1.5, -2}, float[2] b = {3, 4}> "
        "{ y = GroupNormalization <num_groups = 2> (x, s, b) }"
    )
    weights = model.graph.initializers.values()
    assert all(isinstance(value.const_value, ir.LazyTensor) for value in weights)
    assert "s" not in model.graph.initializers


def test_statistics_for_each_place() -> None:
    body = "y = BatchNormalization <spatial = {}> (x, s, b, m, v)"
    text = (
        '<ir_version: 8, opset_import: ["" : {}]> g (float[2, 2] x) => (float[] y) <float[2] s = '
        "{{1, 2}}, float[2] b = {{3, 4}}, float[2] m = {{5, 6}}, float[2] v = {{7, 8}}> {{ {} }}"
    )
    model = to_ir(parsed(text.format(7, body.format(0))))
    x = np.array([[1, 2], [3, 4]], np.float32)
    expected = (x - [5, 6]) / np.sqrt(np.array([7, 8]) + 1e-5) * [1, 2] + [3, 4]
    np.testing.assert_allclose(engine.run(model, {"x": x})["y"], expected, rtol=1e-6)
    assert_same(text.format(8, body.format(1)))


def test_subgraphs_are_upgraded() -> None:
    model = assert_same(
        '<ir_version: 8, opset_import: ["" : 10]> g (float[1, 3] x) => (float[] y) {'
        "n = ReduceSum <keepdims = 0> (x) c = Greater (n, n)"
        "y = If (c) <then_branch = t () => (float[] a) { a = Squeeze <axes = [0]> (x) },"
        "else_branch = e () => (float[] b) { d = Clip <min = 0.1> (x) b = Squeeze <axes = [0]> (d) }> }"
    )
    assert all("axes" not in node.attributes for node in model.graph.all_nodes())


def test_functions_are_upgraded_with_the_attributes_they_are_called_with() -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 10, "own" : 1]> g (float[1, 3, 1] x) => (float[] y) '
        "{ y = own.f <places = [0, 2]> (x) } "
        '<domain: "own", opset_import: ["" : 10]> f <places> (a) => (b) '
        "{ c = Squeeze <axes : ints = @places> (a) b = Clip <min = 0.1> (c) }"
    )
    model = to_ir(parsed(text))
    feeds = random_feeds(model)
    found = engine.run(model, feeds)["y"]
    np.testing.assert_array_equal(found, np.maximum(feeds["x"].reshape(3), np.float32(0.1)))
    (function,) = model.functions.values()
    assert function.opset_imports[""] == OPSET


def test_broadcasting_along_an_axis() -> None:
    text = (
        '<ir_version: 3, opset_import: ["" : 6]> g (float[2, 3, 4] x, float[3] b) => (float[2, 3, 4] y)'
        " { y = Add <axis = 1, broadcast = 1> (x, b) }"
    )
    model = to_ir(parsed(text))
    feeds = random_feeds(model)
    expected = feeds["x"] + feeds["b"][:, None]
    np.testing.assert_array_equal(engine.run(model, feeds)["y"], expected)


def test_opset_1() -> None:
    text = (
        '<ir_version: 3, opset_import: ["" : 1]> g (float[2, 6] x) => (int32[3, 4] y) {'
        "a = Reshape <shape = [3, 4], consumed_inputs = [0]> (x) b = Concat (a, a) "
        'c, d = Split <axis = 1> (b) y = Cast <to = "INT32"> (c) }'
    )
    model = to_ir(parsed(text))
    feeds = random_feeds(model)
    expected = feeds["x"].reshape(3, 4).astype(np.int32)
    np.testing.assert_array_equal(engine.run(model, feeds)["y"], expected)


def test_later_opsets_stay_only_where_they_are_needed() -> None:
    text = '<ir_version: 11, opset_import: ["" : {}]> g (float[2, 4] x) => (float[] y) {{ {} }}'
    assert_same(text.format(25, "a = Identity (x) y = Relu (a)"))
    assert_same(text.format(24, "y = Swish (x)"), target=24)
    young = text.format(25, "a = Cast <to = 24> (x) y = Cast <to = 1> (a)")
    assert to_ir(parsed(young)).opset_imports[""] == 25


@pytest.mark.parametrize(
    ("opset", "body", "words"),
    [
        (
            6,
            "y = BatchNormalization (x, s, s, s, s)",
            r"layer 'y' \(BatchNormalization\).*training",
        ),
        (13, "y = Relu <slope = 1.0> (x)", "Relu: no attribute 'slope'"),
        (13, "y = Concat (x, x)", "Concat: attribute 'axis' is missing"),
        (13, "y = Rleu (x)", "Rleu: no operator of opset 13"),
        (13, "y = Add (x)", "Add: 1 inputs"),
        (13, "y = Softmax <axis = 1.0> (x)", "Softmax: attribute 'axis' is a FLOAT"),
        (13, "a = Relu <a = 1> (x) y = Elu <b = 1> (a)", r"(?s)2 operators.*Relu.*Elu"),
        (10, "y = Resize (x, s)", "not constant"),
        (99, "y = Relu (x)", "opset 99"),
    ],
)
def test_what_has_no_exact_counterpart_is_refused(opset: int, body: str, words: str) -> None:
    head = f'<ir_version: 8, opset_import: ["" : {opset}]>'
    text = f"{head} g (float[2] x, float[2] s) => (float[] y) {{{body}}}"
    with pytest.raises(UnsupportedError, match=words):
        to_ir(parsed(text))


def test_an_opset_must_be_said() -> None:
    text = '<ir_version: 8, opset_import: ["other" : 1]> g (float[2] x) => (float[] y) { y = Relu (x) }'
    with pytest.raises(FormatError, match="opset"):
        to_ir(parsed(text))


def test_real_models(shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "models" / "onnx").rglob("*.onnx")):
        model = to_ir(reader.read(Source(path)))
        write(model, tmp_path / "net.onnx")
        onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
