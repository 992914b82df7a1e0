"""Outputs are complete or absent, however a command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mmdnn.errors import UsageError
from mmdnn.outputs import outputs

WRITER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs have these ignored
signal.signal(signal.SIGHUP, signal.SIG_DFL)
import sys, time
from pathlib import Path
from mmdnn.outputs import outputs
with outputs() as place:
    path = place(Path(sys.argv[1]) / "new" / "net.onnx")
    path.write_bytes(b"half")
    print("written", flush=True)
    time.sleep(60)
"""


def test_outputs_appear_together_at_the_end(tmp_path: Path) -> None:
    model, weights = tmp_path / "a" / "net.onnx", tmp_path / "b" / "net.data"
    with outputs() as place:
        place(model).write_text("model")
        place(weights).write_text("weights")
        assert place(model).name == "net.onnx"
        assert not model.exists()
        assert not weights.exists()
    assert (model.read_text(), weights.read_text()) == ("model", "weights")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "net.data", "net.onnx"]


def test_commit_names_the_main_file_first(tmp_path: Path) -> None:
    with outputs() as place:
        for name in ("net.onnx", "net.data", "never"):
            staged = place(tmp_path / name)
            if name != "never":
                staged.touch()
        assert place.commit() == [tmp_path / "net.onnx", tmp_path / "net.data"]


def test_what_is_written_beside_an_output_goes_with_it(tmp_path: Path) -> None:
    with outputs() as place:
        main = place(tmp_path / "net.onnx")
        main.write_text("main")
        main.with_name("net.onnx.data").write_text("data")
        assert place.commit() == [tmp_path / "net.onnx", tmp_path / "net.onnx.data"]
    assert (tmp_path / "net.onnx.data").read_text() == "data"


def test_a_folder_in_the_way_of_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "net.onnx.data").mkdir()

    def attempt() -> None:
        with outputs() as place:
            main = place(tmp_path / "net.onnx")
            main.touch()
            main.with_name("net.onnx.data").touch()

    with pytest.raises(UsageError, match=r"net\.onnx\.data"):
        attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx.data"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "net.onnx"
    target.write_text("old")

    def attempt() -> None:
        with outputs() as place:
            place(target).write_text("new")
            place(tmp_path / "folder" / "other").write_text("new")
            raise error

    with pytest.raises(error):
        attempt()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_directories_are_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "package"
    target.mkdir()
    (target / "old").touch()
    with outputs() as place:
        staged = place(target, directory=True)
        staged.mkdir()
        (staged / "new").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
    assert [path.name for path in target.iterdir()] == ["new"]


def test_symbolic_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    with outputs() as place:
        place(tmp_path / "link").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize(
    ("target", "directory"), [("folder", False), ("file", True), ("file/below", False)]
)
def test_what_is_in_the_way_is_said(tmp_path: Path, target: str, directory: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=target), outputs() as place:
        place(tmp_path / target, directory=directory)


def start_writer(folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.stdout.close()
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process = start_writer(tmp_path)
    process.send_signal(number)
    process.wait(20)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_command_left_is_hidden_and_goes_next_time(tmp_path: Path) -> None:
    process = start_writer(tmp_path)
    new = tmp_path / "new"
    with outputs() as place:
        place(new / "other").touch()
    assert len(list(new.glob(".mmdnn-*/net.onnx"))) == 1, "one at work is left alone"
    process.kill()
    process.wait(20)
    assert sorted(path.name[:7] for path in new.iterdir()) == [".mmdnn-", "other"]
    with outputs() as place:
        place(new / "third").touch()
    assert sorted(path.name for path in new.iterdir()) == ["other", "third"]


def test_handlers_are_given_back(tmp_path: Path) -> None:
    with outputs():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_may_write(tmp_path: Path) -> None:
    def work() -> None:
        with outputs() as place:
            place(tmp_path / "net").touch()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert os.listdir(tmp_path) == ["net"]
