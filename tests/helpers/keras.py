"""Running the IR of a Keras model on onnxruntime, and meeting what Keras computed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras import arrange, importer, reader
from mmdnn.frameworks.onnx import engine
from mmdnn.ir import layout
from mmdnn.registry import Source

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One network of the corpus: its files, what Keras was fed, and what it computed."""

    info: dict[str, Any]
    source: Source
    inputs: Arrays
    outputs: list[np.ndarray]
    layers: Arrays

    @property
    def bound(self) -> tuple[float, float]:
        """Relative and absolute."""
        tolerance = self.info.get("tolerance") or 1e-4
        return (1e-4, 1e-5) if tolerance <= 1e-4 else (tolerance, 1e-3)


def case(folder: Path) -> Case:
    info = json.loads((folder / "case.json").read_text())
    found = arrange([folder / name for name in info["forms"][0]])
    assert found is not None, folder
    source = replace(found, keep_layout=True)
    with np.load(folder / "golden.npz") as data:
        arrays = {name: data[name] for name in data.files}
    count = sum(name.startswith("output/") for name in arrays)
    inputs, layers = (
        {name[len(what) :]: array for name, array in arrays.items() if name.startswith(what)}
        for what in ("input/", "layer/")
    )
    return Case(info, source, inputs, [arrays[f"output/{i}"] for i in range(count)], layers)


def convert(source: Source) -> ir.Model:
    return importer.to_ir(reader.read(source))


def run(model: ir.Model, feeds: Arrays) -> Arrays:
    """Every value of a model, by name, as Keras has it; a model of one input may call it otherwise."""
    inputs = {str(value.name): value.dtype for value in model.graph.inputs}
    if len(inputs) == len(feeds) == 1:
        feeds = dict(zip(inputs, feeds.values(), strict=True))
    types = {name: (kind or ir.DataType.FLOAT).numpy() for name, kind in inputs.items()}
    typed = {
        n: a if a.dtype.kind in "US" else a.astype(types[n]) for n, a in feeds.items() if n in types
    }
    known = layout.arrangements(model)
    found = engine.run(model, {n: known[n].here(a) if n in known else a for n, a in typed.items()})
    return {n: known[n].source(a) if n in known else a for n, a in found.items()}


def differences(wanted: Arrays, found: Arrays, bound: tuple[float, float]) -> Iterator[str]:
    """What differs by more than the bound, or in shape."""
    for name, array in wanted.items():
        if name not in found:
            yield f"{name}: missing"
        elif found[name].shape != array.shape:
            yield f"{name}: {found[name].shape} instead of {array.shape}"
        elif array.dtype.kind in "US":
            if [str(text) for text in found[name].flat] != [str(text) for text in array.flat]:
                yield f"{name}: other texts"
        elif not np.allclose(_wide(found[name]), _wide(array), *bound, equal_nan=True):
            with np.errstate(all="ignore"):
                yield f"{name}: off by {np.nanmax(np.abs(_wide(found[name]) - _wide(array)))}"


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def unmet(one: Case) -> list[str]:
    """What of a case the IR does not meet."""
    model = convert(one.source)
    found = run(model, one.inputs)
    outputs = [str(value.name) for value in model.graph.outputs]
    wanted = dict(zip(outputs, one.outputs, strict=True))
    wrong = list(differences(wanted, found, one.bound))
    return wrong + list(differences(one.layers, found, one.bound))
