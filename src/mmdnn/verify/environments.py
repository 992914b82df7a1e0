"""Environments for engines that cannot live in this interpreter: where they are, and making them.

MXNet 1.9.1 wants a numpy that nothing else here does, CNTK 2.7 wants Python 3.6, and so on. Each gets an
environment of its own under the user's cache folder (`folder`). An interpreter is looked for in places that
the user made, never in the working directory: a folder that was downloaded may hold anything.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdnn.errors import Error, MissingExtraError, UsageError
from mmdnn.outputs import outputs

CACHE = "MMDNN_ENGINES"
"""The environment variable that names another folder for the environments."""
OLD_PIP = ("pip==21.3.1", "wheel==0.37.1", "setuptools==59.6.0")
"""What installs in Python 3.6: a pip of its own time, that knows none of what came later."""


@dataclass(frozen=True)
class Environment:
    """An engine's environment.

    Attributes:
        name: What `mmengine install` calls it.
        title: The engine, in words.
        variable: The environment variable that names an interpreter which has it.
        module: What is imported to see whether it works.
        pythons: The versions of Python that its wheels are for, the best first.
        packages: What is installed, pinned.
        platforms: (system, machine) for which there are wheels; empty for all.
        installers: What is installed before.
        finish: What else is done, given the environment's folder.
        here: Whether it may as well be in this interpreter.
    """

    name: str
    title: str
    variable: str
    module: str
    pythons: tuple[str, ...]
    packages: tuple[str, ...]
    platforms: tuple[tuple[str, str], ...] = ()
    installers: tuple[str, ...] = ()
    finish: Callable[[Path], None] | None = None
    here: bool = False

    @property
    def pins(self) -> str:
        """What its folder says when it is complete."""
        return "\n".join((*self.installers, *self.packages))


def folder() -> Path:
    """Where environments are made: `MMDNN_ENGINES`, else in the user's cache folder."""
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"), "mmdnn")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mmdnn"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mmdnn")


def python_of(environment: Path) -> Path:
    """The interpreter of an environment's folder."""
    scripts = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return environment.joinpath(*scripts)


def places(name: str) -> Iterator[Path]:
    """The folders in which an environment may stand: the cache, and a checkout's own."""
    yield folder() / name
    yield Path(sys.prefix).parent / f".venv-{name}"


def found(name: str) -> str | None:
    """The interpreter that has an engine, or None: the one that the user names, else an environment's."""
    environment = environments()[name]
    if os.environ.get(environment.variable):
        return os.environ[environment.variable]
    if environment.here and importlib.util.find_spec(environment.module) is not None:
        return sys.executable
    return next((str(python_of(p)) for p in places(name) if python_of(p).is_file()), None)


def lacking(name: str) -> bool:
    """Whether `mmengine install` would bring an engine that is not there."""
    return name in environments() and found(name) is None


def interpreter(name: str) -> str:
    """The interpreter that has an engine.

    Raises:
        MissingExtraError: There is none; the message says what makes one.
    """
    python = found(name)
    if python is None:
        environment = environments()[name]
        raise MissingExtraError(environment.packages[0], hint=f"mmengine install {name}")
    return python


def install(name: str, target: Path | None = None, say: Callable[[str], None] = print) -> Path:
    """Make an environment, unless it is there with these packages.

    Args:
        name: Which.
        target: Its folder; in the user's cache folder unless it is said.
        say: Told what is being done.

    Returns:
        Its interpreter.

    Raises:
        UsageError: There are no wheels for this machine, or no Python that they are for.
        Error: A package could not be installed; the message is pip's.
    """
    environment = environments()[name]
    target = target or folder() / name
    ready = target / ".ready"
    if ready.is_file() and ready.read_text() == environment.pins:
        say(f"{environment.title} is there: {python_of(target)}")
        return python_of(target)
    _check_platform(environment)
    base = _base(environment)
    say(f"{environment.title}: making {target} with {base} ...")
    with outputs() as place:
        staged = place(target, directory=True)
        _make(environment, base, staged, say)
    _run([str(python_of(target)), "-W", "ignore", "-c", f"import {environment.module}"])
    ready.write_text(environment.pins)
    say(f"{environment.title} is there: {python_of(target)}")
    return python_of(target)


def _make(environment: Environment, base: str, target: Path, say: Callable[[str], None]) -> None:
    _run([base, "-m", "venv", "--clear", str(target)])
    for packages in filter(None, (environment.installers, environment.packages)):
        say(f"installing {', '.join(packages)} ...")
        pip = [str(python_of(target)), "-m", "pip", "install", "--quiet", *packages]
        _run(pip, old=bool(environment.installers))
    if environment.finish is not None:
        environment.finish(target)


def _check_platform(environment: Environment) -> None:
    here = (platform.system(), platform.machine().replace("AMD64", "x86_64"))
    if environment.platforms and here not in environment.platforms:
        there = ", ".join(f"{system} on {machine}" for system, machine in environment.platforms)
        raise UsageError(
            f"{environment.title} has packages for {there} only, and this is {' on '.join(here)}"
        )


