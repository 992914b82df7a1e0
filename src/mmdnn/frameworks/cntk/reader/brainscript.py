"""Files of CNTK 1 (BrainScript)."""

from __future__ import annotations

from pathlib import Path

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import Model


def read(path: Path) -> Model:
    """Read a model of CNTK 1.

    Raises:
        UnsupportedError: Always, for now.
    """
    raise UnsupportedError("files of CNTK 1 cannot be read yet", file=path)
