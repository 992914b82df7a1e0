"""Where engines' environments are looked for, and making one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmdnn.cli import mmengine
from mmdnn.errors import MissingExtraError, UsageError
from mmdnn.verify import environments


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache folder, and nothing else that could be found."""
    monkeypatch.setenv(environments.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "checkout" / ".venv"))
    monkeypatch.setattr(environments.importlib.util, "find_spec", lambda _: None)
    for environment in environments.environments().values():
        monkeypatch.delenv(environment.variable, raising=False)
    return tmp_path / "cache"


def put(folder: Path) -> Path:
    python = environments.python_of(folder)
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\ntouch PWNED\n")
    python.chmod(0o755)
    return python


def test_the_order_of_places(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environments.found("mxnet") is None
    with pytest.raises(MissingExtraError, match="mmengine install mxnet"):
        environments.interpreter("mxnet")
    beside = put(tmp_path / "checkout" / ".venv-mxnet")
    assert environments.interpreter("mxnet") == str(beside)
    cached = put(cache / "mxnet")
    assert environments.interpreter("mxnet") == str(cached)
    monkeypatch.setenv("MMDNN_MXNET_PYTHON", "/their/own")
    assert environments.interpreter("mxnet") == "/their/own"


@pytest.mark.parametrize("name", environments.environments())
def test_never_in_the_working_directory(
    name: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded = tmp_path / "downloaded"
    put(downloaded / f".venv-{name}")
    put(downloaded / name)
    monkeypatch.chdir(downloaded)
    assert not cache.exists()
    assert environments.found(name) is None


@pytest.mark.parametrize(
    ("system", "variables", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/c"}, "/c/mmdnn"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": ""}, "/h/.cache/mmdnn"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/mmdnn"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/mmdnn"),
    ],
)
def test_the_cache_folder_of_each_system(
    system: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(environments.CACHE, raising=False)
    monkeypatch.setattr(sys, "platform", system)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environments.folder() == Path(folder)
    scripts = "Scripts/python.exe" if system == "win32" else "bin/python"
    assert environments.python_of(Path("e")) == Path("e", scripts)


def test_without_a_python_for_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_candidates", lambda version: iter(["/no/python"]))
    with pytest.raises(UsageError, match=r"CNTK 2\.7 needs Python 3\.6[\s\S]*pyenv install 3\.6"):
        environments.install("cntk")
    assert not cache.exists()


def test_on_another_machine(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments.platform, "machine", lambda: "riscv64")
    with pytest.raises(UsageError, match="packages for Linux on x86_64"):
        environments.install("cntk")


def test_one_is_made_whole_or_not_at_all(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, old: bool = False) -> None:
        commands.append(command)
        if command[1:3] == ["-m", "venv"]:
            put(Path(command[-1]))
        elif "pip" in command and len(commands) < 3:
            raise UsageError("the registry is away")

    monkeypatch.setattr(environments, "_run", run)
    with pytest.raises(UsageError, match="away"):
        environments.install("mxnet", say=lambda _: None)
    assert environments.found("mxnet") is None
    said: list[str] = []
    python = environments.install("mxnet", say=said.append)
    assert environments.interpreter("mxnet") == str(python)
    count = len(commands)
    environments.install("mxnet", say=said.append)
    assert len(commands) == count
    assert any("mxnet==1.9.1" in line for line in said)


def test_the_command(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(cache / "mxnet")
    assert mmengine.main(["list"]) == 0
    out = capsys.readouterr().out
    assert str(cache / "mxnet") in out
    assert "not there; mmengine install cntk" in out
    assert [environments.lacking(name) for name in ("mxnet", "cntk", "onnx")] == [
        False,
        True,
        False,
    ]
    assert mmengine.main(["remove", "mxnet"]) == 0
    assert not (cache / "mxnet").exists()
    assert mmengine.main(["remove", "mxnet"]) == 1
    assert mmengine.main(["install", "theano"]) == 1
    assert mmengine.main(["install"]) == 1


def test_a_hostile_folder_runs_nothing(tmp_path: Path) -> None:
    """A downloaded folder with an interpreter in it, as the command line meets it."""
    put(tmp_path / ".venv-mxnet")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MMDNN_")}
    code = "from mmdnn.verify import environments as e; print(e.found('mxnet'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=kept, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert str(tmp_path) not in done.stdout
    assert not (tmp_path / "PWNED").exists()