def _base(environment: Environment) -> str:
    """A Python of a version that the packages are for."""
    for version in environment.pythons:
        for python in _candidates(version):
            if _is_version(python, version):
                return python
    versions = " or ".join(environment.pythons)
    raise UsageError(
        f"{environment.title} needs Python {versions}, and there is none on this machine",
        hint=f"Install one (pyenv install {environment.pythons[0]}, uv python install "
        f"{environment.pythons[0]}), or name an interpreter that has it in {environment.variable}.",
    )


def _candidates(version: str) -> Iterator[str]:
    """Where a Python of this version may stand."""
    said = os.environ.get(f"MMDNN_PYTHON{version.replace('.', '')}")
    if said:
        yield said
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield sys.executable
    for tool, *arguments in (("pyenv", "prefix", version), ("uv", "python", "find", version)):
        path = shutil.which(tool)
        answer = path and subprocess.run([path, *arguments], capture_output=True, text=True)
        if answer and answer.returncode == 0:
            where = Path(answer.stdout.strip())
            yield str(python_of(where) if where.is_dir() else where)
    launcher = shutil.which("py")
    if launcher:
        ask = [launcher, f"-{version}", "-c", "import sys; print(sys.executable)"]
        answer = subprocess.run(ask, capture_output=True, text=True)
        yield answer.stdout.strip()
    yield f"python{version}"


def _is_version(python: str, version: str) -> bool:
    """Whether it runs and is what it should be; a shim on the path may be neither."""
    test = (
        f"import sys, venv; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})"
    )
    try:
        return (
            bool(python)
            and subprocess.run([python, "-c", test], capture_output=True).returncode == 0
        )
    except OSError:
        return False


def _run(command: Sequence[str], *, old: bool = False) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if old:  # what is set up for newer pips leads an old one to wheels that it cannot use
        kept = {key: value for key, value in kept.items() if key != "PIP_FIND_LINKS"}
        kept["PIP_CONFIG_FILE"] = os.devnull
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise Error(f"'{' '.join(command)}' failed: {lines[-1]}")


_MPI = {"libmpi.so.12": "libmpi.so.40", "libmpi_cxx.so.1": "libmpi_cxx.so.40"}
"""The libraries that CNTK's wheel misses, and what Debian's libopenmpi3 calls them."""
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
_SYMBOL = re.compile(rb"\0((?:MPI_|ompi_|_ZN3MPI)\w+)(?=\0)")


def _cntk_mpi(environment: Path) -> None:
    """Put OpenMPI beside CNTK's own libraries: a present one, else a stub.

    Training on several machines needs OpenMPI 1.10, and nothing here does: OpenMPI 3 or newer stands in
    for it, else a library whose functions do nothing.
    """
    libraries = next(environment.glob("lib/python3.6/site-packages/cntk/libs"))
    if all((_LIBRARIES / name).exists() for name in _MPI.values()):
        for wanted, present in _MPI.items():
            (libraries / wanted).symlink_to(_LIBRARIES / present)
        return
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise UsageError(
            "CNTK 2.7 needs OpenMPI, or a C compiler to stand in for it",
            hint="apt-get install libopenmpi3",
        )
    users = [*libraries.glob("libCntk.*.so"), *libraries.parent.parent.glob("_cntk_py.*.so")]
    symbols = {name.decode() for file in users for name in _SYMBOL.findall(file.read_bytes())}
    source = "".join(f"int {name}(void) {{ return 0; }}\n" for name in sorted(symbols))
    for wanted in _MPI:
        library = str(libraries / wanted)
        command = [compiler, "-shared", "-fPIC", "-w", "-o", library, "-x", "c", "-"]
        subprocess.run(command, input=source, text=True, check=True)


_LINUX = (("Linux", "x86_64"),)
_WHEELS = (*_LINUX, ("Darwin", "x86_64"), ("Windows", "x86_64"))
_TF1 = ("tensorflow==1.13.1", "h5py==2.10.0", "numpy==1.16.6", "scipy==1.4.1", "protobuf==3.11.3")


def environments() -> dict[str, Environment]:
    """Every environment by name."""
    return {
        each.name: each
        for each in (
            Environment(
                "caffe",
                "OpenCV 4.13 for Caffe's files",
                "MMDNN_CAFFE_PYTHON",
                "cv2",
                ("3.11", "3.12", "3.13", "3.10"),
                ("opencv-python-headless==4.13.0.92", "numpy==2.4.6"),
                here=True,
            ),
            Environment(
                "cntk",
                "CNTK 2.7",
                "MMDNN_CNTK_PYTHON",
                "cntk",
                ("3.6",),
                ("cntk==2.7.post2", "numpy==1.19.5", "scipy==1.5.4", "protobuf==3.19.6"),
                _LINUX,
                OLD_PIP,
                _cntk_mpi,
            ),
            Environment(
                "keras-old",
                "Keras 2.2.4 on TensorFlow 1.13",
                "MMDNN_KERAS_OLD_PYTHON",
                "keras",
                ("3.6",),
                ("keras==2.2.4", *_TF1),
                _WHEELS,
                OLD_PIP,
            ),
            Environment(
                "mxnet",
                "MXNet 1.9.1",
                "MMDNN_MXNET_PYTHON",
                "mxnet",
                ("3.11", "3.10", "3.9", "3.8"),
                ("mxnet==1.9.1", "numpy==1.23.5"),
                (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "x86_64")),
            ),
        )
    }
