"""Ours beside MXNet's own exporter, and `cp`: Gluon's VGG-11 (531 MB) to ONNX, in one run.

    python benchmarks/mxnet_exporter_peer.py

The peer, `mxnet.onnx.export_model`, gets an environment of its own (`.venv-mxnet-onnx`), with the last
onnx that it can import. Goal for ours: at most twice the time of `cp` plus 0.6 s, and 200 MB.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from measure import BIN, CONSOLE, run, table

from conversion import cells

PEER = Path(".venv-mxnet-onnx")
ONNX = "onnx==1.14.1"
"""The exporter asks for `onnx.mapping`, which later ones do not have."""
SHAPE = (1, 3, 224, 224)

QUIET = "import warnings; warnings.filterwarnings('ignore')\n"
MODEL = f"""{QUIET}
import sys, mxnet as mx
from mxnet.gluon.model_zoo import vision
mx.random.seed(0)
net = vision.vgg11()
net.initialize(mx.init.Xavier())
net.hybridize()
net(mx.nd.zeros({SHAPE}))
net.export(sys.argv[1])
"""
EXPORT = f"""{QUIET}
import sys, numpy, mxnet.onnx
mxnet.onnx.export_model(*sys.argv[1:3], in_shapes=[{SHAPE}], onnx_file_path=sys.argv[3])
"""


def peer() -> Path:
    """The python of the peer's environment, made the first time."""
    from mmdnn.verify import environments

    python = environments.install("mxnet", PEER)
    subprocess.run([python, "-m", "pip", "install", "--quiet", ONNX], check=True)
    return python


def distance(*models: Path) -> float:
    """How far apart two models' outputs are on the same input."""
    feed = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    one, other = (
        onnxruntime.InferenceSession(model).run(None, {"data": feed})[0] for model in models
    )
    return float(np.abs(one - other).max() / np.abs(one).max())


def main() -> None:
    onnxruntime.set_default_logger_severity(3)
    python = peer()
    rows = table("VGG-11, 531 MB, MXNet to ONNX", "", "cp", "time", "goal", "peak", "kept")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        place = Path(scratch)
        subprocess.run([python, "-c", MODEL, place / "vgg11"], check=True)
        files = [place / "vgg11-symbol.json", place / "vgg11-0000.params"]
        results = [place / "ours.onnx", place / "theirs.onnx"]
        copy = run(["cp", files[1], place / "copy"], repeat=5)
        command = [BIN / "mmconvert", *files, "-om", results[0], "--noVerify"]
        ours = run(command, repeat=5)
        theirs = run([python, "-c", EXPORT, *files, results[1]], repeat=1)
        for name, taken in (("mmconvert", ours), ("mxnet.onnx.export_model", theirs)):
            rows.add_row(name, *cells(copy, taken))
        apart = distance(*results)
    CONSOLE.print(rows)
    CONSOLE.print(f"Outputs of the two in onnxruntime: {apart:.1e} apart, relative to the largest.")


if __name__ == "__main__":
    main()
