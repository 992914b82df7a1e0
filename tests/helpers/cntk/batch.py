"""Models written for CNTK, run in CNTK together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from mmdnn.errors import Error, MissingExtraError
from mmdnn.frameworks.cntk import engine, writer
from mmdnn.frameworks.cntk.graph import Model
from mmdnn.registry import Source

Arrays = dict[str, np.ndarray]


class Batch:
    """Models that wait to be run.

    Args:
        root: A folder for their files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jobs: dict[str, engine.Job] = {}

    def add(self, name: str, model: Model, feeds: Mapping[str, np.ndarray]) -> Path:
        """Write a model, and note what it will be fed; the place of its file."""
        path = self.root / f"{name}.model"
        writer.write(model, path)
        self.jobs[name] = (Source(network=path), feeds)
        return path

    def run(self) -> dict[str, Arrays | str]:
        """Each model's values by name, or why there are none; skips the test where CNTK is missing."""
        try:
            found = engine.run_many(list(self.jobs.values()))
        except MissingExtraError as missing:
            pytest.skip(f"CNTK is not installed: {missing.hint}")
        pairs = zip(self.jobs, found, strict=True)
        return {name: str(one) if isinstance(one, Error) else one for name, one in pairs}
