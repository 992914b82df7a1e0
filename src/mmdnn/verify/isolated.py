"""Running an engine as a program of its own, in another interpreter or only in another process.

The program (`frameworks/*/_<engine>.py`, which needs nothing of ours) gets folders, a job each:

    python program.py FOLDER [FOLDER ...]

A folder holds what the engine put there, `in.npz` with the inputs as `arr_0`, ..., and `job.json` with their
names under "inputs" beside whatever else the program wants to know. It gets `out.npz` and `out.json`, which
says what the arrays are; or `error.json`: {"stage": where it failed, "reason": why}. Where a program ends
before a job is done, that job has failed, and the program is started again for those behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdnn.errors import Error, MissingExtraError
from mmdnn.verify.spill import Values

TIMEOUT = 600
"""Seconds after which a program is taken to hang."""

MOST = 127
"""The largest status of a program that could not begin; engines that handle signals end with more."""


@dataclass(frozen=True)
class Job:
    """What a program is asked.

    Attributes:
        feeds: The inputs by name.
        prepare: Puts the model's files into the folder.
        settings: What else `job.json` says.
    """

    feeds: Mapping[str, np.ndarray]
    prepare: Callable[[Path], None]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a program answered.

    Attributes:
        says: What `out.json` says of the arrays.
        arrays: By their names in `out.npz`.
    """

    says: Any
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Failure:
    """Why there is no answer.

    Attributes:
        stage: Where it failed, as the program says it; "" where it ended without a word.
        reason: In the engine's words; how the process ended.
    """

    stage: str
    reason: str


def run(
    command: Sequence[str],
    jobs: Sequence[Job],
    *,
    missing: MissingExtraError,
    timeout: float = TIMEOUT,
) -> list[Answer | Failure]:
    """Run jobs one after the other, in as few processes as possible.

    Args:
        command: The interpreter, its flags, and the program.
        jobs: What is asked.
        missing: Raised where the program cannot even begin.
        timeout: Seconds for one process.

    Raises:
        MissingExtraError: The interpreter is not there, or has not got the engine.
    """
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as name:
        folders = [Path(name, str(index)) for index in range(len(jobs))]
        for folder, job in zip(folders, jobs, strict=True):
            _prepare(folder, job)
        waiting, ends = folders, dict.fromkeys(folders, "")
        while waiting:
            end = _start([*command, *map(str, waiting)], missing, timeout)
            waiting = [folder for folder in waiting if not _answered(folder)]
            if waiting:
                ends[waiting[0]] = end or "ended without an answer"
                waiting = waiting[1:]
        return [_answer(folder, ends[folder]) for folder in folders]


def only(found: Sequence[Mapping[str, np.ndarray] | Error]) -> Mapping[str, np.ndarray]:
    """The one thing that was found.

    Raises:
        Error: It is one.
    """
    (one,) = found
    if isinstance(one, Error):
        raise one
    return one


def link(file: Path, place: Path) -> None:
    """Put a file into a job's folder: a link to it, or a copy where links cannot be made."""
    try:
        place.symlink_to(file.resolve())
    except OSError:
        shutil.copyfile(file, place)


def _prepare(folder: Path, job: Job) -> None:
    folder.mkdir()
    job.prepare(folder)
    (folder / "job.json").write_text(json.dumps({"inputs": list(job.feeds), **job.settings}))
    np.savez(folder / "in.npz", *job.feeds.values())


def _start(command: Sequence[str], missing: MissingExtraError, timeout: float) -> str:
    """Run it to its end; returns how it ended where that was not well."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, env=kept
        )
    except subprocess.TimeoutExpired:
        return f"did not end in {timeout:g} s"
    except OSError as error:
        raise _because(missing, str(error)) from None
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if done.returncode > MOST:
        return f"ended its process ({last})"
    if done.returncode > 0:
        raise _because(missing, last)
    if done.returncode:
        return f"ended its process ({signal.Signals(-done.returncode).name})"
    return ""


def _because(missing: MissingExtraError, reason: str) -> MissingExtraError:
    error = MissingExtraError("", hint=missing.hint)
    error.message = f"{missing.message} ({reason})"
    error.args = (str(error),)
    return error


def _answered(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("out.json", "error.json"))


def _answer(folder: Path, end: str) -> Answer | Failure:
    if end:
        return Failure("", end)
    if (folder / "error.json").is_file():
        return Failure(**json.loads((folder / "error.json").read_text()))
    with np.load(folder / "out.npz", allow_pickle=False) as arrays:
        found = Values(arrays)
    return Answer(json.loads((folder / "out.json").read_text()), found)
