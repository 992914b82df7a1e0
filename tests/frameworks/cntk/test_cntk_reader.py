"""CNTK 2's files: written byte by byte here (`dictionary_files`), damaged, and hostile."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.cntk import dictionary_files
from helpers.cntk.damage import mutated, survives
from helpers.cntk.dictionary_files import (
    Float,
    Int,
    Tensor,
    a_block,
    function,
    model,
    parameter,
    variable,
    write,
)
from mmdnn.errors import Error, FormatError, UnsupportedError, UsageError
from mmdnn.frameworks.cntk import arrange, graph, importer, reader, writer
from mmdnn.frameworks.cntk._operators import OPERATORS
from mmdnn.frameworks.cntk.graph import BATCH, SEQUENCE, Axis, Kind, Model, Shape
from mmdnn.frameworks.cntk.reader import dictionary
from mmdnn.registry import Source

W = np.arange(6, dtype=np.float32).reshape(3, 2) / 4
B = np.array([0.5, -1], np.float32)


def small(**more: Any) -> dict[str, Any]:
    """x (3) times W (3, 2) plus b (2)."""
    return model(
        [variable("x", 0, (3,), name="features"), parameter("W", W), parameter("b", B)],
        [
            function(
                "Times1", "Times", ["W", "x"], {"outputRank": 1, "inferInputRankToMap": Int(-1)}
            ),
            function("Plus2", "Plus", ["Times1_Output_0", "b"], name="out"),
        ],
        **more,
    )


def read(path: Path) -> Model:
    found = arrange([path])
    assert found is not None
    return reader.read(found)


def loaded(folder: Path, value: dict[str, Any], version: int = 1, *, large: bool = False) -> Model:
    return read(write(folder / "net.model", value, version, large=large))


def test_operators_have_the_numbers_of_cntk() -> None:
    """PrimitiveOpType.h; the numbers are never changed, only continued."""
    wanted = {"Negate": 0, "Plus": 19, "Times": 31, "Convolution": 33, "PastValue": 37}
    wanted |= {"BatchNormalization": 40, "Combine": 44, "Block": 57, "UnpackSequence": 72}
    wanted |= {"StableSigmoid": 75, "Pad": 83, "TopK": 87, "ConvolutionSequenceShape": 97}
    assert {name: OPERATORS[name].number for name in wanted} == wanted


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("large", [False, True])
def test_a_small_network(version: int, large: bool, tmp_path: Path) -> None:
    found = loaded(tmp_path, small(name="net"), version, large=large)
    assert (found.name, found.root.uid) == ("net", "Plus2")
    times, plus = found.functions
    assert (times.op, plus.op, plus.name) == ("Times", "Plus", "out")
    assert plus.inputs[0] is times.output()
    w, x = times.inputs
    assert (w.kind, w.shape, w.trained) == (Kind.PARAMETER, (3, 2), True)
    assert (x.kind, x.shape, x.axes, x.name) == (Kind.INPUT, (3,), (BATCH,), "features")
    assert isinstance(w.value, ir.ExternalTensor)
    np.testing.assert_array_equal(w.value.numpy(), W)
    assert plus.inputs[1].value is not None
    np.testing.assert_array_equal(plus.inputs[1].value.numpy(), B)
    assert times.attributes == {"outputRank": 1, "inferInputRankToMap": -1}


def test_numbers_stay_where_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "net.model", small())
    (w,) = (one for one in read(path).variables.values() if one.uid == "W")
    assert isinstance(w.value, ir.ExternalTensor)
    start, length = w.value.offset or 0, w.value.nbytes
    assert path.read_bytes()[start : start + length] == W.tobytes()


def test_dynamic_axes_come_batch_first(tmp_path: Path) -> None:
    """In files the innermost comes first; an unknown one leaves them open."""
    axes = [Axis(graph.DYNAMIC, "defaultDynamicAxis", ordered=True), BATCH]
    found = small()
    found["inputs"][0]["dynamic_axis"] = axes
    assert loaded(tmp_path, found).inputs[0].axes == (BATCH, SEQUENCE)
    found["inputs"][0]["dynamic_axis"] = [Axis(graph.UNKNOWN)]
    assert loaded(tmp_path, found).inputs[0].axes is None


def test_halves_are_written_as_floats(tmp_path: Path) -> None:
    half = Tensor(np.array([1.5, -0.1], np.float16), 4)
    found = small()
    found["inputs"][2] |= {"value": half, "data_type": 4}
    (b,) = (one for one in loaded(tmp_path, found).variables.values() if one.uid == "b")
    assert b.value is not None
    assert (b.dtype, b.value.dtype) == (ir.DataType.FLOAT16, ir.DataType.FLOAT16)
    np.testing.assert_array_equal(b.value.numpy(), half.array)


@pytest.mark.parametrize(("kind", "dtype"), [(5, np.int8), (6, np.int16)])
def test_small_integers(kind: int, dtype: type, tmp_path: Path) -> None:
    array = np.array([-128, 127], dtype)
    found = small()
    found["inputs"][2] |= {"value": Tensor(array, kind), "data_type": kind}
    (b,) = (one for one in loaded(tmp_path, found).variables.values() if one.uid == "b")
    assert b.value is not None
    np.testing.assert_array_equal(b.value.numpy(), array)
    found["inputs"][2]["value"] = Tensor(np.array([1, 1 << 20]), kind)
    with pytest.raises(FormatError):
        loaded(tmp_path, found)


def test_doubles(tmp_path: Path) -> None:
    array = np.array([1 / 3, 2 / 3])
    found = small()
    found["inputs"][2] |= {"value": Tensor(array, 2), "data_type": 2}
    (b,) = (one for one in loaded(tmp_path, found).variables.values() if one.uid == "b")
    assert b.value is not None
    np.testing.assert_array_equal(b.value.numpy(), array)


def test_what_training_leaves_behind_is_passed_over(tmp_path: Path) -> None:
    """Files of older versions keep the state of random functions beside them."""
    state = {"Dropout1": {"rngSeed": (1 << 64) - 1, "rngOffset": 3}}
    assert len(loaded(tmp_path, small(state=state)).functions) == 2


def blocked() -> dict[str, Any]:
    """A block that doubles what it is given."""
    return model(
        [variable("x", 0, (3,)), variable("p", 4, (3,))],
        [function("Plus1", "Plus", ["p", "p"]), a_block("Block2", "Plus1", {"p": "x"}, "Twice")],
    )


def test_a_block(tmp_path: Path) -> None:
    found = loaded(tmp_path, blocked())
    (outer,) = found.functions
    assert (outer.type, outer.op) == ("Twice", "Block")
    assert outer.block is not None
    assert [one.uid for one in graph.inside(outer.block)] == ["Plus1"]
    assert {p.uid: x.uid for p, x in outer.block.arguments.items()} == {"p": "x"}
    assert [one.uid for one in found.outputs] == ["Block2_Output_0"]
    assert [one.uid for one in found.walk()] == ["Block2", "Plus1"]


def test_a_placeholder_of_an_outputs_uid_is_that_output(tmp_path: Path) -> None:
    """So files have what is read before it is computed."""
    loop = model(
        [variable("x", 0, (3,)), variable("Plus2_Output_0", 4, (3,))],
        [
            function("PastValue1", "PastValue", ["Plus2_Output_0", "x"], {"offset": 1}),
            function("Plus2", "Plus", ["x", "PastValue1_Output_0"]),
        ],
    )
    found = loaded(tmp_path, loop)
    past, plus = sorted(found.functions, key=lambda one: one.uid)
    assert past.inputs[0] is plus.output()
    assert "Plus2_Output_0" not in found.variables


def test_outputs_are_those_of_combines(tmp_path: Path) -> None:
    value = small()
    combined = function("Combine3", "Combine", ["Plus2_Output_0", "Times1_Output_0"])
    again = function("Combine4", "Combine", ["Combine3_Output_0", "Plus2_Output_0"])
    value = model(value["inputs"], [*value["primitive_functions"], combined, again])
    found = loaded(tmp_path, value)
    assert [one.uid for one in found.root.results] == ["Combine3_Output_0", "Plus2_Output_0"]
    assert {one.uid for one in found.outputs} == {"Plus2_Output_0", "Times1_Output_0"}


def damaged(**changes: Any) -> dict[str, Any]:
    value = small()
    return {
        key: changes.get(key, one) for key, one in value.items() if changes.get(key, 0) is not None
    }


def with_input(index: int, **changes: Any) -> dict[str, Any]:
    value = small()
    value["inputs"][index] = {**value["inputs"][index], **changes}
    return value


def with_function(index: int, **changes: Any) -> dict[str, Any]:
    value = small()
    value["primitive_functions"][index] = {**value["primitive_functions"][index], **changes}
    return value


def nested(depth: int) -> dict[str, Any]:
    value = small()
    inner: Any = 1
    for _ in range(depth):
        inner = [inner]
    return {**value, "name": inner}


def blocks_in_blocks(depth: int) -> dict[str, Any]:
    functions = [function("F0", "Plus", ["x", "x"])]
    functions += [a_block(f"F{i}", f"F{i - 1}", {}) for i in range(1, depth)]
    return model([variable("x", 0, (3,))], functions)


def shared_blocks(count: int) -> dict[str, Any]:
    """Every function of a chain is the inside of a block: too many to look into each."""
    chain = [function("F0", "Negate", ["x"])]
    chain += [function(f"F{i}", "Negate", [f"F{i - 1}_Output_0"]) for i in range(1, count)]
    blocks = [a_block(f"B{i}", f"F{i}", {}) for i in range(count)]
    return model([variable("x", 0, (3,))], [*chain, *blocks])


DAMAGED: dict[str, tuple[dict[str, Any], type[Error], str]] = {
    "no functions": (damaged(primitive_functions=None), FormatError, "no functions in it"),
    "no inputs": (damaged(inputs=None), FormatError, "it has no 'inputs'"),
    "functions that are none": (
        damaged(primitive_functions=["x"]),
        FormatError,
        "not what it should",
    ),
    "root that is none": (damaged(root="Plus9"), FormatError, "no function 'Plus9'"),
    "root that is a number": (damaged(root=3), FormatError, "it has no 'root'"),
    "unknown variable": (with_function(1, inputs=["q"]), FormatError, "no variable 'q'"),
    "output that is none": (
        with_function(1, inputs=["Times1_Output_99999999"]),
        FormatError,
        "no variable",
    ),
    "variable of no kind": (with_input(1, kind=9), FormatError, "unknown kind 9"),
    "parameter without numbers": (with_input(1, value=3), FormatError, "it has no numbers"),
    "too few numbers": (
        with_input(1, value=Tensor(W, dims=(30, 2))),
        FormatError,
        "24 bytes where FLOAT",
    ),
    "sparse numbers": (with_input(1, value=Tensor(W, storage=1)), FormatError, "a sparse tensor"),
    "numbers of no type": (with_input(1, value=Tensor(W, 9)), FormatError, "unknown type 9"),
    "numbers of an open shape": (
        with_input(1, value=Tensor(W, dims=(-1, 2))),
        FormatError,
        "a tensor of the unknown type",
    ),
    "huge shape": (with_input(0, shape=Shape((1 << 60,))), FormatError, "is no shape"),
    "huge product": (with_input(0, shape=Shape((1 << 30, 1 << 30))), FormatError, "is no shape"),
    "many axes": (with_input(0, shape=Shape((1,) * 65)), FormatError, "is no shape"),
    "huge axis": (
        with_function(0, attributes={"axis": Axis(1 << 20)}),
        FormatError,
        "there is no axis 1048576",
    ),
    "two variables": (with_input(2, uid="W"), FormatError, "two variables of this uid"),
    "two functions": (with_function(0, uid="Plus2"), FormatError, "two functions of this uid"),
    "code of a user's": (
        with_function(0, type="UserDefinedFunction"),
        UnsupportedError,
        "its code is not in the file",
    ),
    "block without arguments": (
        model(
            [variable("x", 0, (3,))],
            [{**a_block("B", "B", {}), "block_function_composite_arguments_map_keys": ["x"]}],
        ),
        FormatError,
        "placeholders without arguments",
    ),
    "block in itself": (
        model([variable("x", 0, (3,))], [a_block("B", "B", {"x": "x"})]),
        FormatError,
        "contains itself",
    ),
    "blocks in each other": (
        model([], [a_block("A", "B", {}), a_block("B", "A", {})]),
        FormatError,
        "contains itself",
    ),
    "many blocks in blocks": (blocks_in_blocks(3000), FormatError, "nested too deeply"),
    "blocks that share": (shared_blocks(3000), FormatError, "share too much"),
    "deep values": (nested(200), FormatError, "nested too deeply"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(name: str, tmp_path: Path) -> None:
    value, kind, reason = DAMAGED[name]
    path = write(tmp_path / "net.model", value)
    with pytest.raises(kind, match=reason) as caught:
        reader.read(Source(network=path))
    assert caught.value.file == path


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    data = dictionary_files.Writer().file(small())
    again = dictionary_files.Writer().dictionary({"uid": "again"})[2:]
    (tmp_path / "net.model").write_bytes(data + again)
    with pytest.raises(FormatError, match="'uid' stands twice"):
        read(tmp_path / "net.model")


def test_an_unknown_operator_is_told_when_it_is_needed(tmp_path: Path) -> None:
    found = loaded(tmp_path, with_function(1, op=400))
    with pytest.raises(UnsupportedError, match="operator 400 x1: out"):
        importer.to_ir(found)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        reader.read(Source(network=tmp_path / "none.model"))


def test_combines_of_combines_are_soon_resolved(tmp_path: Path) -> None:
    functions = [function("C0", "Combine", ["x", "x"])]
    functions += [function(f"C{i}", "Combine", [f"C{i - 1}_Output_0"] * 2) for i in range(1, 64)]
    found = loaded(tmp_path, model([variable("x", 0, (3,))], functions))
    assert [one.uid for one in found.outputs] == ["x"]


def test_many_functions_take_little_time(tmp_path: Path) -> None:
    functions = [function("F0", "Negate", ["x"])]
    functions += [function(f"F{i}", "Negate", [f"F{i - 1}_Output_0"]) for i in range(1, 5000)]
    path = write(tmp_path / "net.model", model([variable("x", 0, (3,))], functions))
    start = time.perf_counter()
    assert len(list(read(path).walk())) == 5000
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("large", [False, True])
def test_a_file_cut_short(large: bool, tmp_path: Path) -> None:
    data = dictionary_files.Writer(large=large).file(blocked() if not large else small())
    path = tmp_path / "net.model"
    for length in range(1, len(data), 5):
        path.write_bytes(data[:length])
        with pytest.raises(FormatError) as caught:
            reader.read(Source(network=path))
        assert caught.value.file == path


def test_a_large_files_message_that_is_longer_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.model"
    path.write_bytes(b"ktnc" + struct.pack("<I", 1 << 30) + b"\x08\x01")
    with pytest.raises(FormatError, match="the file ends within"):
        reader.read(Source(network=path))


sizes = st.integers(0, (1 << 64) - 1)
plain = st.one_of(
    st.none(),
    st.booleans(),
    sizes,
    st.integers(-(1 << 31), (1 << 31) - 1).map(Int),
    st.floats(width=32, allow_nan=False).map(Float),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.sampled_from([-3, -1, 0, 1, 2, 1000]), max_size=4).map(Shape),
    st.integers(-8, 8).map(Axis),
    st.sampled_from([BATCH, SEQUENCE, Axis(graph.ALL_STATIC), Axis(graph.END_STATIC)]),
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


def unwrapped(value: Any) -> Any:
    if isinstance(value, (Int, Float)):
        return value.value
    if isinstance(value, dict):
        return {key: unwrapped(one) for key, one in value.items()}
    return [unwrapped(one) for one in value] if type(value) is list else value


QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUICK
@given(
    value=st.dictionaries(st.text("abcdef", min_size=1), values, max_size=6),
    version=st.integers(1, 2),
)
def test_what_is_written_is_read(value: dict[str, Any], version: int, tmp_path: Path) -> None:
    path = write(tmp_path / "net.model", value, version)
    assert dictionary.read(path) == unwrapped(value)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Some functions, each of what stands before it, one of them a block."""
    inputs = [variable("x", 0, (2,), name=draw(st.sampled_from(["", "features"])))]
    arrays = draw(
        st.lists(st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=2), max_size=3)
    )
    inputs += [parameter(f"W{i}", np.array(one, np.float32)) for i, one in enumerate(arrays)]
    known = [one["uid"] for one in inputs]
    functions: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 8))):
        uid = f"F{index}"
        op = draw(st.sampled_from(["Plus", "Tanh", "Splice", "Dropout", "Block"]))
        count = {"Plus": 2, "Splice": draw(st.integers(1, 3))}.get(op, 1)
        read_ = [draw(st.sampled_from(known)) for _ in range(count)]
        if op == "Block":
            inputs.append(variable(f"p{index}", 4, (2,)))
            functions.append(function(f"I{index}", "Negate", [f"p{index}"]))
            functions.append(a_block(uid, f"I{index}", {f"p{index}": read_[0]}))
        else:
            given = {"Splice": {"axis": Axis(0)}, "Dropout": {"dropoutRate": 0.5}}.get(op, {})
            functions.append(function(uid, op, read_, given))
        known.append(f"{uid}_Output_0")
    return model(inputs, functions)


