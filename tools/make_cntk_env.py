"""Make `.venv-cntk`, where CNTK 2.7 runs: its last wheels, of 2019, are for Python 3.6 on Linux.

    python tools/make_cntk_env.py [folder]

Python 3.6 is what the environment variable `MMDNN_PYTHON36` names, else pyenv's, else `python3.6` on
the path; where there is none, one line says so and nothing is made. The wheel lacks OpenMPI 1.10, which
training on several machines needs and nothing here does: a present OpenMPI 3 or newer stands in for it,
else a library made here whose functions do nothing. Nothing is done where it is there already.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

INSTALLERS = ("pip==21.3.1", "wheel==0.37.1", "setuptools==59.6.0")
PACKAGES = ("cntk==2.7.post2", "numpy==1.19.5", "scipy==1.5.4", "protobuf==3.19.6")
PYTHON = "MMDNN_PYTHON36"

MPI = {"libmpi.so.12": "libmpi.so.40", "libmpi_cxx.so.1": "libmpi_cxx.so.40"}
"""The libraries that the wheel misses, and what Debian's libopenmpi3 calls them."""
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
SYMBOL = re.compile(rb"\0((?:MPI_|ompi_|_ZN3MPI)\w+)(?=\0)")
APT = ("apt-get", "install", "-y", "--no-install-recommends", "libopenmpi3")


def interpreters() -> Iterator[str]:
    """Where a Python 3.6 may stand."""
    if os.environ.get(PYTHON):
        yield os.environ[PYTHON]
    if pyenv := shutil.which("pyenv"):
        found = subprocess.run([pyenv, "prefix", "3.6"], capture_output=True, text=True)
        if found.returncode == 0:
            yield str(Path(found.stdout.strip(), "bin", "python"))
    yield "python3.6"


def is_python36(python: str) -> bool:
    """Whether it runs and is what it should be; a shim on the path may be neither."""
    test = "import sys, venv; sys.exit(sys.version_info[:2] != (3, 6))"
    try:
        return subprocess.run([python, "-c", test], capture_output=True).returncode == 0
    except OSError:
        return False


def packages(python: Path) -> None:
    """Install the pinned packages; an old pip must not see what is meant for newer ones."""
    kept = {key: value for key, value in os.environ.items() if key != "PIP_FIND_LINKS"}
    environment = kept | {"PIP_CONFIG_FILE": os.devnull}
    for group in (INSTALLERS, PACKAGES):
        command = [str(python), "-m", "pip", "install", "--quiet", *group]
        subprocess.run(command, check=True, env=environment)


def mpi(libraries: Path) -> None:
    """Put the two missing libraries beside CNTK's own: OpenMPI's, else a stub, else apt's."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if all((LIBRARIES / name).exists() for name in MPI.values()):
        link(libraries)
    elif compiler:
        stub(libraries, compiler)
    elif shutil.which("apt-get") and subprocess.run(APT).returncode == 0:
        link(libraries)
    else:
        sys.exit("CNTK 2.7 needs OpenMPI (Debian: libopenmpi3), or a C compiler to stand in for it")


def link(libraries: Path) -> None:
    """OpenMPI 3 or newer, under the names of 1.10."""
    for wanted, present in MPI.items():
        (libraries / wanted).symlink_to(LIBRARIES / present)


def stub(libraries: Path, compiler: str) -> None:
    """A library with every MPI symbol that CNTK names; each returns 0."""
    users = [*libraries.glob("libCntk.*.so"), *libraries.parent.parent.glob("_cntk_py.*.so")]
    symbols = {name.decode() for file in users for name in SYMBOL.findall(file.read_bytes())}
    source = "".join(f"int {name}(void) {{ return 0; }}\n" for name in sorted(symbols))
    for wanted in MPI:
        target = str(libraries / wanted)
        command = [compiler, "-shared", "-fPIC", "-w", "-o", target, "-x", "c", "-"]
        subprocess.run(command, input=source, text=True, check=True)


def main() -> None:
    """Make it, unless it is there with these packages."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv-cntk")
    python = folder / "bin" / "python"
    done = folder / ".ready"
    wanted = "\n".join((*INSTALLERS, *PACKAGES))
    if done.is_file() and done.read_text() == wanted:
        return
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        print("CNTK 2.7 has wheels for Linux on x86-64 only: it is not set up, its tests skip")
        return
    chosen = next(filter(is_python36, interpreters()), None)
    if chosen is None:
        print(f"no Python 3.6 ({PYTHON}, pyenv, PATH): CNTK 2.7 is not set up, its tests skip")
        return
    subprocess.run([chosen, "-m", "venv", "--clear", str(folder)], check=True)
    packages(python)
    mpi(next(folder.glob("lib/python3.6/site-packages/cntk/libs")))
    subprocess.run([python, "-W", "ignore", "-c", "import cntk"], check=True)
    done.write_text(wanted)


if __name__ == "__main__":
    main()
