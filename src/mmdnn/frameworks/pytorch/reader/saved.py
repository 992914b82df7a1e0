"""What `torch.save` writes: a pickle whose tensors are places in the storages beside it.

https://docs.pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Stored
from mmdnn.frameworks.pytorch.reader import storages
from mmdnn.frameworks.pytorch.reader.pickles import Global, Reader
from mmdnn.frameworks.pytorch.reader.storages import Storage
from mmdnn.tensors.archive import Archive, Place, opened_within

STORAGES = {
    "Byte": "UINT8", "Char": "INT8", "Short": "INT16", "Int": "INT32", "Long": "INT64",
    "Half": "FLOAT16", "Float": "FLOAT", "Double": "DOUBLE", "Bool": "BOOL",
    "BFloat16": "BFLOAT16", "ComplexFloat": "COMPLEX64", "ComplexDouble": "COMPLEX128",
    "QInt8": "INT8", "QUInt8": "UINT8", "QInt32": "INT32",
}  # fmt: skip
DTYPES = {
    "uint8": "UINT8", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FLOAT16", "float32": "FLOAT", "float64": "DOUBLE", "bool": "BOOL",
    "bfloat16": "BFLOAT16", "complex64": "COMPLEX64", "complex128": "COMPLEX128",
    "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "float8_e4m3fn": "FLOAT8E4M3FN",
    "float8_e5m2": "FLOAT8E5M2", "float8_e4m3fnuz": "FLOAT8E4M3FNUZ",
    "float8_e5m2fnuz": "FLOAT8E5M2FNUZ",
}  # fmt: skip


def storage(id_: Any, place: Callable[[str], Place], file: Path) -> Storage:
    """The storage that a persistent id stands for: ("storage", type, key, device, count)."""
    if not (isinstance(id_, tuple) and len(id_) >= 5 and id_[0] == "storage"):
        raise UnsupportedError("its pickle holds a module's source", file=file)
    kind = id_[1].name.removeprefix("torch.").removeprefix("storage.").removesuffix("Storage")
    dtype = None if kind in {"Untyped", "Typed"} else STORAGES.get(kind)
    if dtype is None and kind not in {"Untyped", "Typed"}:
        raise UnsupportedError(f"its pickle holds a {id_[1].name}", file=file)
    return Storage(place(str(id_[2])), ir.DataType[dtype] if dtype else None)


def _plain(storage_: Storage, offset: int, sizes: Any, strides: Any, *_rest: Any) -> Stored:
    if storage_.dtype is None:
        raise UnsupportedError("its pickle holds a tensor without a type")
    return storages.tensor(storage_.place, storage_.dtype, offset, sizes, strides)


def _typed(
    storage_: Storage, offset: int, sizes: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Global,
    *_rest: Any,
) -> Stored:  # fmt: skip
    kind = DTYPES.get(dtype.name.removeprefix("torch."))
    if kind is None:
        raise UnsupportedError(f"its pickle holds numbers of type {dtype.name}")
    return storages.tensor(storage_.place, ir.DataType[kind], offset, sizes, strides)


def _quantized(
    storage_: Storage, offset: int, sizes: Any, strides: Any, how: Any, *_rest: Any
) -> Stored:
    found = _plain(storage_, offset, sizes, strides)
    found.quantization = tuple(how[1:])
    return found


CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _plain,
    "torch._utils._rebuild_tensor_v2": _plain,
    "torch._utils._rebuild_tensor_v3": _typed,
    "torch._utils._rebuild_parameter": lambda data, *_rest: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_rest: data,
    "torch._utils._rebuild_qtensor": _quantized,
    "collections.OrderedDict": lambda *pairs: dict(*pairs),
    "torch.Size": tuple,
    "torch.device": lambda *_args: None,
    "torch.serialization._get_layout": lambda *_args: None,
    "torch.jit._pickle.restore_type_tag": lambda value, _type: value,
    "torch.jit._pickle.build_intlist": list,
    "torch.jit._pickle.build_tensorlist": list,
    "torch.jit._pickle.build_doublelist": list,
    "torch.jit._pickle.build_boollist": list,
}


def unpickled(
    data: bytes,
    file: Path,
    place: Callable[[str], Place],
    classes: Callable[[str], bool] = lambda _name: False,
    calls: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:
    """The object of a pickle whose storages are at `place`."""
    reader = Reader(
        data, file, {**CALLS, **(calls or {})}, lambda id_: storage(id_, place, file), classes
    )
    return reader.read()


def tensors(place: Place) -> dict[str, Stored]:
    """The tensors of a state dict that is an archive within a file.

    Raises:
        FormatError: It is none.
    """
    with opened_within(place) as inner:
        found = state(inner)
    return {str(k): v for k, v in found.items() if isinstance(v, Stored)} if found else {}


def state(archive: Archive) -> Any:
    """What `torch.save` put into an archive."""
    name = next((n for n in archive.members if n.rpartition("/")[2] == "data.pkl"), None)
    if name is None:
        raise FormatError("there is no data.pkl in the archive", file=archive.path)
    root = name.removesuffix("data.pkl")
    data = archive.text(name)
    return unpickled(data, archive.path, lambda key: archive.place(f"{root}data/{key}"))


def named(held: object) -> list[str]:
    """The names of the largest dictionary of tensors in what a file holds."""
    if not isinstance(held, dict):
        return []
    own = [str(key) for key, value in held.items() if isinstance(value, Stored)]
    return max([own, *map(named, held.values())], key=len)
