"""Builds the networks of `keras3` and `keras2` in these, and packs them with what they compute.

PYTHONPATH=tests python -m conformance.keras.make
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from conformance import pack
from mmdnn.verify import environments

CASES = Path(__file__).with_name("cases.tar.xz")


def main() -> None:
    """Make the file anew."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as name:
        old = environments.interpreter("keras-old")
        for python, program in ((sys.executable, "keras3.py"), (old, "keras2.py")):
            subprocess.run([python, "-W", "ignore", str(here / program), name], check=True)
        pack(Path(name), CASES)


if __name__ == "__main__":
    main()
