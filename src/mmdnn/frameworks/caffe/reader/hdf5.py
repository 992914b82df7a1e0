"""Finds weights in HDF5 files: one data set `data/<layer>/<index>` a blob.

Net::CopyTrainedLayersFromHDF5 (src/caffe/net.cpp). Shared blobs are stored once, with their owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, FormatError, MissingExtraError
from mmdnn.tensors import references

if TYPE_CHECKING:
    from mmdnn.frameworks.caffe.reader.weights import Store


def load(store: Store, path: Path) -> None:
    """Give the layers of a network the weights that an HDF5 file has under their names.

    Raises:
        FormatError: It is damaged, or a layer's blobs are more or fewer than it has.
        MissingExtraError: h5py is not installed.
    """
    last = {draft.message.name: index for index, draft in enumerate(store.drafts)}
    with _opened(path) as file:
        data = file.get("data")
        if not hasattr(data, "keys"):
            raise FormatError("it has no group 'data': these are not Caffe's weights", file=path)
        for name in sorted(data.keys()):
            member = _member(data, name, path)
            if name in last:
                _load_layer(store, last[name], member, path)
            elif hasattr(member, "keys") and len(member.keys()):
                store.unused.append(name)
    store.explain(path)


def _load_layer(store: Store, index: int, group: Any, path: Path) -> None:
    layer = store.drafts[index].message
    if not hasattr(group, "keys"):
        raise FormatError("no group of blobs", file=path, layer=layer.name)
    keys = set(group.keys())
    if store.counts[index] is None:
        store.grow(index, len(keys))
    own, owned = store.own[index], store.owned[index]
    if len(keys) > len(own):
        problem = f"{len(keys)} weight blobs are stored for it; it has {len(own)}"
        raise FormatError(problem, file=path, layer=layer.name, operator=layer.type)
    for number, cell in enumerate(own):
        if str(number) in keys:
            store.cells[cell] = _tensor(
                _member(group, str(number), path), path, f"{layer.name}.{number}"
            )
        elif owned[number]:
            problem = f"weight blob {number} is not stored for it"
            raise FormatError(problem, file=path, layer=layer.name, operator=layer.type)


def _member(group: Any, name: str, path: Path) -> Any:
    """A member that lies in this very file: links to others are not followed."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise FormatError(f"'{name}' is a link and not followed", file=path)
    return group[name]


def _tensor(dataset: Any, path: Path, name: str) -> ir.TensorProtocol:
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
        raise FormatError(f"'{name}' is no array of floats", file=path)
    if dataset.external or dataset.is_virtual:
        raise FormatError(f"'{name}' lies in another file", file=path)
    kind, shape = dataset.dtype, tuple(dataset.shape or ())
    offset = dataset.id.get_offset()
    if offset is not None and kind == np.dtype("<f4"):
        length = int(dataset.id.get_storage_size())
        return references.external(path, offset, length, ir.DataType.FLOAT, shape, name)
    where = dataset.name
    size = path.stat().st_size
    if np.prod([float(dim) for dim in shape]) * kind.itemsize > 1024 * size:
        raise FormatError(f"'{name}' claims {list(shape)} numbers in {size} bytes", file=path)

    def compute() -> ir.TensorProtocol:
        with _opened(path) as file:
            return ir.tensor(np.asarray(file[where][()], np.float32), name=name)

    return ir.LazyTensor(compute, ir.DataType.FLOAT, ir.Shape(shape), name=name)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file, every failure of the HDF5 library being a FormatError."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "caffe") from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except Error:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"damaged HDF5: {error}", file=path) from error
