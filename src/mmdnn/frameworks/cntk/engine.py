"""Running CNTK's own files in CNTK 2.7, which is of 2019 and wants Python 3.6.

It runs through `_cntk.py`, in an interpreter of its own: the one that the environment variable
`MMDNN_CNTK_PYTHON` names, else that of the folder `.venv-cntk` beside this interpreter's own
environment, or in the working directory. (`tools/make_cntk_env.py` makes it.)

Arrays are row-major. A value has the axes [batch, time, *static], without those that it has not: no
dynamic axis, no batch. Time is as long as the longest sequence, with zeros behind the end of shorter
ones; their lengths are an int64 array [batch], called as the value with `.lengths` behind it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError
from mmdnn.frameworks.cntk import BRAINSCRIPT, reader, writer
from mmdnn.frameworks.cntk.reader.brainscript.loading import is_understood
from mmdnn.registry import Source

TITLE = "CNTK 2.7"
FLOATS_ONLY = True
"""Whole numbers and truth values are floats in CNTK."""
RUNNER = Path(__file__).with_name("_cntk.py")
PYTHON = "MMDNN_CNTK_PYTHON"
ENVIRONMENT = Path(".venv-cntk", "bin", "python")
TIMEOUT = 600
"""Seconds after which CNTK is taken to hang."""
HINT = f"tools/make_cntk_env.py makes an environment for it; or name its Python 3.6 in {PYTHON}."
REFUSALS: dict[str, tuple[type[FormatError | ShapeError], str]] = {
    "reading": (FormatError, "CNTK cannot read it: "),
    "asking": (ShapeError, ""),
    "running": (ShapeError, "CNTK refuses it: "),
}

Job = tuple[Source, Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a model and return what every function computes, inside blocks too.

    Args:
        source: A file of CNTK 2, or of BrainScript.
        feeds: Input name, or uid, to array. `<input>.lengths` are its sequences' lengths, where they
            are not all full. Sparse inputs are given as dense arrays. Values that need an input that
            is not fed, such as a loss its label, are left out.

    Returns:
        The feeds, and arrays by the uid of the variable (`Plus12_Output_0`), and by its name where
        nothing else in the model has that. `source.outputs` are there, or else at least one of the
        model's outputs; other values that CNTK can't give together with them are not.

    Raises:
        MissingExtraError: There is no CNTK.
        FormatError: CNTK can't read the file, or ends its process, or does not end.
        ShapeError: The inputs are not the model's, or CNTK refuses it, with its own reason.
    """
    (found,) = run_many([(source, feeds)])
    if isinstance(found, Error):
        raise found
    return found


def run_many(jobs: Sequence[Job]) -> list[dict[str, np.ndarray] | Error]:
    """Run models one after the other in as few processes as possible; see `run`.

    Returns:
        For each what `run` would return or raise.

    Raises:
        MissingExtraError: There is no CNTK.
    """
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as name:
        folders = [Path(name, str(index)) for index in range(len(jobs))]
        for folder, job in zip(folders, jobs, strict=True):
            _prepare(folder, *job)
        waiting = folders
        ends = dict.fromkeys(folders, "")
        while waiting:
            end = _start([python, "-W", "ignore", str(RUNNER), *map(str, waiting)])
            waiting = [folder for folder in waiting if not _answered(folder)]
            if waiting:
                ends[waiting[0]] = end
                waiting = waiting[1:]
        return [
            _answer(folder, job, ends[folder]) for folder, job in zip(folders, jobs, strict=True)
        ]


def interpreter() -> str:
    """The Python that has CNTK.

    Raises:
        MissingExtraError: There is none.
    """
    if os.environ.get(PYTHON):
        return os.environ[PYTHON]
    for folder in (Path(sys.prefix).parent, Path.cwd()):
        if (folder / ENVIRONMENT).is_file():
            return str(folder / ENVIRONMENT)
    raise MissingExtraError("cntk==2.7.post2", hint=HINT)


def _prepare(folder: Path, source: Source, feeds: Mapping[str, np.ndarray]) -> None:
    assert source.network is not None
    folder.mkdir()
    if not _translated(source, folder / "net.model"):
        (folder / "net.model").symlink_to(source.network.resolve())
    job = {"inputs": list(feeds), "outputs": list(source.outputs)}
    (folder / "job.json").write_text(json.dumps(job))
    np.savez(folder / "in.npz", *feeds.values())


def _translated(source: Source, target: Path) -> bool:
    """Write a file of CNTK 1 as one of CNTK 2 where CNTK 2.7 would not take it as what it is."""
    assert source.network is not None
    with source.network.open("rb") as file:
        old = file.read(len(BRAINSCRIPT)) == BRAINSCRIPT
    try:
        if not old or is_understood(source.network):
            return False
        writer.write(reader.read(source), target)
    except Error:
        target.unlink(missing_ok=True)
        return False
    return True


def _start(command: list[str]) -> str:
    """Run it to its end; returns how it ended where that was not well."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, env=kept
        )
    except subprocess.TimeoutExpired:
        return f"did not end in {TIMEOUT} s"
    except OSError as error:
        raise MissingExtraError(f"cntk==2.7.post2 ({error})", hint=HINT) from None
    if done.returncode > 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise MissingExtraError(f"cntk==2.7.post2 ({lines[-1]})", hint=HINT)
    return f"ended its process ({signal.Signals(-done.returncode).name})" if done.returncode else ""


def _answered(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("out.json", "error.json"))


def _answer(folder: Path, job: Job, end: str) -> dict[str, np.ndarray] | Error:
    source, feeds = job
    if end:
        return FormatError(f"CNTK {end}", file=source.network)
    if (folder / "error.json").is_file():
        error = json.loads((folder / "error.json").read_text())
        kind, text = REFUSALS[error["stage"]]
        return kind(text + error["reason"], file=source.network)
    found = dict(feeds)
    with np.load(folder / "out.npz") as arrays:
        for index, names in enumerate(json.loads((folder / "out.json").read_text())):
            for name in names:
                found[name] = arrays[f"v{index}"]
                if f"l{index}" in arrays:
                    found[f"{name}.lengths"] = arrays[f"l{index}"]
    return found
