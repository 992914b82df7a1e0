"""Files of CNTK 1, of every version: what they mean, and what is refused.

`brainscript_versions.npz` is what CNTK 2.7 computes of the nets in `brainscript_versions`; a test
asks it again where there is a CNTK.
"""

from __future__ import annotations

import random
import struct
from functools import cache
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import HELPERS
from helpers.cntk import brainscript_versions
from helpers.cntk.brainscript_files import (
    File,
    double,
    flag,
    i32,
    i64,
    shape,
    single,
    size,
    text,
    u32,
)
from helpers.cntk.damage import mutated, survives
from mmdnn.errors import Error, FormatError, UnsupportedError
from mmdnn.frameworks.cntk import arrange, engine, graph, importer, reader
from mmdnn.frameworks.cntk.graph import BATCH, SEQUENCE, Kind, Model
from mmdnn.frameworks.cntk.reader.brainscript import fields
from mmdnn.frameworks.cntk.reader.brainscript.loading import is_understood
from mmdnn.frameworks.onnx import engine as onnxruntime
from mmdnn.ir import sequences
from mmdnn.registry import Source

RECORD = HELPERS / "cntk" / "brainscript_versions.npz"
NETS = {name: (function, version) for name, function, version in brainscript_versions.all_nets()}


@cache
def recorded() -> dict[str, np.ndarray]:
    with np.load(RECORD) as data:
        return dict(data)


def source(file: File, folder: Path) -> Source:
    found = arrange([file.write(folder / "net.model")])
    assert found is not None
    return found


def read(file: File, folder: Path) -> Model:
    return reader.read(source(file, folder))


