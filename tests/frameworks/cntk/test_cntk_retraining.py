"""A network of another framework, written for CNTK, is trained on there as it is."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from helpers import HELPERS
from helpers.resnet20 import ResNet20
from mmdnn import api
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.cntk import engine

PROGRAM = HELPERS / "cntk" / "training.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("training")
    api.save(ResNet20().model(), folder / "net.dnn")
    try:
        python = engine.interpreter()
    except MissingExtraError as missing:
        pytest.skip(f"CNTK is not installed: {missing.hint}")
    command = [python, "-W", "ignore", str(PROGRAM), "net.dnn", "out.npz"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with np.load(folder / "out.npz") as data:
        return dict(data)


def test_the_loss_falls(trained: dict[str, np.ndarray]) -> None:
    losses = trained["losses"]
    assert losses[0] > 1.5
    assert losses[-1] < 0.7 * losses[0]
    assert np.isfinite(trained["result"]).all()


def test_running_statistics_move(trained: dict[str, np.ndarray]) -> None:
    """And go on from those of the network: the first step does not put its own in their place."""
    names = [name.removeprefix("before_") for name in trained if name.startswith("before_")]
    assert len(names) == 3 * 21
    for name in names:
        before, first, after = (trained[f"{when}_{name}"] for when in ("before", "first", "after"))
        assert not np.array_equal(before, after), name
        if not name.startswith("count"):
            assert np.linalg.norm(first - before) < 0.3 * np.linalg.norm(after - before), name
