"""Builds the networks of `cases` in MXNet 1.9.1, and packs them with what MXNet computes.

PYTHONPATH=tests python -m conformance.mxnet.make
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from conformance import pack
from mmdnn.frameworks.mxnet import engine

CASES = Path(__file__).with_name("cases.tar.xz")
PROGRAM = Path(__file__).with_name("program.py")


def main() -> None:
    """Make the file anew."""
    with tempfile.TemporaryDirectory() as name:
        command = [engine.interpreter(), "-W", "ignore", str(PROGRAM), name]
        subprocess.run(command, check=True, capture_output=True)
        for error in Path(name).glob("*/error.txt"):
            raise SystemExit(f"{error.parent.name}: {error.read_text()}")
        pack(Path(name), CASES)


if __name__ == "__main__":
    main()
