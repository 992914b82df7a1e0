"""What PyTorch's files hold: exported programs, TorchScript modules, and tensors alone.

Tensors are `Stored`: a place among a storage's numbers, by reference.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir

from mmdnn.registry import Source

CODES = {
    1: "UINT8", 2: "INT8", 3: "INT16", 4: "INT32", 5: "INT64", 6: "FLOAT16", 7: "FLOAT",
    8: "DOUBLE", 10: "COMPLEX64", 11: "COMPLEX128", 12: "BOOL", 13: "BFLOAT16", 28: "UINT16",
    29: "FLOAT8E4M3FN", 30: "FLOAT8E5M2", 31: "FLOAT8E4M3FNUZ", 32: "FLOAT8E5M2FNUZ", 34: "UINT32",
    35: "UINT64",
}  # fmt: skip
"""Element types by the numbers of exported programs (torch/_export/serde/schema.py)."""

SCALAR_TYPES = {
    0: "UINT8", 1: "INT8", 2: "INT16", 3: "INT32", 4: "INT64", 5: "FLOAT16", 6: "FLOAT",
    7: "DOUBLE", 9: "COMPLEX64", 10: "COMPLEX128", 11: "BOOL", 12: "INT8", 13: "UINT8", 14: "INT32",
    15: "BFLOAT16",
}  # fmt: skip
"""Element types by c10's numbers, as TorchScript has them (c10/core/ScalarType.h)."""


@dataclass(eq=False)
class Stored:
    """A tensor of a file.

    Attributes:
        tensor: Its numbers, by reference.
        storage: What tells its storage from others, and where in it the tensor begins.
        quantization: Scale, zero point and axis, where it is quantized.
    """

    tensor: ir.TensorProtocol
    storage: tuple[Any, ...] = ()
    quantization: tuple[Any, ...] | None = None


@dataclass(eq=False)
class Exported:
    """A program of `torch.export`.

    Attributes:
        graph: `graph_module.graph` of its JSON, and so on.
        signature: What is a parameter, a buffer, a user's input or output.
        tensors: Parameters, buffers and constants, by name.
        files: The files.
        name: The program's name.
    """

    graph: dict[str, Any]
    signature: dict[str, Any]
    tensors: dict[str, Stored]
    files: Source
    name: str = "model"


@dataclass(frozen=True)
class Sample:
    """A tensor that a module was traced with: its type and shape."""

    dtype: ir.DataType
    shape: tuple[int, ...]


@dataclass(eq=False)
class Instance:
    """An object of TorchScript: a module, or what a module holds.

    Attributes:
        type: Its class's qualified name.
        attributes: Its attributes.
        path: Its name in the root, "layer1.0.conv1".
    """

    type: str
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""


@dataclass(eq=False)
class Script:
    """A TorchScript archive.

    Attributes:
        root: The module.
        constants: `CONSTANTS.c0`, `c1`, ...
        functions: By qualified name: functions, and methods as `class.method`.
        classes: Attributes of each class and their types.
        files: The files.
        samples: Inputs that it was traced with, where the file has them.
    """

    root: Instance
    constants: list[Any]
    functions: Mapping[str, ast.FunctionDef]
    classes: Mapping[str, ast.ClassDef]
    files: Source
    samples: list[Any] = field(default_factory=list)
