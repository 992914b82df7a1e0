"""CNTK 2.7 itself, in its own interpreter: on the corpus, and on networks whose numbers are known."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from helpers.cntk import corpus, networks
from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.frameworks.cntk import engine
from mmdnn.registry import Source
from mmdnn.verify import environments

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def python() -> str:
    try:
        return engine.interpreter()
    except MissingExtraError as error:
        pytest.skip(f"CNTK is not installed: {error.message}")


@dataclass(frozen=True)
class Ran:
    source: Source
    feeds: Arrays
    found: Arrays | Error

    def __getitem__(self, name: str) -> np.ndarray:
        assert not isinstance(self.found, Error), self.found
        return self.found[name]

    def names(self) -> set[str]:
        assert not isinstance(self.found, Error), self.found
        return self.found.keys() - self.feeds.keys()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Every network of `cntk_networks`, run in one process."""
    made = networks.make_many(networks.NETWORKS, tmp_path_factory.mktemp("networks"))
    jobs = [(Source(network=path), feeds) for path, feeds in made.values()]
    return {
        name: Ran(*job, found)
        for name, job, found in zip(made, jobs, engine.run_many(jobs), strict=True)
    }


VARIABLE = "MMDNN_CNTK_PYTHON"


def near(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_the_corpus_gives_its_golden_numbers(shared: Path, python: str) -> None:
    folders = corpus.folders(shared)
    known = [corpus.golden(folder) for folder in folders]
    jobs = [
        (corpus.source(folder), one.inputs | lengths_of(one))
        for folder, one in zip(folders, known, strict=True)
    ]
    refused, wrong = set(), []
    for folder, one, found in zip(folders, known, engine.run_many(jobs), strict=True):
        if isinstance(found, Error):
            refused.add(folder.name)
        else:
            wrong += [f"{folder.name}: {each}" for each in differences(folder, one, found)]
    assert wrong == []
    assert refused == {folder.name for folder in folders if not runs(folder)}


def runs(folder: Path) -> bool:
    """Whether CNTK itself could: its CPU engine refuses some things that it saves."""
    return corpus.case(folder).keys().isdisjoint({"save_only", "derived"})


def lengths_of(golden: corpus.Golden) -> Arrays:
    return {f"{n}.lengths": each for n, each in golden.lengths.items() if n in golden.inputs}


def differences(folder: Path, golden: corpus.Golden, found: Arrays) -> list[str]:
    case = corpus.case(folder)
    outputs = {one["key"]: one["uid"] for one in case["outputs"]}
    computed = [name for name in found if name not in golden.inputs | lengths_of(golden)]
    if case["format"] == "v1":  # its names are lost there; outputs come first
        outputs = dict.fromkeys(outputs, computed[0])
    wrong = []
    for name, array in {**golden.nodes, **golden.outputs}.items():
        key = outputs.get(name) or (name if name in found else f"{name}_Output_0")
        lengths = golden.lengths.get(name)
        array = array if lengths is None else zeroed(array, lengths)
        same = key in found and found[key].shape == array.shape and found[key].dtype == array.dtype
        if not same or not np.allclose(found[key], array, 1e-5, 1e-6, equal_nan=True):
            wrong.append(name)
        if not np.array_equal(found.get(f"{key}.lengths", ()), () if lengths is None else lengths):
            wrong.append(f"{name}.lengths")
    return wrong


def zeroed(array: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The same with zeros behind the ends of sequences."""
    array = array.copy()
    array[np.arange(array.shape[1]) >= lengths[:, None]] = 0
    return array


MODELS = {
    "imdb_rnn/ch6-2.cntk.model": ("Placeholder6", (), "Block684_Output_0", (1,)),
    "lstm_fsharp/LSTM.model": ("features", (2000,), "Plus273_Output_0", (5,)),
    "temps_gru_type1/ch6-3_model_type_1.model": ("x_placeholder", (20,), "Block712_Output_0", (1,)),
    "unity_example/model.dnn": ("Input3", (18,), "Block129_Output_0", (4, 9)),
}


def test_a_sequence_is_what_it_is_alone(shared: Path, python: str) -> None:
    lengths, jobs = np.array([4, 1, 3]), []
    for file, (name, shape, _, _) in MODELS.items():
        source = Source(network=shared / "models" / "cntk" / file)
        feed = np.random.default_rng(0).integers(0, 2, (3, 4, *shape)).astype(np.float32)
        jobs.append((source, {name: feed, f"{name}.lengths": lengths}))
        jobs += [(source, {name: row[None, :end]}) for row, end in zip(feed, lengths, strict=True)]
    found = engine.run_many(jobs)
    for index, (_, _, output, shape) in enumerate(MODELS.values()):
        together, *alone = (
            Ran(*jobs[i], found[i])[output] for i in range(4 * index, 4 * index + 4)
        )
        assert together.shape == (3, *shape)
        for row, one in zip(together, alone, strict=True):
            near(row if len(shape) == 1 else row[: one.shape[1]], one[0])


def test_layers_and_what_is_inside_them(ran: dict[str, Ran]) -> None:
    found = ran["layers"]
    product = found["x"] @ networks.ramp(3, 4)
    hidden = np.maximum(product, 0)
    near(found["hidden"], hidden)
    near(found["z"], hidden @ networks.ramp(4, 2))  # dropout drops nothing
    inside = [found[name] for name in found.names() if name.startswith(("Times", "ReLU"))]
    assert len(inside) == 3
    for each in (product, hidden, found["z"]):
        assert any(one.shape == each.shape and np.allclose(one, each) for one in inside)


def test_blocks_in_blocks_alone_in_a_process(tmp_path: Path) -> None:
    """Alone: what is cloned must not get the numbers of what is there, which are low."""
    path, feeds = networks.make("nested", tmp_path)
    found = engine.run(Source(network=path), feeds)
    x = feeds["x"]
    near(found["outer"], 2 * np.tanh(x) + 2 * np.tanh(x + 1))
    inner = [found[name] for name in found if name.startswith(("Tanh", "ElementTimes"))]
    wanted = [np.tanh(x), np.tanh(x + 1), 2 * np.tanh(x), 2 * np.tanh(x + 1)]
    assert len(inner) == 4
    for each in wanted:
        assert sum(np.allclose(each, one, atol=1e-6) for one in inner) == 1
    assert "inner" not in found  # two have that name


def test_a_loop_stops_where_its_sequence_does(ran: dict[str, Ran]) -> None:
    found = ran["looped"]
    lengths = np.array(networks.LENGTHS)
    sums = zeroed(np.cumsum(found["x"], 1, dtype=np.float32), lengths)
    near(found["sum"], sums)
    near(found["last"], sums[np.arange(len(lengths)), lengths - 1])
    assert found["sum.lengths"].tolist() == lengths.tolist()
    assert found["sum.lengths"].dtype == np.int64
    assert "last.lengths" not in found.names()


def test_files_of_cntk_1(ran: dict[str, Ran]) -> None:
    found = ran["brainscript"]
    assert found.source.network is not None
    assert found.source.network.read_bytes().startswith("BCN".encode("utf-16-le"))
    past = np.roll(found["x"], 1, axis=1)
    past[:, 0] = 2
    near(found["y"], zeroed(np.tanh(found["x"]) + past, found["x.lengths"]))


def test_lengths_are_full_where_none_are_given(ran: dict[str, Ran]) -> None:
    job = ran["looped"]
    found = engine.run(job.source, {"x": job["x"]})
    near(found["last"], job["x"].sum(1))
    assert found["sum.lengths"].tolist() == [4, 4, 4]


def test_labels_need_not_be_fed(ran: dict[str, Ran]) -> None:
    job = ran["criteria"]
    assert {"z", "loss", "total"} <= job.names()
    found = engine.run(job.source, {"x": job["x"]})
    near(found["z"], job["x"] @ networks.ramp(3, 2))
    assert "loss" not in found


def test_other_inputs_must_be_fed(ran: dict[str, Ran]) -> None:
    job = ran["criteria"]
    with pytest.raises(ShapeError, match="there are no numbers for its input 'x'"):
        engine.run(job.source, {"label": job["label"]})
    asked = Source(network=job.source.network, outputs=("z",))
    assert "total" not in engine.run(asked, {"x": job["x"]})
    asked = Source(network=job.source.network, outputs=("loss",))
    with pytest.raises(ShapeError, match="there are no numbers for its input 'label'"):
        engine.run(asked, {"x": job["x"]})


def test_sparse_inputs_are_fed_dense(ran: dict[str, Ran]) -> None:
    found = ran["sparse_values"]
    near(found["same"], found["x"])
    near(found["product"], found["x"] @ networks.ramp(6, 2))
    assert found["same.lengths"].tolist() == list(networks.LENGTHS)
    near(ran["sparse_matrix"]["product"], ran["sparse_matrix"]["x"] @ networks.ramp(6, 3))


def test_what_is_not_bound_is_an_input(ran: dict[str, Ran]) -> None:
    near(ran["unbound"]["r"], np.maximum(ran["unbound"]["p"], 0))
    found = ran["unbound_sequence"]
    near(found["r"], zeroed(found["p"], found["p.lengths"]))
    assert found["r.lengths"].tolist() == [3, 2]


def test_names_that_several_have_are_nobodys(ran: dict[str, Ran]) -> None:
    found = ran["same_names"]
    x = found.feeds["x"]
    assert "twice" not in found.names()
    near(found["x"], x)
    (total,) = (found[name] for name in found.names() if name.startswith("Plus"))
    near(total, np.maximum(x, 0) + np.tanh(x))


def test_types_are_kept(ran: dict[str, Ran]) -> None:
    assert ran["double"]["y"].dtype == np.float64
    assert np.array_equal(ran["double"]["y"], ran["double"]["x"].sum(1, keepdims=True))
    assert ran["half"]["y"].dtype == np.float16
    assert np.array_equal(ran["half"]["y"], np.maximum(ran["half"]["x"], 0))


def test_axes_that_are_not_there_or_free(ran: dict[str, Ran]) -> None:
    near(ran["batchless"]["y"], ran["batchless"]["x"] @ networks.ramp(3, 4))
    near(ran["free_size"]["y"], ran["free_size"]["x"].mean(2, keepdims=True))


def test_it_says_why_it_refuses(ran: dict[str, Ran]) -> None:
    looped, layers, two = (ran[name].source for name in ("looped", "layers", "two_inputs"))
    nothing = Source(network=looped.network, outputs=("nothing",))
    z = np.zeros
    cases: list[tuple[Source, Arrays, str]] = [
        (looped, {"x": z((2, 3, 5))}, "input 'x' is [batch, time, 2], and [2, 3, 5] is given"),
        (looped, {"x": z((2, 2))}, "input 'x' is [batch, time, 2], and [2, 2] is given"),
        (looped, {"x": z((1, 3, 2)), "x.lengths": np.array([4])}, "input 'x': lengths [4]"),
        (looped, {"x": z((1, 3, 2)), "x.lengths": np.array([0])}, "input 'x': lengths [0]"),
        (layers, {"x": z((1, 3)), "x.lengths": np.array([1])}, "input 'x' has no sequences"),
        (two, {"a": z((1, 2)), "b": z((2, 2))}, "CNTK refuses it: Different minibatch layouts"),
        (two, {"a": z((1, 2))}, "there are no numbers for its input 'b'"),
        (nothing, {"x": z((1, 3, 2))}, "it has no value 'nothing'"),
        (ran["unbound"].source, {}, "there are no numbers for its input 'p'"),
    ]
    found = engine.run_many([(source, feeds) for source, feeds, _ in cases])
    for each, (_, _, reason) in zip(found, cases, strict=True):
        assert isinstance(each, ShapeError), reason
        assert each.message.startswith(reason)
        assert "\n" not in each.message
    with pytest.raises(UnsupportedError, match="Dilated convolution"):
        engine.run(ran["dilated"].source, ran["dilated"].feeds)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a model", "CNTK cannot read it: Failed to parse Dictionary"),
        (b"\x08\x02\x12\xff" * 20, r"CNTK ended its process \(SIGABRT\)"),
    ],
)
def test_damaged_files_are_named(python: str, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "damaged.model").write_bytes(content)
    with pytest.raises(FormatError, match=rf"damaged\.model: {reason}") as caught:
        engine.run(Source(network=tmp_path / "damaged.model"), {})
    assert "\n" not in caught.value.message


FAKE = """
import json, os, signal, sys
for folder in sys.argv[1:]:
    if os.path.basename(folder) in {failing!r}:
        os.kill(os.getpid(), signal.SIGSEGV)
    with open(folder + "/error.json", "w") as file:
        json.dump({{"stage": "running", "reason": "none"}}, file)
"""


def test_one_that_ends_the_process_is_named_and_the_rest_are_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "net.model").touch()
    (tmp_path / "fake.py").write_text(FAKE.format(failing={"1", "2"}))
    monkeypatch.setenv(VARIABLE, sys.executable)
    monkeypatch.setattr(engine, "RUNNER", tmp_path / "fake.py")
    found = engine.run_many([(Source(network=tmp_path / "net.model"), {})] * 4)
    assert [type(each) for each in found] == [ShapeError, FormatError, FormatError, ShapeError]
    assert "CNTK ended its process (SIGSEGV)" in str(found[1])


def test_without_cntk_the_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(environments, "places", lambda name: iter([tmp_path]))
    with pytest.raises(MissingExtraError, match="mmengine install cntk"):
        engine.interpreter()
    monkeypatch.setenv(VARIABLE, sys.executable)  # a Python, and not CNTK's
    (tmp_path / "net.model").touch()
    with pytest.raises(MissingExtraError, match="No module named 'cntk'"):
        engine.run(Source(network=tmp_path / "net.model"), {})
