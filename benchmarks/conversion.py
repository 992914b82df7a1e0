"""Conversions beside `cp` of the same file: time and peak memory, at several sizes.

    python benchmarks/conversion.py [--quick]

A conversion ought to cost about one copy of the file, and memory ought not to grow with the model.
The goal for each: at most twice the time of `cp` plus 0.6 s, and 200 MB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import networks
import numpy as np
import onnx
from measure import BIN, CONSOLE, Measure, run, table

GIGABYTE = 1 << 30


def caffe(folder: Path, width: int) -> tuple[list[Path], Path]:
    """An AlexNet as prototxt and caffemodel."""
    files = networks.write(networks.alexnet(width), folder)
    return list(files), files[1]


def external(folder: Path) -> tuple[list[Path], Path]:
    """A 4 GB ONNX model with external data: eight products with 512 MB matrices."""
    folder.mkdir(parents=True)
    data = folder / "big.data"
    size = GIGABYTE // 2
    chunk = np.full(1 << 20, 0.001, np.float32).tobytes()
    with data.open("wb") as file:
        for _ in range(8 * size // len(chunk)):
            file.write(chunk)
    graph = onnx.GraphProto(name="big")
    rows = 8192
    columns = size // 4 // rows
    for index in range(8):
        shape = (rows, columns) if index % 2 == 0 else (columns, rows)
        weight = graph.initializer.add(name=f"w{index}", dims=shape, data_type=1, data_location=1)
        for key, value in (("location", data.name), ("offset", index * size), ("length", size)):
            weight.external_data.add(key=key, value=str(value))
        graph.node.add(op_type="MatMul", input=[f"x{index}", f"w{index}"], output=[f"x{index + 1}"])
    for container, name in ((graph.input, "x0"), (graph.output, "x8")):
        tensor = container.add(name=name).type.tensor_type
        tensor.elem_type = 1
        tensor.shape.dim.add(dim_value=1)
        tensor.shape.dim.add(dim_value=rows)
    model = onnx.ModelProto(ir_version=10, graph=graph)
    model.opset_import.add(domain="", version=21)
    path = folder / "big.onnx"
    path.write_bytes(model.SerializeToString())
    return [path], data


def compare(label: str, files: list[Path], heavy: Path, folder: Path, repeat: int) -> list[str]:
    """One row: the conversion beside `cp` of the file that holds the weights."""
    target = folder / "out" / "net.onnx"
    target.parent.mkdir()
    copy = run(["cp", heavy, folder / "copy"], repeat=repeat)
    (folder / "copy").unlink()
    flags = ["-in", files[0], *(["-iw", files[1]] if len(files) > 1 else [])]
    ours = run(
        [BIN / "mmconvert", *flags, "-df", "onnx", "-om", target, "--noVerify"], repeat=repeat
    )
    return [label, f"{heavy.stat().st_size / 1e6:,.0f} MB", *cells(copy, ours)]


def cells(copy: Measure, ours: Measure) -> list[str]:
    """Both times, the goal, the memory, and whether the goal was kept."""
    goal = 2 * copy.seconds + 0.6
    kept = ours.seconds <= goal and ours.megabytes <= 200
    return [
        f"{copy.seconds:.2f} s",
        f"{ours.seconds:.2f} s",
        f"{goal:.2f} s",
        f"{ours.megabytes:.0f} MB",
        "yes" if kept else "NO",
    ]


def main() -> None:
    quick = "--quick" in sys.argv
    cases = [
        ("AlexNet, narrow", lambda folder: caffe(folder, 1024), 5),
        ("AlexNet", lambda folder: caffe(folder, 4096), 5),
    ]
    if not quick:
        cases += [
            ("AlexNet, wide", lambda folder: caffe(folder, 17500), 2),
            ("external data", external, 2),
        ]
    rows = table(
        "Conversion to ONNX, beside cp", "model", "size", "cp", "mmconvert", "goal", "peak", "kept"
    )
    for label, make, repeat in cases:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
            files, heavy = make(Path(scratch) / "model")
            rows.add_row(*compare(label, files, heavy, Path(scratch), repeat))
    CONSOLE.print(rows)


if __name__ == "__main__":
    main()
