"""OpenCV for many networks: one program that forks, in the place of one start for each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmdnn.frameworks.caffe import engine
from mmdnn.verify import isolated

PROGRAM = Path(__file__).with_name("opencv_program.py")


@contextmanager
def one_process() -> Iterator[None]:
    """While this lasts, the engine starts its runner in forks of one process."""
    command = [sys.executable, "-P", str(PROGRAM), str(engine.RUNNER)]
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):

        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            assert process.stdin is not None
            assert process.stdout is not None
            print(command[-1], file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline())
            return subprocess.CompletedProcess(command, answer["returncode"], "", answer["stderr"])

        changed = SimpleNamespace(
            run=run,
            TimeoutExpired=subprocess.TimeoutExpired,
            CompletedProcess=subprocess.CompletedProcess,
        )
        patch.setattr(isolated, "subprocess", changed)
        yield
        assert process.stdin is not None
        process.stdin.close()
