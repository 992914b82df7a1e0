"""From the bytes of an ONNX model to an `onnx_ir.Model` whose weights stay where they are.

The file is walked at the wire level; its big payloads are left in place and become references,
and the small rest goes through protobuf's parser and onnx_ir. External data is referred to where
it lies: https://onnx.ai/onnx/repo-docs/ExternalData.html.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import onnx_ir as ir

from mmdnn.errors import Error, FormatError, UnsupportedError
from mmdnn.ir.storage import protos
from mmdnn.ir.storage.writing import graphs
from mmdnn.tensors.references import external, from_pieces, size_of
from mmdnn.tensors.wire import Carved, Mapped, Path_, Piece, carve

if TYPE_CHECKING:
    import onnx

logging.getLogger("onnx_ir").addHandler(logging.NullHandler())
"""What it remarks on damaged files is for those who listen; the user gets an error."""

D = ir.DataType
_MALFORMED = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What onnx_ir and protobuf raise over messages that make no sense."""

_NARROW = {D.INT4, D.UINT4, D.FLOAT4E2M1, D.INT2, D.UINT2}
_TYPED = {
    "float_data": {D.FLOAT, D.COMPLEX64},
    "double_data": {D.DOUBLE, D.COMPLEX128},
    "int64_data": {D.INT64},
    "uint64_data": {D.UINT32, D.UINT64},
    "string_data": {D.STRING},
    "int32_data": set(D)
    - {D.FLOAT, D.COMPLEX64, D.DOUBLE, D.COMPLEX128, D.INT64, D.UINT32, D.UINT64, D.STRING},
}
"""The fields of TensorProto that hold data, and the types that may stand there."""
_COMPLEX = {D.COMPLEX64, D.COMPLEX128}
_FIELDS = {
    protos.FLOAT_DATA: "float_data",
    protos.RAW_DATA: "raw_data",
    protos.DOUBLE_DATA: "double_data",
}


Find: TypeAlias = "Callable[[onnx.TensorProto, str], ir.TensorProtocol | None]"
"""Where external data lies that its message, which names this file, may not know; or None."""


def load_proto(
    path: Path, find: Find = lambda tensor, location: None
) -> tuple[onnx.ModelProto, list[ir.TensorProtocol]]:
    """Read a ModelProto without its weights.

    Args:
        path: The file.
        find: Asked for external data first.

    Returns:
        The message, in which every tensor left outside is marked external with the location
        "#<i>"; and these tensors, by i.

    Raises:
        FormatError: The file is no ONNX model, or points at data that is not there.
        UsageError: The file cannot be opened.
        UnsupportedError: The model holds sparse tensors.
    """
    with Mapped(path) as view:
        carved = carve(view, protos.MODEL, path)
    with refusing(path, "no valid ONNX model"):
        proto = _parse(carved)
        return proto, _refer(proto, path, carved.pieces, find)


def load(path: Path) -> ir.Model:
    """Read an ONNX model; see `load_proto`. Opsets stay as they are in the file."""
    return deserialize(*load_proto(path), path)


def deserialize(
    proto: onnx.ModelProto, outside: Sequence[ir.TensorProtocol], path: Path
) -> ir.Model:
    """Make a model from what `load_proto` returned.

    Initializers that are inputs too (a duty before IR version 4, a default later) are taken for
    weights: they stop being inputs. Nodes are put in order.

    Raises:
        FormatError: The message is no valid model.
    """
    with refusing(path, "no valid ONNX model"):
        model = ir.serde.deserialize_model(proto)
        model.ir_version = max(model.ir_version, 4)
        for graph in graphs(model):
            for value in graph.initializers.values():
                value.const_value = _resolved(value.const_value, outside)
            _resolve_attributes(graph, outside)
            kept = [value for value in graph.inputs if value.name not in graph.initializers]
            if len(kept) != len(graph.inputs):
                graph.inputs[:] = kept
        _check_edges(model)
    return model


@contextmanager
def refusing(path: Path | None, problem: str) -> Iterator[None]:
    """Turn what parsers raise over bad messages into a FormatError that says the first cause."""
    from google.protobuf.message import DecodeError

    try:
        yield
    except Error:
        raise
    except (DecodeError, *_MALFORMED) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, Error):
            raise cause from None
        words = " ".join(str(cause).split())[:200]
        raise FormatError(f"{problem}: {words}", file=path) from error


def _parse(carved: Carved) -> onnx.ModelProto:
    import onnx

    proto = onnx.ModelProto.FromString(carved.rest)
    if not proto.HasField("graph"):
        raise ValueError("it has no graph")
    protos.check_text(proto)
    protos.give_types(proto)
    names = [name for name, _ in protos.sparse(proto)]
    if names:
        refused = [("sparse tensor", name) for name in names]
        raise UnsupportedError.listing(refused, action="read")
    return proto


def _refer(
    proto: onnx.ModelProto, path: Path, pieces: Mapping[Path_, Sequence[Piece]], find: Find
) -> list[ir.TensorProtocol]:
    """Check every tensor, and list those that lie outside the message, marking their places."""
    waiting: dict[Path_, dict[str, Sequence[Piece]]] = {}
    for where, found in pieces.items():
        number = where[-1]
        assert isinstance(number, int)
        waiting.setdefault(where[:-1], {})[_FIELDS[number]] = found
    outside: list[ir.TensorProtocol] = []
    for where, tensor in protos.tensors(proto):
        reference = _reference(tensor, path, waiting.pop(where, {}), find)
        if reference is not None:
            _mark(tensor, len(outside))
            outside.append(reference)
    if waiting:
        raise ValueError("a message that may stand once stands there twice")
    return outside


