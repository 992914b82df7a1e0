"""Running the IR of PyTorch's files on onnxruntime, and meeting what torch computed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.onnx import engine
from mmdnn.frameworks.pytorch import arrange, importer, reader

BOUNDS = {"float16": (2e-3, 1e-3), "bfloat16": (1.6e-2, 1e-2)}
"""Relative and absolute, of types that round more than float32."""


def info(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "case.json").read_text())
    return found


def arrays(folder: Path) -> tuple[list[tuple[str, np.ndarray]], list[np.ndarray]]:
    """What the program was fed, in order, and what it gave."""
    with np.load(folder / "golden.npz") as data:
        fed = [(name[6:], data[name]) for name in data.files if name.startswith("input/")]
        count = sum(name.startswith("output/") for name in data.files)
        return fed, [data[f"output/{i}"] for i in range(count)]


def convert(folder: Path) -> ir.Model:
    """The IR; TorchScript does not say its inputs' shapes."""
    said = info(folder)
    source = arrange([folder / said["files"][0]])
    assert source is not None
    if said["form"].startswith("torchscript"):
        fed, _ = arrays(folder)
        shapes = {str(place or ""): array.shape for place, (_, array) in enumerate(fed)}
        source = replace(source, input_shapes=shapes)
    return importer.to_ir(reader.read(source))


def unmet(folder: Path) -> list[str]:
    """What of a case the IR does not meet."""
    model = convert(folder)
    fed, wanted = arrays(folder)
    by_name = dict(fed)
    inputs = list(model.graph.inputs)
    named = all(value.name in by_name for value in inputs)
    feeds = {}
    for place, value in enumerate(inputs):
        array = by_name[str(value.name)] if named else fed[place][1]
        feeds[str(value.name)] = array.astype((value.dtype or ir.DataType.FLOAT).numpy())
    found = engine.run(model, feeds)
    outputs = [found[str(value.name)] for value in model.graph.outputs]
    if len(outputs) != len(wanted):
        return [f"{len(outputs)} outputs for {len(wanted)}"]
    tolerance = info(folder).get("tolerance")
    return [
        f"output {place}: {words}"
        for place, pair in enumerate(zip(outputs, wanted, strict=True))
        if (words := _difference(*pair, tolerance))
    ]


def _difference(found: np.ndarray, wanted: np.ndarray, tolerance: float | None) -> str:
    if found.shape != wanted.shape:
        return f"{found.shape} instead of {wanted.shape}"
    if found.dtype != wanted.dtype and found.dtype.name != "bfloat16":
        return f"{found.dtype} instead of {wanted.dtype}"
    usual = (tolerance, tolerance / 10) if tolerance else (1e-4, 1e-5)
    bound = BOUNDS.get(found.dtype.name, usual)
    kind = np.complex128 if wanted.dtype.kind == "c" else np.float64
    close = np.allclose(found.astype(kind), wanted.astype(kind), *bound, equal_nan=True)
    return "" if close else "other numbers"
