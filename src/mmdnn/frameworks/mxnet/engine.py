"""Running MXNet's own files in MXNet 1.9.1, which is of 2022 and wants a numpy before 1.24.

It runs through `_mxnet.py`, in an interpreter of its own: this one where MXNet can be imported in it,
else the one that the environment variable `MMDNN_MXNET_PYTHON` names, else that of the folder
`.venv-mxnet` beside this interpreter's own environment, or in the working directory.
(`tools/make_mxnet_env.py` makes it: Python 3.8 to 3.11, mxnet==1.9.1, numpy==1.23.5.)
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmdnn.errors import FormatError, MissingExtraError, ShapeError
from mmdnn.frameworks.mxnet._values import renamed
from mmdnn.frameworks.mxnet.reader import archive, files
from mmdnn.registry import Source

TITLE = "MXNet 1.9"
RUNNER = Path(__file__).with_name("_mxnet.py")
PYTHON = "MMDNN_MXNET_PYTHON"
ENVIRONMENT = Path(".venv-mxnet", "bin", "python")
TIMEOUT = 600
"""Seconds after which MXNet is taken to hang."""


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a model and return every operator's outputs.

    Args:
        source: A symbol with its parameters, or an archive.
        feeds: Input name to array.

    Returns:
        The feeds, and arrays by the names of `symbol.get_internals().list_outputs()`, and by those of the
        model that it was converted from. Where several nodes have one name, the last one's.

    Raises:
        MissingExtraError: MXNet is not installed, neither here nor in an environment of its own.
        ShapeError: MXNet refuses the model or its inputs, with its own reason.
        FormatError: MXNet ends its process, or does not end.
    """
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as name:
        folder = Path(name)
        _prepare(source, feeds, folder)
        done = _start([python, "-W", "ignore", str(RUNNER), str(folder)], source)
        if done.returncode < 0:
            reason = signal.Signals(-done.returncode).name
            raise FormatError(f"MXNet ended its process ({reason})", file=source.network)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise ShapeError(f"MXNet refuses it: {lines[-1]}", file=source.network)
        names = json.loads((folder / "out.json").read_text())
        with np.load(folder / "out.npz") as arrays:
            found = {name: arrays[f"arr_{index}"] for index, name in enumerate(names)}
    return dict(feeds) | named(source, found)


def named(source: Source, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a run gave, by the names of the model that the files were converted from too."""
    return renamed(files(source)[0], found)


def interpreter() -> str:
    """The Python that has MXNet.

    Raises:
        MissingExtraError: There is none.
    """
    if os.environ.get(PYTHON):
        return os.environ[PYTHON]
    if importlib.util.find_spec("mxnet") is not None and not hasattr(np, "exceptions"):
        return sys.executable  # numpy 1.25 brought `exceptions`; 1.24 dropped what MXNet uses
    for folder in (Path(sys.prefix).parent, Path.cwd()):
        if (folder / ENVIRONMENT).is_file():
            return str(folder / ENVIRONMENT)
    raise MissingExtraError("mxnet==1.9.1", "mxnet")


def _prepare(source: Source, feeds: Mapping[str, np.ndarray], folder: Path) -> None:
    symbol, weights = files(source)
    (folder / "net-symbol.json").write_bytes(symbol)
    numpy = False
    if weights is not None:
        path, start, size = weights
        target = folder / "net.params"
        if start == 0 and size == path.stat().st_size:
            target.symlink_to(path.resolve())
        else:
            archive.extract(weights, target)
        numpy = _is_numpy(target)
    job = {"inputs": list(feeds), "numpy": numpy}
    (folder / "job.json").write_text(json.dumps(job))
    np.savez(folder / "in.npz", *feeds.values())


def _is_numpy(path: Path) -> bool:
    from mmdnn.frameworks.mxnet.reader import ndarray

    return ndarray.read(path).numpy


def _start(command: list[str], source: Source) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        return subprocess.run(  # noqa: S603 - our own program, no shell
            command, capture_output=True, text=True, timeout=TIMEOUT, env=kept
        )
    except subprocess.TimeoutExpired:
        raise FormatError(f"MXNet did not end in {TIMEOUT} s", file=source.network) from None
    except OSError as error:
        raise MissingExtraError(f"mxnet==1.9.1 ({error})", "mxnet") from None
