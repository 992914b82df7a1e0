"""Running the IR of a TensorFlow Lite model on onnxruntime, and meeting what the interpreter computed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.onnx import engine
from mmdnn.frameworks.tflite import importer, reader
from mmdnn.ir import layout
from mmdnn.registry import Source

Arrays = dict[str, np.ndarray]

HYBRID = 0.03
"""How far, of the range of an output, kernels may be off that quantise activations when they run."""


@dataclass(frozen=True)
class Case:
    """One network of the corpus: its file, what the interpreter was fed, and what it computed."""

    info: dict[str, Any]
    source: Source
    inputs: Arrays
    outputs: Arrays

    @property
    def is_refused(self) -> bool:
        return bool(self.info.get("expect") == "refuse")

    def bound(self, name: str, wanted: np.ndarray) -> np.ndarray:
        """How far each number of an output may be off: a step where it is quantised."""
        wide = wanted.astype(np.float64)
        if self.info.get("hybrid"):
            return np.full(wanted.shape, HYBRID * max(np.ptp(wide), 1e-9))
        step = self.info.get("step", {}).get(name)
        if step is not None:
            return np.full(wanted.shape, 1.001 * step + 1e-5)
        if wanted.dtype.kind in "iu" and len(self.info["outputs"][name]) > 2:
            return np.ones(wanted.shape)
        return np.asarray(1e-5 + 1e-4 * np.abs(wide))


def case(folder: Path, *, keep: bool = True) -> Case:
    info = json.loads((folder / "case.json").read_text())
    source = Source(network=folder / "model.tflite", keep_layout=keep)
    arrays = {}
    if (folder / "golden.npz").is_file():
        with np.load(folder / "golden.npz") as data:
            arrays = {name: data[name] for name in data.files}
    parts = [
        {name[len(what) :]: array for name, array in arrays.items() if name.startswith(what)}
        for what in ("input/", "output/")
    ]
    return Case(info, source, parts[0], parts[1])


def convert(source: Source) -> ir.Model:
    return importer.to_ir(reader.read(source))


def run(model: ir.Model, feeds: Arrays) -> Arrays:
    """Every value of a model, by name, as TensorFlow Lite has it."""
    known = layout.arrangements(model)
    found = engine.run(model, {n: known[n].here(a) if n in known else a for n, a in feeds.items()})
    return {n: known[n].source(a) if n in known else a for n, a in found.items()}


def unmet(one: Case) -> Iterator[str]:
    """What of a case the IR does not meet."""
    model = convert(one.source)
    found = run(model, one.inputs)
    for name, wanted in one.outputs.items():
        if name not in found:
            yield f"{name}: missing"
        elif (found[name].shape, found[name].dtype) != (wanted.shape, wanted.dtype):
            yield f"{name}: {found[name].dtype}{found[name].shape} for {wanted.dtype}{wanted.shape}"
        else:
            a, b = found[name].astype(np.float64), wanted.astype(np.float64)
            with np.errstate(all="ignore"):
                off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
            if not (off <= one.bound(name, wanted)).all():
                yield f"{name}: off by {np.nanmax(off)}"
