"""What proving a conversion costs: CPU time and peak memory of the whole command, imports included.

    python benchmarks/proof.py [RFB-320.caffemodel RFB-320.prototxt]

Peak memory is that of the largest process. ResNet-50's time is beside that of the two engines alone, on the
same inputs and as often.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import networks
import numpy as np
import onnx_ir as ir
from measure import BIN, CONSOLE, run, table

from mmdnn import registry, saving
from mmdnn.ir.builder import Builder
from mmdnn.opening import Opened
from mmdnn.progress import Silent
from mmdnn.registry import Source
from mmdnn.verify import run as verification
from mmdnn.verify import runners
from mmdnn.verify.run import verify

SECONDS, MEGABYTES, RATIO = 4.0, 600.0, 1.5
"""The goals: RFB-320's CPU seconds, ENet's and VDSR's memory, ResNet-50's time by its engines'."""


def vdsr(folder: Path) -> list[Path]:
    """Twenty convolutions of 64 channels on a grey picture of 256 x 256, and the picture added."""
    net = networks.Network("VDSR", (1, 1, 256, 256))
    channels = 1
    for index in range(19):
        net.convolution(f"conv{index}", channels, 64, 3, pad=1)
        net.in_place(f"relu{index}", "ReLU")
        channels = 64
    net.convolution("conv19", 64, 1, 3, pad=1)
    return list(networks.write(net, folder))


def enet(folder: Path) -> list[Path]:
    """An ENet's shape on a street of 512 x 1024: thin layers, large pictures."""
    builder, rng = Builder("mmdnn.bench"), np.random.default_rng(0)
    op = builder.op

    def conv(x: ir.Value, out: int, kernel: int, **attributes: object) -> ir.Value:
        w = rng.standard_normal((out, int(x.shape[1]), kernel, kernel)).astype(np.float32)
        y = op.Conv(x, w / np.float32(np.sqrt(w[0].size)), **attributes)
        n = np.ones(out, np.float32)
        return op.PRelu(op.BatchNormalization(y, n, n * 0, n * 0, n), 0.25 * n[:, None, None])

    def bottleneck(x: ir.Value, dilation: int = 1) -> ir.Value:
        width = int(x.shape[1])
        y = conv(x, width // 4, 1)
        y = conv(y, width // 4, 3, pads=[dilation] * 4, dilations=[dilation] * 2)
        return op.Relu(op.Add(x, conv(y, width, 1)))

    x = builder.input("data", (1, 3, 512, 1024))
    pooled = op.MaxPool(x, kernel_shape=[2, 2], strides=[2, 2])
    x = op.Concat(conv(x, 13, 3, pads=[1] * 4, strides=[2, 2]), pooled, axis=1)
    x = bottleneck(conv(x, 64, 2, strides=[2, 2]))
    x = conv(bottleneck(bottleneck(x)), 128, 2, strides=[2, 2])
    for dilation in (1, 2, 4, 8, 16) * 2:
        x = bottleneck(x, dilation)
    for width in (64, 16):
        w = rng.standard_normal((int(x.shape[1]), width, 2, 2)).astype(np.float32) / 8
        x = bottleneck(op.ConvTranspose(x, w, strides=[2, 2]))
    w = rng.standard_normal((16, 19, 2, 2)).astype(np.float32) / 4
    x = op.ConvTranspose(x, w, strides=[2, 2])
    builder.rename(x, "classes")
    builder.graph.outputs.append(x)
    folder.mkdir()
    ir.save(builder.model(), folder / "net.onnx")
    return [folder / "net.onnx"]


def ratio(files: list[Path], folder: Path) -> tuple[float, float]:
    """CPU seconds of comparing ResNet-50 with its result, and of the engines alone on what they were fed."""
    torch = registry.framework("pytorch")
    opened = Opened(registry.framework("caffe"), Source(network=files[0], weights=files[1]))
    model = opened.model()
    written = saving.write(model, torch, folder / "net.py", None, Path, Silent(), None)
    staged = torch.arrange([path for _, path in written])
    assert staged is not None
    spent = {"engines": 0.0}
    source = next(r for r, _ in runners.of_opened(opened, model) if r is not None)
    target = runners.engine(torch, staged)

    def timed(runner: runners.Runner) -> runners.Runner:
        def ran(values: dict[str, np.ndarray]) -> runners.Values:
            began = time.perf_counter()
            found = runner.run(values)
            spent["engines"] += time.perf_counter() - began
            return found

        return runners.Runner(runner.title, ran, runner.kind, overwrites=runner.overwrites)

    began = time.perf_counter()
    found = verification.run_source(iter([(timed(source), "")]), model)
    verify(found, timed(target), model).require()
    return time.perf_counter() - began, spent["engines"]


def main() -> None:
    rows = table("Proving a conversion to PyTorch", "network", "CPU s", "MB", "goal")
    met = True
    with tempfile.TemporaryDirectory(prefix="mmdnn-bench-") as name:
        folder = Path(name)
        given = [Path(each) for each in sys.argv[1:]]
        for title, files, goal in (
            *((("RFB-320", given, "seconds"),) if given else ()),
            ("VDSR 256 x 256", vdsr(folder / "vdsr"), "megabytes"),
            ("ENet 512 x 1024", enet(folder / "enet"), "megabytes"),
        ):
            target = folder / f"{title.split()[0]}.py"
            took = run([BIN / "mmconvert", *files, "-df", "pytorch", "-om", target], repeat=1)
            most = f"{SECONDS} s" if goal == "seconds" else f"{MEGABYTES:.0f} MB"
            value = took.cpu if goal == "seconds" else took.megabytes
            met &= value <= (SECONDS if goal == "seconds" else MEGABYTES)
            rows.add_row(title, f"{took.cpu:.1f}", f"{took.megabytes:.0f}", most)
        whole, engines = ratio(list(networks.write(networks.resnet50(), folder / "r")), folder)
        met &= whole <= RATIO * engines
        rows.add_row("ResNet-50", f"{whole:.1f}", "", f"{RATIO} x {engines:.1f} s of the engines")
    CONSOLE.print(rows)
    if not met:
        raise SystemExit("a goal is not met")


if __name__ == "__main__":
    main()
