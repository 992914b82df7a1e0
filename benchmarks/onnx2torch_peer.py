"""Ours beside onnx2torch: ONNX models to running PyTorch, in one run.

    python benchmarks/onnx2torch_peer.py

The peer is installed into an environment of its own (`.venv-onnx2torch`). For each model both convert
the same file in a process of their own, run it on the same input, and are compared with onnxruntime.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import networks
import numpy as np
import onnxruntime
from measure import CONSOLE, table

import mmdnn

PEER = Path(".venv-onnx2torch")
SHARED = Path(__file__).parents[2] / "shared" / "models" / "onnx"

OPEN = 4000
"""The size of open dimensions but the batch: samples of sound, in the models there are."""

RUNNERS = {
    "mmdnn": """
import tempfile
from pathlib import Path
from mmdnn import api
from mmdnn.frameworks.pytorch import exporter, writer
def convert(path):
    module = writer.instantiate(exporter.from_ir(api.load(path)))
    return lambda *inputs: module(*inputs)
""",
    # torchvision, which onnx2torch imports, wants its compiled operators there; no model here calls them
    "onnx2torch": """
import torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import onnx2torch
def convert(path):
    return onnx2torch.convert(path).eval()
""",
}

SCRIPT = """
import json, re, sys, time
import numpy as np, torch
{runner}
torch.set_num_threads(1)
path, feeds, result = sys.argv[1:]
start = time.perf_counter()
module = convert(path)
seconds = time.perf_counter() - start
inputs = [torch.from_numpy(array) for array in np.load(feeds).values()]
with torch.no_grad():
    outputs = module(*inputs)
outputs = outputs if isinstance(outputs, (list, tuple)) else (outputs,)
np.savez(result, *[output.numpy() for output in outputs])
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps({{"seconds": seconds, "mb": peak}}))
"""


def peer() -> Path:
    """The python of the peer's environment, made the first time."""
    python = PEER / "bin" / "python"
    if not python.exists():
        venv.create(PEER, with_pip=True)
        packages = ["-c", "constraints.txt", "torch", "onnx2torch", "onnx", "numpy"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def feeds(session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    made = {}
    for value in session.get_inputs():
        shape = [
            size if isinstance(size, int) else OPEN if axis else 1
            for axis, size in enumerate(value.shape)
        ]
        made[value.name] = random.standard_normal(shape).astype(np.float32)
    return made


def attempt(
    name: str, python: Path | str, model: Path, scratch: Path, expected: list[np.ndarray]
) -> str:
    """What one side makes of one model: its time and memory, or what went wrong."""
    script, result = SCRIPT.format(runner=RUNNERS[name]), scratch / f"{name}.npz"
    command = [python, "-W", "ignore", "-c", script, model, scratch / "feeds.npz", result]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    if done.returncode:
        return f"fails: {done.stderr.strip().splitlines()[-1][:60]}"
    figures = json.loads(done.stdout.splitlines()[-1])
    found = list(np.load(result).values())
    close = len(found) == len(expected) and all(
        a.shape == b.shape and np.allclose(a, b, atol=1e-4 * max(1, np.abs(b).max()), rtol=1e-3)
        for a, b in zip(found, expected, strict=True)
    )
    return f"{figures['seconds']:.2f} s, {figures['mb']:.0f} MB" if close else "WRONG"


def models(folder: Path) -> list[Path]:
    """A ResNet-50 made here, and the real models beside the checkout where they are."""
    files = networks.write(networks.resnet50(), folder)
    mmdnn.convert(*files, folder / "resnet50.onnx", verify=False)
    return [folder / "resnet50.onnx", *sorted(SHARED.rglob("*.onnx"))]


def main() -> None:
    rows = table("ONNX to PyTorch", "model", "mmdnn", "onnx2torch")
    python = peer()
    with tempfile.TemporaryDirectory() as scratch:
        for model in models(Path(scratch)):
            try:
                session = onnxruntime.InferenceSession(model)
                given = feeds(session)
                expected = session.run(None, given)
            except Exception as error:  # noqa: BLE001 - whatever keeps onnxruntime from running it
                rows.add_row(model.name, f"not compared: {str(error)[:60]}", "")
                continue
            np.savez(Path(scratch) / "feeds.npz", **given)
            cells = [
                attempt(name, runtime, model, Path(scratch), expected)
                for name, runtime in (("mmdnn", sys.executable), ("onnx2torch", python))
            ]
            rows.add_row(model.name, *cells)
    CONSOLE.print(rows)


if __name__ == "__main__":
    main()
