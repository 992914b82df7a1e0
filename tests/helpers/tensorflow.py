"""Running the IR of a TensorFlow graph on onnxruntime, and meeting what TensorFlow computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.errors import ShapeError
from mmdnn.frameworks.onnx import engine
from mmdnn.frameworks.tensorflow import arrange, importer, reader
from mmdnn.ir import layout
from mmdnn.registry import Source

Arrays = dict[str, np.ndarray]
HALVES = {"float16", "bfloat16"}


def source(folder: Path) -> Source:
    """The files of a case of the corpus."""
    if (folder / "saved_model").is_dir():
        files = [folder / "saved_model"]
    else:
        files = [p for p in sorted(folder.iterdir()) if p.suffix not in {".json", ".npz"}]
    found = arrange(files)
    assert found is not None
    return found


def convert(files: Source, feeds: Arrays) -> ir.Model:
    """The IR; where sizes are needed that are open, with those of the feeds."""
    try:
        return importer.to_ir(reader.read(files))
    except ShapeError as error:
        if "--inputShape" not in (error.hint or ""):
            raise
        shapes = {name: array.shape for name, array in feeds.items()}
        return importer.to_ir(reader.read(replace(files, input_shapes=shapes)))


def unmet(folder: Path, golden: Path) -> list[str]:
    """What of a case the IR does not meet."""
    arrays = dict(np.load(golden, allow_pickle=False))
    by = {
        kind: {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith(f"{kind}/")}
        for kind in ("input", "output", "internals")
    }
    files = source(folder)
    if files.network is None or files.network.stem != "saved_model":
        files = replace(files, outputs=tuple(by["output"]))
    signature = golden.stem.partition(".")[2]
    model = convert(replace(files, signature=signature), by["input"])
    found = run(model, by["input"])
    bound = (1e-2, 1e-2) if _has_halves(model) else (1e-4, 1e-5)
    there = {name: array for name, array in by["internals"].items() if name in found}
    return list(differences(by["output"] | there, found, bound))


def _has_halves(model: ir.Model) -> bool:
    kinds = {value.dtype for node in model.graph.all_nodes() for value in node.outputs}
    return bool(kinds & {ir.DataType.FLOAT16, ir.DataType.BFLOAT16})


def run(model: ir.Model, inputs: Arrays) -> Arrays:
    """What onnxruntime computes, its axes as in TensorFlow."""
    kinds = {str(v.name): v.dtype.numpy() for v in model.graph.inputs if v.dtype is not None}
    known = layout.arrangements(model)
    feeds = {n: a.astype(kinds[n]) for n, a in inputs.items() if n in kinds}
    found = engine.run(model, {n: known[n].here(a) if n in known else a for n, a in feeds.items()})
    return {n: known[n].source(a) if n in known else a for n, a in found.items()}


def differences(wanted: Arrays, found: Arrays, bound: tuple[float, float]) -> Iterator[str]:
    """What differs by more than the bound, or in shape."""
    for name, array in wanted.items():
        if name not in found:
            yield f"{name}: missing"
        elif found[name].shape != array.shape:
            yield f"{name}: {found[name].shape} instead of {array.shape}"
        elif not np.allclose(_wide(found[name]), _wide(array), *bound, equal_nan=True):
            with np.errstate(all="ignore"):
                yield f"{name}: off by {np.nanmax(np.abs(_wide(found[name]) - _wide(array)))}"


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