def fed(model: ir.Model, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The feeds with a time of one frame where the model has one, and lengths where it asks."""
    found = {}
    for value in model.graph.inputs:
        name = str(value.name)
        if name in feeds:
            missing = value.shape is not None and feeds[name].ndim < len(value.shape)
            found[name] = feeds[name][:, None] if missing else feeds[name]
    for value in model.graph.inputs:
        of = sequences.lengths_of(value)
        if of is not None and str(value.name) in found:
            array = found[str(value.name)]
            found[of] = np.full(len(array), array.shape[1], np.int64)
    wanted = {str(value.name) for value in model.graph.inputs}
    return {name: array for name, array in found.items() if name in wanted}


@pytest.mark.parametrize("name", NETS)
def test_a_net_of_a_version(name: str, tmp_path: Path) -> None:
    function, version = NETS[name]
    file, feeds, *expected = function(version)
    model = importer.to_ir(read(file, tmp_path))
    (output,) = (one for one in model.graph.outputs if not str(one.name).endswith(".lengths"))
    found = onnxruntime.run(model, fed(model, feeds))[str(output.name)]
    wanted = expected[0] if expected else recorded()[name]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, 1e-5, 1e-5)


def ask_cntk(folder: Path) -> dict[str, np.ndarray | Error]:
    """What CNTK 2.7 computes of the nets, outputs as the IR has them."""
    jobs, names = [], {}
    for name, (function, version) in NETS.items():
        (folder / name).mkdir()
        file, feeds, *expected = function(version)
        if not expected:
            place = source(file, folder / name)
            assert place.network is not None
            assert is_understood(place.network), name  # so CNTK itself reads it
            model = importer.to_ir(reader.read(place))
            names[name] = str(model.graph.outputs[0].name)
            jobs.append((place, fed(model, feeds)))
    made = zip(names.items(), engine.run_many(jobs), strict=True)
    return {name: one if isinstance(one, Error) else one[key] for (name, key), one in made}


def test_cntk_says_what_is_recorded(tmp_path: Path) -> None:
    try:
        engine.interpreter()
    except Error as error:
        pytest.skip(str(error))
    found = ask_cntk(tmp_path)
    assert found.keys() == recorded().keys()
    for name, array in recorded().items():
        assert isinstance(found[name], np.ndarray), found[name]
        np.testing.assert_allclose(found[name], array, 1e-5, 1e-6, err_msg=name)


def tanh(version: int = 31, axis: str = "*", name: str = "x") -> File:
    file = File(version)
    file.node("Tanh", "out", file.input(name, 4, axis=axis))
    return file


@pytest.mark.parametrize(
    ("axis", "name", "axes"),
    [
        ("*", "__v2libuid__Input3__v2libname__x", (BATCH, SEQUENCE)),
        ("__noSequenceAxis", "__v2libuid__Input3__v2libname__x", (BATCH,)),
        ("__noSequenceAxis", "x", (BATCH,)),
        ("other", "x", (BATCH, graph.Axis(graph.DYNAMIC, "other", ordered=True))),
        ("*", "x", (BATCH,)),
    ],
)
def test_dynamic_axes(axis: str, name: str, axes: tuple[graph.Axis, ...], tmp_path: Path) -> None:
    """Of BrainScript's own nets the usual time is dropped where nothing looks along it."""
    (found,) = read(tanh(axis=axis, name=name), tmp_path).inputs
    assert (found.name, found.axes, found.shape) == ("x", axes, (4,))
    assert found.uid == ("Input3" if name != "x" else "x")


def test_time_is_kept_where_something_looks_along_it(tmp_path: Path) -> None:
    file = tanh()
    file.node("PastValue", "before", "out", payload=i32(1) + shape(4) + single(0))
    (found,) = read(file, tmp_path).inputs
    assert found.axes == (BATCH, SEQUENCE)


def test_names_that_cntk_2_has_made_are_taken_apart(tmp_path: Path) -> None:
    file = File(31)
    x = file.input("__v2libuid__Input1__v2libname__features", 4)
    w = file.parameter("__v2libuid__Parameter2__v2libname__", np.ones(4))
    file.node("Plus", "__v2libuid__Plus3__v2libname__the sum", x, w)
    model = read(file, tmp_path)
    (function,) = (one for one in model.functions if one.op == "Plus")
    assert (function.uid, function.name) == ("Plus3", "the sum")
    assert [one.uid for one in function.inputs] == ["Input1", "Parameter2"]
    assert [one.uid for one in model.outputs] == ["Plus3_Output_0"]


def test_an_input_without_dynamic_axes_is_saved_as_a_parameter(tmp_path: Path) -> None:
    file = File(31)
    x = file.parameter("__v2libuid__Input12__v2libname__x", np.zeros((2, 3)), 0)
    file.node("Tanh", "__v2libuid__Tanh13__v2libname__", x)
    (found,) = read(file, tmp_path).inputs
    assert (found.kind, found.axes, found.shape) == (Kind.INPUT, (), (2, 3))


def test_numbers_stay_in_the_file(tmp_path: Path) -> None:
    """Column-major bytes, so those of the reversed shape row-major."""
    file = File(31)
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    file.node("Plus", "out", file.input("x", 3, 2), file.parameter("w", numbers, 0))
    model = read(file, tmp_path)
    (constant,) = (one for one in model.variables.values() if one.kind == Kind.CONSTANT)
    assert isinstance(constant.value, ir.ExternalTensor)
    start = constant.value.offset or 0
    data = (tmp_path / "net.model").read_bytes()[start : start + 24]
    assert data == struct.pack("<6f", *range(6))
    assert constant.shape == (2, 3)


def test_half_floats_are_read_from_the_ints_that_they_are_written_as(tmp_path: Path) -> None:
    numbers = np.array([1.5, -2.25, 0.1], np.float16)
    file = File(31, np.float16)
    bits = i32(*(int(one) for one in numbers.view(np.int16)))
    head = b"d" + text("BMAT") + size(2) + text("unnamed") + i32(0) + size(3, 1)
    payload = single(1) + shape(3) + head + bits + text("EMAT")
    file.node("LearnableParameter", "w", payload=payload)
    file.node("Negate", "out", "w")
    model = read(file, tmp_path)
    (found,) = model.variables.values()
    assert found.value is not None
    assert found.dtype == ir.DataType.FLOAT16
    np.testing.assert_array_equal(found.value.numpy(), numbers)


def classifier(version: int = 31) -> File:
    file = File(version)
    x = file.node("Tanh", "hidden", file.input("features", 4))
    y = file.node("Softmax", "out", x)
    file.node("CrossEntropyWithSoftmax", "loss", file.input("labels", 4), x)
    file.node("ErrorPrediction", "errors", "labels", y)
    return file


def test_outputs_are_what_the_file_calls_so_but_for_criteria(tmp_path: Path) -> None:
    file = classifier()
    file.groups = {"Output": ["hidden"], "Criterion": ["loss"], "Eval": ["errors"]}
    model = read(file, tmp_path)
    assert [one.owner.name for one in model.outputs if one.owner] == ["hidden"]
    assert {one.name for one in model.functions if one.name} == {"hidden", "out", "loss", "errors"}


def test_without_groups_outputs_are_what_nothing_reads(tmp_path: Path) -> None:
    file = classifier()
    file.node("Negate", "last", "hidden")
    model = read(file, tmp_path)
    assert [one.owner.name for one in model.outputs if one.owner] == ["last"]
    only = read(classifier(), tmp_path)
    assert [one.owner.name for one in only.outputs if one.owner] == ["loss", "errors"]


def test_what_is_judged_by_can_be_asked_for(tmp_path: Path) -> None:
    file = classifier()
    file.node("Minus", "distance", "labels", "out")
    file.groups = {"Output": ["out"], "Criterion": ["distance"]}
    found = source(file, tmp_path)
    (output,) = importer.to_ir(reader.read(found)).graph.outputs
    assert output.name == "out"
    model = importer.to_ir(reader.read(Source(network=found.network, outputs=("distance",))))
    assert [str(value.name) for value in model.graph.inputs] == ["features", "labels"]


def test_what_is_not_needed_may_be_anything_known(tmp_path: Path) -> None:
    file = classifier()
    file.node("DummyCriterion", "dummy", "out", "out", "out")
    file.node("TopK", "lost", "hidden")
    file.groups = {"Output": ["out"], "Criterion": ["loss", "dummy"], "Eval": ["errors", "lost"]}
    assert importer.to_ir(read(file, tmp_path)).graph.outputs[0].name == "out"
    file.groups["Output"] = ["out", "lost"]
    file.groups["Eval"] = []
    with pytest.raises(UnsupportedError, match="has not saved how many it takes") as caught:
        read(file, tmp_path)
    assert (caught.value.layer, caught.value.operator) == ("lost", "TopK")


def test_several_that_are_refused_are_listed_together(tmp_path: Path) -> None:
    file = File(31)
    x = file.input("x", 4)
    file.node("Plus", "out", file.node("OneHot", "one", x), file.node("Padding", "two", x))
    with pytest.raises(
        UnsupportedError, match=r"2 operators.*\n.*OneHot x1: one\n.*Padding x1: two"
    ):
        read(file, tmp_path)


LOADED_BY_CNTK = """
Abs Acos Asin AveragePooling BatchNormalization CRF ClassBasedCrossEntropyWithSoftmax
ClassificationError Clip ColumnElementTimes Convolution CosDistance CosDistanceWithNegativeSamples
Cosh Cosine Crop CrossEntropy CrossEntropyWithSoftmax Delay DiagTimes Diagonal Dropout
DummyCriterion DynamicAxis EditDistanceError ElementTimes EnvironmentInput EpochAccumulator Equal
ErrorPrediction Exp Floor ForwardBackward FutureValue GMMLogLikelihood GatherPacked Greater
GreaterEqual Hardmax If InputValue InvStdDev KhatriRaoProduct LabelsToGraph LambdaRank
LatticeSequenceWithSoftmax LearnableParameter LegacyReshape Less LessEqual Log LogPlus LogSoftmax
Logistic LookupTable MatrixL1Reg MatrixL2Reg MaxPooling MaxUnpooling Mean Minus
NCEBasedCrossEntropyWithSoftmax NDCG1Eval Negate NotEqual OptimizedRNNStack PackedIndex Pass
PastValue PerDimMeanVarDeNormalization PerDimMeanVarDeNormalizationNode PerDimMeanVarNormalization
PerDimMeanVarNormalizationNode Plus Pooling QuantizedTimes RNN ROIPooling RandomSample
RandomSampleInclusionFrequency Reciprocal ReconcileDynamicAxis ReconcileMBLayout RectifiedLinear
ReduceElements Reshape RowElementTimes RowRepeat RowSlice RowStack Scale ScatterPacked
SequenceDecoderNode SequenceWithSoftmax Shift Sigmoid Sin Sinh Slice Softmax SparseInputValue Sqrt
SquareError StableSigmoid StopGradient SumColumnElements SumElements Tanh Times Trace Transpose
TransposeDimensions TransposeTimes Where
"""
"""Nodes in ComputationNetworkBuilder.cpp of CNTK 2.5."""


def test_every_node_that_cntk_loads_is_known() -> None:
    assert set(LOADED_BY_CNTK.split()) <= fields.BARE | fields.ROWS.keys() | fields.LOADS.keys()


def test_a_loop_that_nothing_calls_an_output(tmp_path: Path) -> None:
    file = File(31)
    file.node("Plus", "out", file.input("x", 4), "out")
    with pytest.raises(FormatError, match="it has no outputs"):
        read(file, tmp_path)


@pytest.mark.parametrize("count", [4, 5])
def test_a_criterion_over_lattices_is_passed_over(count: int, tmp_path: Path) -> None:
    file = tanh()
    payload = text("some file") * count + double(*range(6)) + flag(True) + flag(False)
    file.node("LatticeSequenceWithSoftmax", "loss", "out", "out", "out", "out", payload=payload)
    assert [one.owner.name for one in read(file, tmp_path).outputs if one.owner] == ["loss"]
    file.groups = {"Output": ["out"]}
    assert [one.owner.name for one in read(file, tmp_path).outputs if one.owner] == ["out"]


def unknown(version: int) -> File:
    file = tanh(version)
    file.node("SomethingNew", "new", "out", payload=b"whatever")
    return file


def image(version: int, kind: str, payload: bytes, *weights: np.ndarray) -> File:
    file = File(version)
    names = [file.parameter(f"w{index}", each) for index, each in enumerate(weights)]
    x = file.input("x", 5, 5, 3)
    order = [*names, x] if kind == "Convolution" else [x, *names]
    file.node(kind, "out", *order, payload=payload)
    return file


def sparse() -> File:
    file = tanh()
    payload = single(1) + shape(4) + b"s" + text("BMAT") + size(4)
    file.node("LearnableParameter", "w", payload=payload)
    return file


def uncomputed() -> File:
    file = File(31)
    x = file.input("x", 4)
    file.node("Mean", "mean", x, payload=flag(False) + file.matrix(np.zeros(4)))
    file.node("Minus", "out", x, "mean")
    return file


def shifted(begin: int, count: int) -> File:
    file = File(31)
    parts = i32(count) + (i64(begin, 2) + i32(-1) + i32(1)) * min(count, 1)
    file.node("Slice", "out", file.input("x", 4), payload=parts)
    return file


OLD_CONVOLUTION = size(3, 3, 1, 1) + u32(2, 0) + flag(False) + size(0)
REFUSED: dict[str, tuple[File, type[Error], str]] = {
    "unknown node": (unknown(31), UnsupportedError, "is not known here, nor what it has written"),
    "newer": (tanh(32), FormatError, "unknown version 32"),
    "channels innermost": (
        image(4, "Convolution", OLD_CONVOLUTION, np.ones((27, 2))),
        UnsupportedError,
        "layout HWC",
    ),
    "old pooling, channels innermost": (
        image(4, "MaxPooling", u32(2, 0) + size(2, 2, 2)),
        UnsupportedError,
        "layout HWC",
    ),
    "old regions": (
        image(25, "ROIPooling", shape(2, 2), np.ones((2, 4))),
        UnsupportedError,
        "fractions of the image",
    ),
    "kernel of no shape": (
        image(4, "Convolution", size(3, 3, 1, 1) + u32(2, 1) + flag(0) + size(0), np.ones((28, 2))),
        FormatError,
        "no kernel",
    ),
    "sparse parameter": (sparse(), UnsupportedError, "sparse matrix"),
    "statistics to come": (uncomputed(), UnsupportedError, "still to be computed"),
    "slice of time": (shifted(0, 1), UnsupportedError, "-1 is no static axis"),
    "slice of no axes": (shifted(0, 0), FormatError, "a slice of 0 axes"),
    "slice of many axes": (shifted(0, 1 << 30), FormatError, "a slice of"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str, tmp_path: Path) -> None:
    file, kind, reason = REFUSED[name]
    with pytest.raises(kind, match=reason) as caught:
        read(file, tmp_path)
    assert caught.value.file == tmp_path / "net.model"


def rest(*parts: bytes, nodes: int = 1, version: int = 31) -> bytes:
    head = text("BCN") + text("BVersion") + size(version) + text("EVersion")
    return b"".join([head, size(nodes), text("BNodeList"), *parts])


HUGE = (1 << 63) + 5
NODE = text("float") + text("{}") + text("n")
HOSTILE: dict[str, bytes] = {
    "nodes": rest(nodes=HUGE),
    "axes of a shape": rest(
        text("float") + text("InputValue") + text("n") + size(0, 0) + u32(1 << 31, 1)
    ),
    "matrix": rest(
        text("float") + text("LearnableParameter") + text("n") + single(1) + shape(4) + b"d"
        + text("BMAT") + size(4) + text("") + i32(0) + size(1 << 40, 1 << 40)
    ),
    "flags": rest(
        text("float") + text("Convolution") + text("n") + shape(1) * 3 + size(HUGE) + bytes(99)
    ),
    "word": rest(b"a\0" * (1 << 20)),
    "odd word": text("BCN") + b"\xd8\0\0\xd8\0\0\0\0",
    "reduction": rest(text("float") + text("ReduceElements") + text("n") + i32(1 << 30) + bytes(99)),
    "zeros": text("BCN") + bytes(1 << 20),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_sizes_are_bounded(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.model"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(FormatError) as caught:
        reader.read(Source(network=path))
    assert caught.value.file == path


def test_many_copies_are_refused(tmp_path: Path) -> None:
    file = File(7)
    file.node("RowRepeat", "out", file.input("x", 4), payload=size(1 << 62))
    with pytest.raises(UnsupportedError, match="copies"):
        read(file, tmp_path)


def test_two_nodes_of_one_name(tmp_path: Path) -> None:
    file = tanh()
    file.node("Exp", "out", "x")
    with pytest.raises(FormatError, match="two nodes of this name"):
        read(file, tmp_path)


def test_two_nodes_of_one_uid(tmp_path: Path) -> None:
    file = File(31)
    x = file.input("__v2libuid__Input1__v2libname__x", 4)
    file.node("Exp", "__v2libuid__Same__v2libname__a", x)
    file.node("Exp", "__v2libuid__Same__v2libname__b", x)
    with pytest.raises(FormatError, match="two nodes of this uid"):
        read(file, tmp_path)


def test_a_node_that_reads_itself_is_read_and_refused_later(tmp_path: Path) -> None:
    file = File(31)
    file.node("Plus", "out", file.input("x", 4), "out")
    file.groups = {"Output": ["out"]}
    with pytest.raises(Error, match="loop"):
        importer.to_ir(read(file, tmp_path))


@pytest.mark.parametrize("name", ["dense_1", "dense_31", "convolution_31", "recurrence_2"])
def test_a_file_cut_short(name: str, tmp_path: Path) -> None:
    function, version = NETS[name]
    data = function(version)[0].bytes()
    path = tmp_path / "net.model"
    for length in range(6, len(data), 9):
        path.write_bytes(data[:length])
        with pytest.raises(FormatError) as caught:
            reader.read(Source(network=path))
        assert caught.value.file == path


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(sorted(NETS)), seed=st.integers(0, 1 << 32))
def test_mutations(name: str, seed: int, tmp_path: Path) -> None:
    function, version = NETS[name]
    path = tmp_path / "net.model"
    path.write_bytes(mutated(function(version)[0].bytes(), random.Random(seed)))
    survives(path)


def main() -> None:
    """Record what CNTK says: python tests/frameworks/cntk/test_cntk_brainscript.py."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = ask_cntk(Path(folder))
    for name, array in found.items():
        if isinstance(array, Error):
            raise SystemExit(f"{name}: {array}")
    np.savez_compressed(RECORD, **{name: np.asarray(array) for name, array in found.items()})


if __name__ == "__main__":
    main()
