"""Engines in processes of their own; the engine is a small program here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mmdnn.errors import FormatError, MissingExtraError
from mmdnn.verify import isolated

ENGINE = """
import json, os, signal, sys, time
import numpy as np
for folder in sys.argv[1:]:
    job = json.load(open(os.path.join(folder, "job.json")))
    how = job["how"]
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "handle":
        print("Segmentation fault: 11", file=sys.stderr)
        sys.exit(255)
    if how == "hang":
        time.sleep(60)
    if how == "leave":
        sys.exit(0)
    if how == "refuse":
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": "running", "reason": "no"}, file)
        continue
    with np.load(os.path.join(folder, "in.npz")) as arrays:
        x = arrays["arr_0"]
    text = open(os.path.join(folder, "model")).read()
    np.savez(os.path.join(folder, "out.npz"), y=2 * x)
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump([text, os.getpid()], file)
"""
MISSING = MissingExtraError("engine", hint="mmengine install engine")


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    program = tmp_path / "engine.py"
    program.write_text(ENGINE)
    return [sys.executable, str(program)]


def job(how: str, x: float = 1.0) -> isolated.Job:
    def prepare(folder: Path) -> None:
        (folder / "model").write_text("a model")

    return isolated.Job({"x": np.full(2, x, np.float32)}, prepare, {"how": how})


def test_several_jobs_in_one_process(command: list[str]) -> None:
    one, other = isolated.run(command, [job("well", 1), job("well", 3)], missing=MISSING)
    assert isinstance(one, isolated.Answer)
    assert isinstance(other, isolated.Answer)
    assert one.says[0] == "a model"
    assert one.says[1] == other.says[1]
    np.testing.assert_array_equal(other.arrays["y"], [6, 6])


def test_those_behind_a_failure_are_run(command: list[str]) -> None:
    kinds = ["well", "crash", "refuse", "leave", "well"]
    found = isolated.run(command, [job(kind) for kind in kinds], missing=MISSING)
    assert isinstance(found[0], isolated.Answer)
    assert found[1] == isolated.Failure("", "ended its process (SIGSEGV)")
    assert found[2] == isolated.Failure("running", "no")
    assert found[3] == isolated.Failure("", "ended without an answer")
    assert isinstance(found[4], isolated.Answer)


def test_one_whose_engine_handles_its_signals(command: list[str]) -> None:
    one, other = isolated.run(command, [job("handle"), job("well")], missing=MISSING)
    assert one == isolated.Failure("", "ended its process (Segmentation fault: 11)")
    assert isinstance(other, isolated.Answer)


def test_one_that_hangs(command: list[str]) -> None:
    (found,) = isolated.run(command, [job("hang")], missing=MISSING, timeout=0.5)
    assert found == isolated.Failure("", "did not end in 0.5 s")


@pytest.mark.parametrize("python", ["/no/python", sys.executable])
def test_an_interpreter_without_the_engine(python: str, tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("import no_such_engine")
    with pytest.raises(MissingExtraError, match="mmengine install engine"):
        isolated.run([python, str(tmp_path / "engine.py")], [job("well")], missing=MISSING)


def test_only_and_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isolated.only([{}]) == {}
    with pytest.raises(FormatError):
        isolated.only([FormatError("no")])

    def refused(*_: object) -> None:
        raise OSError

    (tmp_path / "a").write_text("x")
    isolated.link(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(Path, "symlink_to", refused)
    isolated.link(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "b").read_text() == (tmp_path / "c").read_text() == "x"
