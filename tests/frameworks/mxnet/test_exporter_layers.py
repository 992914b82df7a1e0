"""Single operators written for MXNet, run in MXNet 1.9.1 and held against onnxruntime.

Only what MXNet can say exactly is written; the rest is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.mxnet.batch import Batch, difference
from helpers.operators import CASES, REFUSED, model
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet import exporter
from mmdnn.frameworks.onnx import engine


def test_operators_agree_with_onnxruntime(tmp_path: Path) -> None:
    batch, wanted = Batch(tmp_path), {}
    for name, (shape, build) in CASES.items():
        made = model(shape, build)
        feeds = {"data": np.random.default_rng(7).normal(size=shape).astype(np.float32)}
        values = engine.run(made, feeds)
        wanted[name] = [values[str(output.name)] for output in made.graph.outputs]
        batch.add(name, made, feeds)
    found = batch.run()
    wrong = {name: difference(found[name], wanted[name]) for name in CASES}
    assert {name: why for name, why in wrong.items() if why} == {}


@pytest.mark.parametrize("name", REFUSED)
def test_what_mxnet_cannot_say_is_refused(name: str) -> None:
    shape, build, reason = REFUSED[name]
    with pytest.raises(UnsupportedError, match=reason):
        exporter.from_ir(model(shape, build))


def test_all_unknown_operators_are_listed_at_once() -> None:
    made = model(
        (2, 3, 4, 4),
        lambda op, x: [
            op.Det(x),
            op.STFT(op.Reshape(x, [2, 48, 1]), np.int64(4), None, np.int64(4)),
        ],
    )
    with pytest.raises(UnsupportedError, match=r"(?s)Det x1.*STFT x1"):
        exporter.from_ir(made)