def described(found: Model) -> list[Any]:
    """A model as plain values, to compare."""
    leaves = {each for one in found.walk() for each in one.inputs if each.owner is None}
    functions = [
        (
            one.uid,
            one.op,
            one.name,
            one.type,
            [each.uid for each in one.inputs],
            one.attributes,
            one.block and one.block.root.uid,
            one.block and {p.uid: x.uid for p, x in one.block.arguments.items()},
        )
        for one in found.walk()
    ]
    variables = {
        one.uid: (one.kind, one.shape, one.axes, one.name, one.trained, _numbers(one))
        for one in leaves
    }
    return [functions, variables]


def _numbers(one: graph.Variable) -> Any:
    return None if one.value is None else one.value.numpy().tolist()


@QUICK
@given(value=networks(), large=st.booleans())
def test_a_network_survives_writer_and_reader(
    value: dict[str, Any], large: bool, tmp_path: Path
) -> None:
    first = loaded(tmp_path, value, large=large)
    (path,) = writer.write(first, tmp_path / "again.model")
    assert described(read(path)) == described(first)


@QUICK
@given(which=st.sampled_from(["small", "blocked", "large"]), seed=st.integers(0, 1 << 32))
def test_mutations(which: str, seed: int, tmp_path: Path) -> None:
    value = blocked() if which == "blocked" else small()
    data = dictionary_files.Writer(large=which == "large").file(value)
    path = tmp_path / "net.model"
    path.write_bytes(mutated(data, random.Random(seed)))
    survives(path)


