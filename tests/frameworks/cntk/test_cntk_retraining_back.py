"""A ResNet-20 of CNTK's, converted, trains in CNTK as the original does: step by step the same losses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers import HELPERS
from helpers.cntk import zoo as cntk_zoo
from mmdnn.cli import mmconvert, mmtocode, mmtoir
from mmdnn.frameworks.cntk import engine

PROGRAM = HELPERS / "cntk" / "training.py"
WAYS = {
    "to CNTK": ["mmconvert net.model -om ours.dnn --noVerify"],
    "by way of ONNX": [
        "mmconvert net.model -om between.onnx --noVerify",
        "mmconvert between.onnx -om ours.dnn --noVerify",
    ],
    "to source": [
        "mmtoir -f cntk -n net.model -d ir",
        "mmtocode -f cntk -n ir.pb -w ir.npy -d ours.py --phase train",
    ],
}
COMMANDS = {"mmconvert": mmconvert, "mmtocode": mmtocode, "mmtoir": mmtoir}
LAYERS = 21


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    cntk_zoo.build(folder, {"net": ("resnet20", {"pixels": 16, "maps": 8})})
    return folder


def train(folder: Path, network: str, *weights: str) -> dict[str, np.ndarray]:
    command = [engine.interpreter(), "-W", "ignore", str(PROGRAM), network, "out.npz", *weights]
    rate = {**os.environ, "RATE": "0.3"}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=rate)
    with np.load(folder / "out.npz") as data:
        return dict(data)


@pytest.fixture(scope="module")
def original(place: Path) -> dict[str, np.ndarray]:
    return train(place, "net.model")


@pytest.mark.parametrize("way", list(WAYS))
def test_training_goes_on(
    way: str,
    place: Path,
    original: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.model").symlink_to(place / "net.model")
    for line in WAYS[way]:
        command, *words = line.split()
        assert COMMANDS[command].main(words) == 0, capsys.readouterr().err
    files = ["ours.py", "ir.npy"] if way == "to source" else ["ours.dnn"]
    found = train(tmp_path, *files)
    assert found["losses"][-1] < 0.7 * found["losses"][0]
    means = {name for name in found if name.startswith("after_mean")}
    assert len(means) == LAYERS
    for name in means:
        assert not np.array_equal(found[name], found[name.replace("after", "before")])
    if way != "by way of ONNX":  # which does not know how many samples statistics are of
        np.testing.assert_allclose(found["losses"], original["losses"], rtol=2e-2)
        np.testing.assert_allclose(found["losses"][:3], original["losses"][:3], rtol=1e-4)
