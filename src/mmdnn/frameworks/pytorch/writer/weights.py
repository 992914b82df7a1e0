"""Weights: `.safetensors` (https://huggingface.co/docs/safetensors), or a `.pth` that holds a state dict.

Both carry the map from the source's expressions to layers (`codegen.layers`). A program with its weights is
also a live module.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, MissingExtraError
from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.graph import Program
from mmdnn.tensors import stream

Progress = Callable[[int], object]

LAYERS = "mmdnn.layers"
"""Where weights files carry the map from source to layers (`codegen.layers`)."""

HEADER_LIMIT = 100_000_000
"""What safetensors allows for a header, in bytes."""

SAFETENSORS_TYPES = {
    "FLOAT": "F32", "DOUBLE": "F64", "FLOAT16": "F16", "BFLOAT16": "BF16", "INT64": "I64",
    "INT32": "I32", "INT16": "I16", "INT8": "I8", "UINT8": "U8", "UINT16": "U16", "UINT32": "U32",
    "UINT64": "U64", "BOOL": "BOOL", "FLOAT8E4M3FN": "F8_E4M3", "FLOAT8E5M2": "F8_E5M2",
    "COMPLEX64": "C64",
}  # fmt: skip


def write_state(program: Program, target: Path, *, progress: Progress | None = None) -> None:
    """Write the weights alone; see `write`."""
    codegen.source(program)
    if target.suffix == ".safetensors":
        _write_safetensors(program, target, progress)
    else:
        _write_state_dict(program, target)


def _write_safetensors(program: Program, target: Path, progress: Progress | None) -> None:
    """A header of names, dtypes and offsets, then the tensors; shared ones are written once a name."""
    header: dict[str, Any] = {}
    offset = 0
    state = dict(program.state())
    for name, tensor in state.items():
        header[name] = {
            "dtype": SAFETENSORS_TYPES[tensor.dtype.name],
            "shape": list(tensor.shape.numpy()),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    header["__metadata__"] = {"format": "pt", LAYERS: json.dumps(codegen.layers(program))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in state.values():
            stream.write(tensor, file, progress)


def _write_state_dict(program: Program, target: Path) -> None:
    torch = import_torch()
    torch.save({name: as_torch(tensor) for name, tensor in program.state()}, target)
    with zipfile.ZipFile(target, "a") as archive:
        folder = archive.namelist()[0].partition("/")[0]
        member = zipfile.ZipInfo(
            f"{folder}/{LAYERS}.json"
        )  # without the time: the same bytes again
        archive.writestr(member, json.dumps(codegen.layers(program)))


def read_layers(weights: Path) -> dict[str, Any]:
    """The map of layers that a weights file carries; empty where it has none.

    Raises:
        FormatError: The file is damaged.
    """
    try:
        if weights.suffix == ".safetensors":
            with weights.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                if size > min(weights.stat().st_size, HEADER_LIMIT):
                    raise ValueError("its header is longer than it may be")
                header = json.loads(file.read(size))
            found = header.get("__metadata__", {}).get(LAYERS, "{}")
        else:
            with zipfile.ZipFile(weights) as archive:
                names = [name for name in archive.namelist() if name.endswith(f"/{LAYERS}.json")]
                found = archive.read(names[0]) if names else "{}"
        return dict(json.loads(found))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"cannot be read as weights: {error}", file=weights) from None


def import_torch() -> Any:
    """Torch, or an error that names the extra.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "pytorch") from None
    return torch


def as_torch(tensor: ir.TensorProtocol) -> Any:
    """A tensor of the state dict as torch's own, of the same dtype and shape."""
    torch = import_torch()
    shape = tuple(tensor.shape.numpy())
    name = codegen.TORCH_TYPES[tensor.dtype.name]
    data = bytearray(tensor.tobytes())
    if not data:
        return torch.zeros(shape, dtype=getattr(torch, name))
    return torch.frombuffer(data, dtype=getattr(torch, name)).reshape(shape)


def instantiate(program: Program, text: str | None = None, **names: Any) -> Any:
    """The program as a live module in evaluation mode, with its weights.

    Args:
        program: What the exporter made.
        text: Its source, if it is at hand.
        names: Further names that the source may use.
    """
    torch = import_torch()
    text = text or codegen.source(program)
    namespace: dict[str, Any] = {"__name__": "mmdnn_generated", **names}
    exec(compile(text, f"<generated {program.main.name}>", "exec"), namespace)  # noqa: S102 - our own text
    module = namespace[program.main.name]()
    module.load_state_dict({name: as_torch(tensor) for name, tensor in program.state()})
    del torch
    return module.eval()