def _reference(
    tensor: onnx.TensorProto, path: Path, pieces: Mapping[str, Sequence[Piece]], find: Find
) -> ir.TensorProtocol | None:
    dtype = D(tensor.data_type)
    if dtype == D.UNDEFINED:
        raise ValueError(f"tensor '{tensor.name}' has no type")
    if tensor.HasField("segment"):
        raise ValueError(f"tensor '{tensor.name}' is stored in segments")
    inside = [name for name in (*_TYPED, "raw_data") if _present(tensor, name)]
    if tensor.data_location == tensor.EXTERNAL:
        if pieces:
            raise ValueError(f"tensor '{tensor.name}' has data inside and outside")
        return find(tensor, location_of(tensor)) or _external(tensor, dtype, path)
    forms = [*pieces, *inside]
    if len(forms) > 1:
        raise ValueError(f"tensor '{tensor.name}' has its data twice: {', '.join(forms)}")
    if not pieces:
        _check(tensor, dtype, forms[0] if forms else None, path)
        return None
    ((form, found),) = pieces.items()
    if dtype not in _TYPED.get(form, set(D) - {D.STRING}):
        raise ValueError(f"tensor '{tensor.name}' of type {dtype.name} in {form}")
    if form == "raw_data":
        found = found[-1:]
    return from_pieces(path, found, dtype, list(tensor.dims), tensor.name)


def _present(tensor: onnx.TensorProto, field: str) -> bool:
    return tensor.HasField("raw_data") if field == "raw_data" else bool(getattr(tensor, field))


def _check(tensor: onnx.TensorProto, dtype: ir.DataType, form: str | None, path: Path) -> None:
    """Check that data inside the message is what its type and shape promise."""
    if any(dim < 0 for dim in tensor.dims):
        raise ValueError(f"tensor '{tensor.name}' has the shape {list(tensor.dims)}")
    expected = math.prod(tensor.dims)
    if form == "raw_data":
        if dtype == D.STRING:
            raise ValueError(f"tensor '{tensor.name}' of strings in raw_data")
        count, expected = len(tensor.raw_data), size_of(dtype, tensor.dims)
    else:
        count = len(getattr(tensor, form)) if form else 0
        if form and dtype not in _TYPED[form]:
            raise ValueError(f"tensor '{tensor.name}' of type {dtype.name} in {form}")
        if dtype in _COMPLEX:
            expected *= 2
        elif dtype in _NARROW:
            expected = size_of(dtype, tensor.dims)
    if count != expected:
        raise FormatError(
            f"tensor '{tensor.name}' holds {count} where its shape {list(tensor.dims)} "
            f"takes {expected}",
            file=path,
        )


def location_of(tensor: onnx.TensorProto) -> str:
    """The file that external data names."""
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _external(tensor: onnx.TensorProto, dtype: ir.DataType, path: Path) -> ir.TensorProtocol:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if dtype == D.STRING:
        raise ValueError(f"tensor '{tensor.name}' of strings in external data")
    file = contained(path, location_of(tensor), tensor.name)
    shape = list(tensor.dims)
    offset = int(entries.get("offset") or 0)
    length = int(entries.get("length") or size_of(dtype, shape))
    if offset < 0 or offset + length > file.stat().st_size:
        raise FormatError(f"ends before tensor '{tensor.name}', kept there by {path}", file=file)
    return external(file, offset, length, dtype, shape, tensor.name)


def contained(path: Path, location: str, name: str) -> Path:
    """The file that external data names, which must lie in the model's folder or below.

    Raises:
        FormatError: It lies elsewhere, or is not there.
    """
    problem = None
    relative = Path(location)
    if not location or "\0" in location:
        problem = "names no file"
    elif relative.is_absolute() or ".." in relative.parts or "\\" in location:
        problem = f"lies outside the model's folder: {location}"
    else:
        file = path.parent / relative
        if not file.resolve().is_relative_to(path.parent.resolve()):
            problem = f"leads out of the model's folder: {location}"
        elif not file.is_file():
            problem = f"is missing: {location}"
        else:
            return file
    raise FormatError(f"the external data of tensor '{name}' {problem}", file=path)


def _mark(tensor: onnx.TensorProto, index: int) -> None:
    del tensor.external_data[:]
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key="location", value=f"#{index}")


def _resolved(tensor: Any, outside: Sequence[ir.TensorProtocol]) -> Any:
    if isinstance(tensor, ir.ExternalTensor):
        found = outside[int(str(tensor.location)[1:])]
        found.doc_string = tensor.doc_string
        return found
    return tensor


def _resolve_attributes(graph: ir.Graph, outside: Sequence[ir.TensorProtocol]) -> None:
    for node in graph:
        for attr in list(node.attributes.values()):
            if attr.is_ref():
                continue
            if attr.type == ir.AttributeType.TENSOR:
                tensor = _resolved(attr.value, outside)
                node.attributes[attr.name] = ir.AttrTensor(attr.name, tensor)
            elif attr.type == ir.AttributeType.TENSORS:
                tensors = [_resolved(tensor, outside) for tensor in attr.as_tensors()]
                node.attributes[attr.name] = ir.AttrTensors(attr.name, tensors)


def _check_edges(model: ir.Model) -> None:
    """Every value that is used must be made, and before its use."""
    for root in (model.graph, *(function.graph for function in model.functions.values())):
        root.sort()
        for graph in (root, *root.subgraphs()):
            for node in graph:
                for value in node.inputs:
                    if value is not None:
                        _check_made(value)
            for value in graph.outputs:
                _check_made(value)


def _check_made(value: ir.Value) -> None:
    if value.producer() is None and not value.is_graph_input() and not value.is_initializer():
        raise ValueError(f"'{value.name}' is used and nothing makes it")
