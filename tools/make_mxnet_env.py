"""Make `.venv-mxnet`, where MXNet 1.9.1 runs: its own interpreter, for it needs a numpy before 1.24.

    python tools/make_mxnet_env.py [folder [package ...]]

The last MXNet is of 2022 and loads in Python 3.8 to 3.11. Nothing is done where it is there already.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("mxnet==1.9.1", "numpy==1.23.5")
VERSIONS = ("3.11", "3.10", "3.9", "3.8")


def interpreter() -> str:
    """A Python that MXNet's numpy has a wheel for: this one, or another on the path."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = (shutil.which(f"python{version}") for version in VERSIONS)
    chosen = next(filter(None, found), None)
    if chosen is None:
        sys.exit(f"MXNet 1.9.1 needs one of Python {', '.join(VERSIONS)}; none is on the path")
    return chosen


def make(folder: Path, *more: str) -> Path:
    """Make an environment, unless it is there with these packages.

    Args:
        folder: Where.
        more: Packages besides MXNet.

    Returns:
        Its interpreter.
    """
    python = folder / "bin" / "python"
    done = folder / ".ready"
    packages = [*PACKAGES, *more]
    wanted = "\n".join(packages)
    if done.is_file() and done.read_text() == wanted:
        return python
    for command in (
        [interpreter(), "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *packages],
    ):
        subprocess.run(command, check=True)
    done.write_text(wanted)
    return python


def main() -> None:
    """Make the one that the command line says."""
    folder, *more = sys.argv[1:] or [".venv-mxnet"]
    make(Path(folder), *more)


if __name__ == "__main__":
    main()
