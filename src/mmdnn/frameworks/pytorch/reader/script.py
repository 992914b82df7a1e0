"""TorchScript archives: objects as a pickle, their classes as code that is parsed and never executed.

https://docs.pytorch.org/docs/stable/jit.html; torch/csrc/jit/serialization/import_source.cpp reads the code.
"""

from __future__ import annotations

import ast
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.pytorch._programs import Instance, Sample, Script, Stored
from mmdnn.frameworks.pytorch.reader import saved, storages
from mmdnn.frameworks.pytorch.reader.pickles import Thing
from mmdnn.registry import Source
from mmdnn.tensors.archive import Archive

MOST_NESTED = 200
"""Brackets and blocks within each other; Python's own parser stops there."""


def read(archive: Archive, files: Source) -> Script:
    """The module of an archive.

    Raises:
        FormatError: It is damaged.
    """
    name = next((n for n in archive.members if n.rpartition("/")[2] == "data.pkl"), None)
    if name is None:
        raise FormatError("there is no data.pkl in the archive", file=archive.path)
    root = name.removesuffix("data.pkl")
    order = f"{root}byteorder"
    storages.check_order(archive.text(order) if order in archive.members else b"", archive.path)
    functions, classes = _code(archive, f"{root}code/")
    module = _instances(_pickle(archive, root, "data"))
    if not isinstance(module, Instance):
        raise FormatError("it holds no module", file=archive.path)
    _name(module, "")
    constants = _pickle(archive, root, "constants") or ()
    samples = _pickle(archive, root, "traced_inputs", _SHAPES) or {}
    inputs = samples.get("forward", ()) if isinstance(samples, dict) else ()
    return Script(
        module, [*_instances(constants)], functions, classes, files, [*_instances(inputs)]
    )


def _sample(storage: storages.Storage, _offset: int, shape: Any, *_rest: Any) -> Sample:
    return Sample(storage.dtype or ir.DataType.FLOAT, tuple(shape))


_SHAPES = {"torch._utils._rebuild_tensor_v2": _sample}
"""Of the tensors that a module was traced with, the file need not have the numbers."""


def _pickle(archive: Archive, root: str, name: str, calls: Any = None) -> Any:
    if f"{root}{name}.pkl" not in archive.members:
        return None
    return saved.unpickled(
        archive.text(f"{root}{name}.pkl"),
        archive.path,
        lambda key: archive.place(f"{root}{name}/{key}"),
        lambda type_: type_.startswith("__torch__."),
        calls,
    )


def _instances(value: Any, done: dict[int, Any] | None = None) -> Any:
    """Objects of named classes as instances, the same one wherever it stands."""
    done = {} if done is None else done
    if isinstance(value, Thing):
        if id(value) not in done:
            done[id(value)] = made = Instance(value.type)
            state = _instances(value.state, done)
            made.attributes = state if isinstance(state, dict) else {"": state}
        return done[id(value)]
    if isinstance(value, dict):
        return {key: _instances(each, done) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_instances(each, done) for each in value)
    return value


def _name(module: Instance, path: str, depth: int = 0) -> None:
    """Give modules and tensors the names that they have in the root, the first where there are several."""
    for key, value in module.attributes.items():
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(value, Instance) and not value.path and depth < MOST_NESTED:
            value.path = inner
            _name(value, inner, depth + 1)
        elif isinstance(value, Stored) and not value.tensor.name:
            value.tensor.name = inner


def _code(
    archive: Archive, folder: str
) -> tuple[dict[str, ast.FunctionDef], dict[str, ast.ClassDef]]:
    functions: dict[str, ast.FunctionDef] = {}
    classes: dict[str, ast.ClassDef] = {}
    for name in archive.members:
        if not (name.startswith(folder) and name.endswith(".py")):
            continue
        module = name[len(folder) : -3].replace("/", ".")
        for node in _parsed(archive, name).body:
            if isinstance(node, ast.FunctionDef):
                functions[f"{module}.{node.name}"] = node
            elif isinstance(node, ast.ClassDef):
                classes[f"{module}.{node.name}"] = node
                for part in node.body:
                    if isinstance(part, ast.FunctionDef):
                        functions[f"{module}.{node.name}.{part.name}"] = part
    return functions, classes


def _parsed(archive: Archive, name: str) -> ast.Module:
    text = archive.text(name).decode("utf-8", "replace")
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"{name} is no code of TorchScript: {error}", file=archive.path) from None
