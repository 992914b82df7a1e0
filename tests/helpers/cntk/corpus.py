"""The IR of CNTK models on onnxruntime, and what CNTK itself computed.

A golden keeps a value with a sequence axis as one array a sequence, `<key>/seq<i>`; here it is one
padded array, [batch, time, ...], with its lengths beside it as `<key>.lengths`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk import arrange, importer, reader
from mmdnn.frameworks.onnx import engine
from mmdnn.ir import sequences
from mmdnn.registry import Source

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Golden:
    """What CNTK was fed, and what it computed; sequences padded, `lengths` by name."""

    inputs: Arrays
    outputs: Arrays
    nodes: Arrays
    lengths: dict[str, np.ndarray] = field(default_factory=dict)


REFUSED = {
    "conv_op_short_attrs": "CNTK itself does not run it: its channels are padded",
    "random_uniform_times0": "random numbers: no two runs are alike",
}


def folders(shared: Path) -> list[Path]:
    return sorted(path.parent for path in (shared / "corpus" / "cntk").glob("*/case.json"))


def source(folder: Path) -> Source:
    (path,) = (one for one in folder.iterdir() if one.name not in {"golden.npz", "case.json"})
    found = arrange([path])
    assert found is not None, path
    return found


def case(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "case.json").read_text())
    return found


def golden(folder: Path) -> Golden:
    """What CNTK computed; empty for models that it can save and not run."""
    groups: dict[str, Arrays] = {"input": {}, "output": {}, "node": {}}
    parts: dict[tuple[str, str], dict[int, np.ndarray]] = {}
    lengths: dict[str, np.ndarray] = {}
    if not (folder / "golden.npz").exists():
        return Golden({}, {}, {})
    with np.load(folder / "golden.npz") as data:
        for key in data.files:
            group, name = key.split("/", 1)
            name, separator, number = name.rpartition("/seq")
            if separator and number.isdecimal():
                parts.setdefault((group, name), {})[int(number)] = data[key]
            else:
                groups[group][key.split("/", 1)[1]] = data[key]
    for (group, name), found in parts.items():
        rows = [found[i] for i in range(len(found))]
        lengths[name] = np.array([len(row) for row in rows], np.int64)
        groups[group][name] = padded(rows)
    return Golden(groups["input"], groups["output"], groups["node"], lengths)


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Sequences as one array; the padding is something that must not matter."""
    time = max(len(row) for row in rows)
    array = np.full((len(rows), time, *rows[0].shape[1:]), 7, rows[0].dtype)
    for row, to in zip(rows, array, strict=True):
        to[: len(row)] = row
    return array


def convert(folder: Path) -> ir.Model:
    """The IR; where the model has criteria that are left out, once more with them asked for."""
    found = source(folder)
    model = importer.to_ir(reader.read(found))
    wanted = tuple(one["key"] for one in case(folder)["outputs"])
    have = {value.name for value in model.graph.outputs}
    if set(wanted) <= have:
        return model
    if case(folder).get("format") == "v1" and len(wanted) == 1:  # such files lose blocks' names
        model.graph.outputs[0].name = wanted[0]
        return model
    return importer.to_ir(reader.read(replace(found, outputs=wanted)))


def feeds(model: ir.Model, known: Golden) -> Arrays:
    """What the IR's inputs are fed, lengths included."""
    order = [str(value.name) for value in model.graph.inputs]
    found: Arrays = {}
    for value in model.graph.inputs:
        name = str(value.name)
        if name in known.inputs:
            dtype = (value.dtype or ir.DataType.FLOAT).numpy()
            found[name] = known.inputs[name].astype(dtype)
        of = sequences.lengths_of(value)
        if of is not None and any(one.name == of for one in model.graph.inputs):
            found[of] = known.lengths[name]
    return {name: found[name] for name in order if name in found}


def run(model: ir.Model, known: Golden) -> Arrays:
    return engine.run(model, feeds(model, known))


def differences(known: Golden, found: Arrays, *, nodes: bool = True) -> Iterator[str]:
    """What differs by more than 1e-5 + 1e-4 of the value, or in shape."""
    for name, array in {**(known.nodes if nodes else {}), **known.outputs}.items():
        if name not in found:
            if name in known.outputs:
                yield f"{name}: missing"
            continue
        yield from _compare(name, array, found[name], known.lengths.get(name))


def _compare(
    name: str, wanted: np.ndarray, found: np.ndarray, lengths: np.ndarray | None
) -> Iterator[str]:
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    if lengths is not None and found.ndim == wanted.ndim:
        found = found[:, : wanted.shape[1]]
        keep = np.arange(wanted.shape[1]) < lengths[:, None]
        if found.shape == wanted.shape:
            wanted, found = wanted[keep], found[keep]
    if found.shape != wanted.shape:
        yield f"{name}: {found.shape} instead of {wanted.shape}"
    elif not np.allclose(found, wanted, 1e-4, 1e-5, equal_nan=True):
        with np.errstate(all="ignore"):
            yield f"{name}: off by {np.nanmax(np.abs(found - wanted))}"


def report(folder: Path, model: ir.Model | None = None) -> list[str]:
    """What is wrong with the IR of a case."""
    known = golden(folder)
    model = model or convert(folder)
    if not known.outputs:
        return []
    return list(differences(known, run(model, known)))


__all__ = [
    "Golden",
    "Mapping",
    "case",
    "convert",
    "differences",
    "feeds",
    "folders",
    "golden",
    "report",
    "run",
    "source",
]
