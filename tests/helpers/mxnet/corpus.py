"""Running the IR of an MXNet model on onnxruntime, and meeting what MXNet computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet import arrange, importer, reader
from mmdnn.frameworks.mxnet.graph import Model
from mmdnn.frameworks.onnx import engine
from mmdnn.registry import Source

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Golden:
    """What MXNet was fed, and what it computed."""

    inputs: Arrays
    outputs: list[np.ndarray]
    internals: Arrays


def source(folder: Path) -> Source:
    files = [path for path in sorted(folder.iterdir()) if path.name not in _NOT_MODELS]
    found = arrange(files)
    assert found is not None, files
    return found


_NOT_MODELS = {"golden.npz", "case.json"}


def golden(folder: Path) -> Golden:
    with np.load(folder / "golden.npz") as data:
        arrays = {name: data[name] for name in data.files}
    count = sum(name.startswith("output/") for name in arrays)
    return Golden(
        {name[6:]: array for name, array in arrays.items() if name.startswith("input/")},
        [arrays[f"output/{i}"] for i in range(count)],
        {name[10:]: array for name, array in arrays.items() if name.startswith("internals/")},
    )


def convert(source: Source, feeds: Mapping[str, np.ndarray], *, static: bool = False) -> ir.Model:
    """The IR for inputs of these shapes."""
    shapes = {name: array.shape for name, array in feeds.items()}
    return importer.to_ir(reader.read(replace(source, input_shapes=shapes)), static=static)


def run(model: ir.Model, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Every value of a model, by name."""
    types = {str(value.name): value.dtype for value in model.graph.inputs}
    return engine.run(
        model,
        {
            n: a.astype((types[n] or ir.DataType.FLOAT).numpy())
            for n, a in feeds.items()
            if n in types
        },
    )


def differences(wanted: Mapping[str, np.ndarray], found: Arrays) -> Iterator[str]:
    """What differs by more than 1e-5 + 1e-4 of the value, or in shape."""
    for name, array in wanted.items():
        if name not in found:
            yield f"{name}: missing"
        elif found[name].shape != array.shape:
            yield f"{name}: {found[name].shape} instead of {array.shape}"
        elif not np.allclose(
            found[name].astype(np.float64), array.astype(np.float64), *_bound(array), equal_nan=True
        ):
            with np.errstate(all="ignore"):
                yield f"{name}: off by {np.nanmax(np.abs(found[name].astype(np.float64) - array))}"


def _bound(array: np.ndarray) -> tuple[float, float]:
    """Relative and absolute."""
    return (1e-4, 1e-5) if array.dtype != np.float16 else (2e-3, 1e-3)


def of_parameters(model: Model) -> set[str]:
    """Values that depend on parameters alone: they are parameters of the IR."""
    constant = {node for node in model.symbol.variables if node.name in model.params}
    for node in model.symbol.operators:
        if node.inputs and all(entry.node in constant for entry in node.inputs):
            constant.add(node)
    return {node.output_name(0) for node in constant}
