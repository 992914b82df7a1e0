"""Exported programs, `.pt2`: JSON and raw numbers in a zip archive.

https://docs.pytorch.org/docs/stable/export.html; the fields are those of torch/_export/serde/schema.py.
Torch 2.1 to 2.7 wrote a flat archive whose tensors are an archive within it.
"""

from __future__ import annotations

import json
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import CODES, Exported, Stored
from mmdnn.frameworks.pytorch.reader import saved, storages
from mmdnn.registry import Source
from mmdnn.tensors.archive import Archive

OLD = "serialized_exported_program.json"


def read(archive: Archive, files: Source) -> Exported:
    """The program of an archive; that called "model" where there are several.

    Raises:
        FormatError: It is damaged.
        UnsupportedError: It holds tensors that are pickled.
    """
    root = _root(archive)
    if root is None:
        return _old(archive, files)
    storages.check_order(_text(archive, f"{root}byteorder"), archive.path)
    start = f"{root}models/"
    names = [
        n[len(start) : -5] for n in archive.members if n.startswith(start) and n.endswith(".json")
    ]
    if not names:
        raise FormatError("there is no program in the archive", file=archive.path)
    name = "model" if "model" in names else sorted(names)[0]
    document = _document(archive, f"{start}{name}.json")
    tensors = {
        key: value
        for kind in ("weights", "constants")
        for key, value in _tensors(
            archive, f"{root}data/{kind}/", f"{name}_{kind}_config.json"
        ).items()
    }
    return _program(document, tensors, files, name)


def _root(archive: Archive) -> str | None:
    for name in archive.members:
        if name.rpartition("/")[2] == "archive_format":
            return name.removesuffix("archive_format")
    for name in archive.members:
        if "/models/" in name and name.endswith(".json"):
            return name.partition("models/")[0]
    return None


def _text(archive: Archive, name: str) -> bytes:
    return archive.text(name) if name in archive.members else b""


def _document(archive: Archive, name: str) -> dict[str, Any]:
    try:
        found = json.loads(archive.text(name))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name} is no JSON: {error}", file=archive.path) from None
    if not isinstance(found, dict):
        raise FormatError(f"{name} is no object", file=archive.path)
    return found


def _program(
    document: dict[str, Any], tensors: dict[str, Stored], files: Source, name: str
) -> Exported:
    module = document.get("graph_module")
    if not isinstance(module, dict) or not {"graph", "signature"} <= module.keys():
        raise FormatError("its program has no graph", file=files.network)
    return Exported(module["graph"], module["signature"], tensors, files, name)


def _tensors(archive: Archive, folder: str, config: str) -> dict[str, Stored]:
    if folder + config not in archive.members:
        return {}
    found = {}
    for name, said in _document(archive, folder + config).get("config", {}).items():
        if said.get("use_pickle") or not said.get("tensor_meta"):
            raise UnsupportedError(f"its tensor '{name}' is pickled", file=archive.path)
        meta = said["tensor_meta"]
        sizes = [size.get("as_int", -1) for size in meta["sizes"]]
        strides = [stride.get("as_int", -1) for stride in meta["strides"]]
        offset = meta["storage_offset"].get("as_int", -1)
        place = archive.place(folder + said["path_name"])
        found[name] = storages.tensor(place, dtype(meta["dtype"]), offset, sizes, strides, name)
    return found


def dtype(code: Any) -> ir.DataType:
    """An element type by its number.

    Raises:
        UnsupportedError: There is none in ONNX.
    """
    if code not in CODES:
        raise UnsupportedError(f"it has numbers of type {code}")
    return ir.DataType[CODES[code]]


def _old(archive: Archive, files: Source) -> Exported:
    """The flat layout: the state dict is an archive of `torch.save` within the archive."""
    name = next((n for n in archive.members if n.rpartition("/")[2] == OLD), None)
    if name is None:
        raise FormatError("there is no program in the archive", file=archive.path)
    root = name.removesuffix(OLD)
    tensors: dict[str, Stored] = {}
    for kind in ("state_dict", "constants"):
        for suffix in (".pt", ".json"):
            if f"{root}serialized_{kind}{suffix}" in archive.members:
                tensors.update(saved.tensors(archive.place(f"{root}serialized_{kind}{suffix}")))
                break
    return _program(_document(archive, name), tensors, files, "model")
