"""From an `onnx_ir.Model` to the bytes of an ONNX model, its weights streamed into place.

The graph is serialized without its big tensors; the lengths of all messages around them are
computed, and then the file is written from begin to end, each tensor copied (or computed) when
its turn comes. Beyond protobuf's 2 GB the tensors go into a file beside it:
https://onnx.ai/onnx/repo-docs/ExternalData.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import onnx_ir as ir

from mmdnn.errors import UsageError
from mmdnn.ir import OPSET
from mmdnn.ir.storage import protos
from mmdnn.tensors import stream
from mmdnn.tensors.references import read
from mmdnn.tensors.weaving import weave, woven_size
from mmdnn.tensors.wire import Path_

if TYPE_CHECKING:
    import onnx

LIMIT = (1 << 31) - 1
"""The biggest protobuf message, in bytes."""

ALIGNMENT = 4096
"""Of each tensor in an external file, in bytes: engines map whole pages."""

Choice = Callable[[ir.Value | None, ir.TensorProtocol], bool]
"""Whether a tensor shall stay out of the message; of an initializer the value is told too."""


class Outside(NamedTuple):
    """A tensor that stays out of the message: its path, its TensorProto there, and itself."""

    path: Path_
    message: onnx.TensorProto
    tensor: ir.TensorProtocol


def big(value: ir.Value | None, tensor: ir.TensorProtocol) -> bool:
    """The ordinary choice: everything but what is small."""
    return tensor.nbytes >= protos.SMALL


def store(
    model: ir.Model,
    target: Path,
    *,
    external: bool | None = None,
    progress: stream.Progress | None = None,
) -> list[Path]:
    """Write an ONNX file.

    Args:
        model: The model; it is left as it is.
        target: The file to write. External data goes to `<target>.data`.
        external: Whether the weights go to a file of their own; None: if one cannot hold them.
        progress: Told of the bytes of weights written.

    Returns:
        The files written.

    Raises:
        UsageError: One file is asked for, and cannot hold the model.
    """
    proto, outside = detach(model)
    if not external:
        sizes = {(*place.path, protos.RAW_DATA): place.tensor.nbytes for place in outside}
        recipe = weave(proto.SerializeToString(), sizes)
        if woven_size(recipe, sizes) <= LIMIT:
            _write_woven(target, recipe, outside, progress)
            return [target]
        if external is False:
            raise UsageError("one ONNX file holds at most 2 GB", file=target)
    data = target.with_name(target.name + ".data")
    with data.open("wb") as file:
        for place in outside:
            offset = pad(file, ALIGNMENT)
            locate(place, data.name, offset, stream.write(place.tensor, file, progress))
    target.write_bytes(proto.SerializeToString())
    return [target, data]


def detach(model: ir.Model, choose: Choice = big) -> tuple[onnx.ModelProto, list[Outside]]:
    """Serialize a model without the tensors of a choice.

    Tensors of strings, which have no bytes of their own, always stay inside.
    """
    taken: list[ir.TensorProtocol] = []

    def stand_in(value: ir.Value | None, tensor: ir.TensorProtocol) -> ir.TensorProtocol | None:
        if isinstance(tensor, ir.StringTensor):
            return None
        if choose(value, tensor):
            taken.append(tensor)
            return _placeholder(tensor, len(taken) - 1)
        if isinstance(tensor, ir.ExternalTensor):
            return ir.Tensor(read(tensor), dtype=tensor.dtype, name=tensor.name)
        return None

    with ExitStack() as undo:
        for graph in graphs(model):
            _replace_initializers(graph, stand_in, undo)
            _replace_attributes(graph, stand_in, undo)
        proto = ir.serde.serialize_model(model)
    _say_opset_that_runs(model, proto)
    outside = []
    for path, message in protos.tensors(proto):
        if message.data_location == message.EXTERNAL:
            tensor = taken[int(message.external_data[0].value[1:])]
            message.ClearField("data_location")
            message.ClearField("external_data")
            outside.append(Outside(path, message, tensor))
    return proto, outside


BEHIND = {
    *("GlobalLpPool", "MaxRoiPool", "Multinomial", "RandomNormal", "RandomNormalLike"),
    *("RandomUniform", "RandomUniformLike", "RoiAlign"),
}
"""Operators that onnxruntime runs by their definitions before opset 22, which only added bfloat16
(https://github.com/onnx/onnx/blob/main/docs/Changelog.md; onnxruntime 1.31)."""


def _say_opset_that_runs(model: ir.Model, proto: onnx.ModelProto) -> None:
    """Have a model with one of these say opset 21, where all of it means the same."""
    if model.opset_imports.get("") != OPSET:
        return
    nodes = [node for graph in graphs(model) for node in graph]
    if not any(node.op_type in BEHIND and not node.domain for node in nodes):
        return
    if any(value is not None and value.dtype == ir.DataType.BFLOAT16
           for node in nodes for value in (*node.inputs, *node.outputs)):  # fmt: skip
        return
    for imports in (proto.opset_import, *(function.opset_import for function in proto.functions)):
        for each in imports:
            if not each.domain and each.version == OPSET:
                each.version = OPSET - 1


def graphs(model: ir.Model) -> Iterator[ir.Graph]:
    """The main graph, the functions' graphs, and every graph inside their nodes."""
    for root in (model.graph, *(function.graph for function in model.functions.values())):
        yield root
        yield from root.subgraphs()


def locate(place: Outside, location: str, offset: int, length: int) -> None:
    """Enter where an external tensor lies."""
    place.message.data_location = place.message.EXTERNAL
    entries = {"location": location, "offset": str(offset), "length": str(length)}
    for key, value in entries.items():
        place.message.external_data.add(key=key, value=value)


def pad(file: BinaryIO, alignment: int) -> int:
    """Write zeros up to the next multiple; returns the position."""
    file.write(bytes(-file.tell() % alignment))
    return file.tell()


_StandIn = Callable[[ir.Value | None, ir.TensorProtocol], ir.TensorProtocol | None]


def _replace_initializers(graph: ir.Graph, stand_in: _StandIn, undo: ExitStack) -> None:
    for value in graph.initializers.values():
        tensor = value.const_value
        replacement = stand_in(value, tensor) if tensor is not None else None
        if replacement is not None:
            undo.callback(setattr, value, "const_value", tensor)
            value.const_value = replacement


def _replace_attributes(graph: ir.Graph, stand_in: _StandIn, undo: ExitStack) -> None:
    for node in graph:
        for name, attr in list(node.attributes.items()):
            if attr.is_ref() or attr.type not in (
                ir.AttributeType.TENSOR,
                ir.AttributeType.TENSORS,
            ):
                continue
            undo.callback(node.attributes.__setitem__, name, attr)
            if attr.type == ir.AttributeType.TENSOR:
                tensor = attr.as_tensor()
                node.attributes[name] = ir.AttrTensor(name, stand_in(None, tensor) or tensor)
            else:
                tensors = [stand_in(None, tensor) or tensor for tensor in attr.as_tensors()]
                node.attributes[name] = ir.AttrTensors(name, tensors)


def _placeholder(tensor: ir.TensorProtocol, index: int) -> ir.ExternalTensor:
    return ir.ExternalTensor(
        f"#{index}",
        None,
        None,
        tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=tensor.name or "",
        doc_string=tensor.doc_string,
    )


def _write_woven(
    target: Path,
    recipe: Sequence[bytes | Path_],
    outside: Sequence[Outside],
    progress: stream.Progress | None,
) -> None:
    payloads = {(*place.path, protos.RAW_DATA): place.tensor for place in outside}
    with target.open("wb") as file:
        for part in recipe:
            if isinstance(part, bytes):
                file.write(part)
            else:
                stream.write(payloads[part], file, progress)
