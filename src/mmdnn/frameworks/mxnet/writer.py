"""An MXNet model to files: `net-symbol.json` and `net-0000.params`, or Python source.

A list of arrays is a magic number, the arrays, and their names; each array is dense, of format V2
(src/ndarray/ndarray.cc, NDArray::Save, of MXNet 1.9.1). The arrays are streamed.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import onnx_ir as ir

from mmdnn.frameworks.mxnet import codegen
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol
from mmdnn.frameworks.mxnet.reader.ndarray import DENSE, FLAGS, LIST, V2
from mmdnn.tensors import stream

CPU = (1, 0)
"""The context that arrays are saved with: device type and number."""

_SYMBOL = "-symbol.json"


def write(
    model: Model,
    target: Path,
    *,
    weights: Path | None = None,
    progress: stream.Progress | None = None,
) -> list[Path]:
    """Write symbol (or source code) and parameters.

    Args:
        model: What the exporter made.
        target: `net`, `net-symbol.json`, `net-0000.params` or `net.params`, of which the others' names
            are made; or `net.py` for source code.
        weights: The file of the parameters, where it shall be called otherwise.
        progress: Told of the bytes of arrays written.

    Returns:
        The files written, the main one first.
    """
    main, params = places(target)
    params = weights or params
    if main.suffix == ".py":
        main.write_text(codegen.source(model, weights=params.name), encoding="utf-8")
    else:
        main.write_text(text(model.symbol), encoding="utf-8")
    write_params(model, params, progress)
    return [main, params]


def text(graph: Symbol) -> str:
    """The symbol file: lists of numbers on one line; MXNet knows no escaped characters beyond ASCII."""
    found = json.dumps(symbol(graph), indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+(-?\d[\d,\s-]*?)\s+\]", _on_one_line, found) + "\n"


def _on_one_line(numbers: re.Match[str]) -> str:
    return f"[{', '.join(part.strip() for part in numbers[1].split(','))}]"


def places(target: Path) -> tuple[Path, Path]:
    """The files of symbol (or source code) and parameters that a target's name stands for."""
    name = target.name
    if name.endswith(".py"):
        return target, target.with_name(f"{name.removesuffix('.py')}-0000.params")
    if name.endswith(".params"):
        prefix = re.sub(r"(-\d{4})?\.params$", "", name)
        return target.with_name(f"{prefix}{_SYMBOL}"), target
    prefix = name.removesuffix(".json").removesuffix("-symbol") if name.endswith(".json") else name
    main = target if name.endswith(".json") else target.with_name(f"{name}{_SYMBOL}")
    return main, target.with_name(f"{prefix}-0000.params")


def write_params(model: Model, target: Path, progress: stream.Progress | None = None) -> None:
    """Write the arrays alone, with the prefixes that checkpoints have."""
    arrays = {
        f"{'aux' if name in model.auxiliary else 'arg'}:{name}": tensor
        for name, tensor in model.params.items()
    }
    write_arrays(arrays, target, progress)


def write_arrays(
    arrays: Mapping[str, ir.TensorProtocol], target: Path, progress: stream.Progress | None = None
) -> None:
    """Write named arrays as `mx.nd.save` does.

    Args:
        arrays: By name, of any types that MXNet has.
        target: The file.
        progress: Told of the bytes written.
    """
    with target.open("wb") as file:
        file.write(struct.pack("<QQQ", LIST, 0, len(arrays)))
        for tensor in arrays.values():
            _write_array(file, tensor, progress)
        file.write(struct.pack("<Q", len(arrays)))
        for name in arrays:
            encoded = name.encode()
            file.write(struct.pack("<Q", len(encoded)) + encoded)


def _write_array(
    file: BinaryIO, tensor: ir.TensorProtocol, progress: stream.Progress | None
) -> None:
    shape = tensor.shape.numpy()
    file.write(struct.pack(f"<Ii I{len(shape)}q", V2, DENSE, len(shape), *shape))
    file.write(struct.pack("<iii", *CPU, FLAGS[tensor.dtype]))
    stream.write(tensor, file, progress)


def symbol(graph: Symbol) -> dict[str, Any]:
    """A symbol as MXNet's JSON (nnvm/src/pass/saveload_json.cc)."""
    places_ = {node: place for place, node in enumerate(graph.nodes)}
    rows = [0]
    for node in graph.nodes:
        rows.append(rows[-1] + (1 if node.is_variable else len(node.outputs)))
    return {
        "nodes": [_node(node, places_) for node in graph.nodes],
        "arg_nodes": [places_[node] for node in graph.nodes if node.is_variable],
        "node_row_ptr": rows,
        "heads": [_entry(head, places_) for head in graph.heads],
        "attrs": graph.attrs,
    }


def _node(node: Node, places_: dict[Node, int]) -> dict[str, Any]:
    found: dict[str, Any] = {"op": node.op, "name": node.name}
    if node.attrs:
        found["attrs"] = node.attrs
    found["inputs"] = [_entry(entry, places_) for entry in node.inputs]
    if node.subgraphs:
        found["subgraphs"] = [symbol(graph) for graph in node.subgraphs]
    return found


def _entry(entry: Entry, places_: dict[Node, int]) -> list[int]:
    return [places_[entry.node], entry.output, entry.version]
