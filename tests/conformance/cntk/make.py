"""Builds the networks of `helpers.cntk.layer_cases` in CNTK 2.7, and packs them with what CNTK computes.

PYTHONPATH=tests python -m conformance.cntk.make
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from conformance import pack
from helpers import HELPERS
from mmdnn.frameworks.cntk import engine

CASES = Path(__file__).with_name("cases.tar.xz")
RUNNER = HELPERS / "cntk" / "layer_runner.py"


def main() -> None:
    """Make the file anew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [engine.interpreter(), "-W", "ignore", str(RUNNER), name]
        subprocess.run(command, check=True, capture_output=True)
        for error in folder.glob("*/error.txt"):
            raise SystemExit(f"{error.parent.name}: {error.read_text()}")
        pack(folder, CASES)


if __name__ == "__main__":
    main()