def corpus(shared: Path) -> list[Path]:
    found = (shared / "corpus" / "cntk").glob("*/net.*")
    return sorted(one for one in found if one.stat().st_size < 40_000)


def test_mutations_of_what_cntk_has_saved(shared: Path, tmp_path: Path) -> None:
    files = corpus(shared)
    rng = random.Random(3)
    path = tmp_path / "net.model"
    start = time.perf_counter()
    for _ in range(400):
        path.write_bytes(mutated(rng.choice(files).read_bytes(), rng))
        survives(path)
    assert time.perf_counter() - start < 60


FOREIGN = {
    "onnx.model": b"\x08\x07\x12\x07pytorch\x1a\x051.4.0",
    "coreml.model": b"\x08\x01\x12\x9d\x01\x0a\x1e\x0a\x05input\x12\x15",
    "saved_model.dnn": b"\x08\x01\x12\x8a\x02\x0a\x10\x12\x05serve*\x071.15.0\x12\x40",
    "caffe.bin": b"\x0a\x05LeNet\xa2\x06\x20\x0a\x04data",
    "mxnet.save": b"\x12\x01\x00\x00\x00\x00\x00\x00" + bytes(24),
    "numpy.model": b"\x93NUMPY\x01\x00",
    "zip.model": b"PK\x03\x04",
    "hdf5.model": b"\x89HDF\r\n\x1a\n",
    "pickle.model": b"\x80\x02}q\x00",
    "words.model": "BCN is short for something".encode("utf-16-le"),
    "text.dnn": b"uid name inputs primitive_functions",
    "empty.model": b"",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_frameworks_files_are_not_claimed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FOREIGN[name])
    assert arrange([tmp_path / name]) is None


@pytest.mark.parametrize("name", ["net", "net.onnx", "net.pb", "net.caffemodel"])
@pytest.mark.parametrize("large", [False, True])
def test_cntks_files_are_claimed_whatever_they_are_called(
    name: str, large: bool, tmp_path: Path
) -> None:
    value = small()
    for first in value:  # the entries of a Dictionary have no order
        turned = {first: value[first], **value}
        assert arrange([write(tmp_path / name, turned, large=large)]) is not None


def test_of_all_shared_files_those_of_cntk_are_claimed(shared: Path) -> None:
    for root in ("models", "corpus"):
        for path in sorted((shared / root).rglob("*")):
            if path.is_file():
                folder = path.relative_to(shared / root).parts[0]
                wanted = folder == "cntk" and path.suffix in {
                    ".model",
                    ".dnn",
                    ".cmf",
                    ".v0",
                    ".save",
                }
                assert (arrange([path]) is not None) == wanted, path


def test_several_files_are_none_of_cntks(tmp_path: Path) -> None:
    path = write(tmp_path / "net.model", small())
    assert arrange([path, path]) is None
    assert arrange([tmp_path]) is None
    assert arrange([tmp_path / "none"]) is None
