"""A CNTK model to the file that CNTK 2.7 writes: one Dictionary, its numbers streamed into place.

The keys and versions are those of CompositeFunction::Serialize, PrimitiveFunction::Serialize and
Variable::Serialize, the container is Serialization.cpp's (Source/CNTKv2LibraryDll of CNTK 2.7). A
Dictionary that would have 2 GB or more is written without its numbers; they follow it, one tensor
after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import LARGE, _format, codegen, graph
from mmdnn.frameworks.cntk._attributes import typed
from mmdnn.frameworks.cntk._operators import DATA_TYPES, OPERATORS
from mmdnn.frameworks.cntk.graph import Axis, Function, Kind, Model, Shape, Variable
from mmdnn.tensors import references, stream
from mmdnn.tensors.weaving import weave, woven_size
from mmdnn.tensors.wire import Path_

LIMIT = (1 << 31) - 1
"""Bytes that one protobuf message may not reach."""
DICTIONARY, VALUE = 2, 2
"""Versions of the container."""
COMPOSITE, FUNCTION, VARIABLE = 3, 24, 1
"""Versions of what is in it, as CNTK 2.7 has them."""

_COMPOSITE = "CompositeFunction"


def write(
    model: Model,
    target: Path,
    *,
    weights: Path | None = None,
    progress: stream.Progress | None = None,
) -> list[Path]:
    """Write a model, everything in one file, or as source code (`codegen.save`).

    Args:
        model: What the exporter made, or the reader.
        target: The file; `net.py` for source code.
        weights: Source code's weights; CNTK's own files keep none apart.
        progress: Told of the bytes of weights written.

    Returns:
        The files written.

    Raises:
        UnsupportedError: There is something in the model that CNTK's files cannot hold.
    """
    if target.suffix == ".py":
        return codegen.save(model, target, weights=weights, progress=progress)
    encoder = _Encoder()
    message = graph.schema()["cntk.Dictionary"]()
    encoder.dictionary(message, _composite(model), ())
    sizes = {path: tensor.nbytes for path, tensor in encoder.tensors.items()}
    recipe = weave(message.SerializeToString(), sizes)
    with target.open("wb") as file:
        if woven_size(recipe, sizes) >= LIMIT:
            text = message.SerializeToString()
            recipe = [LARGE, len(text).to_bytes(4, "little"), text, *encoder.tensors]
        for part in recipe:
            if isinstance(part, bytes):
                file.write(part)
            else:
                stream.write(encoder.tensors[part], file, progress)
    return [target]


def _composite(model: Model) -> dict[str, Any]:
    functions = graph.reachable([model.root], blocks=True)
    return {
        "version": COMPOSITE,
        "type": _COMPOSITE,
        **_named(model.name),
        "uid": f"{_COMPOSITE}{len(functions)}",
        "root": model.root.uid,
        "inputs": [_variable(one) for one in _read_first(model, functions)],
        "primitive_functions": [_function(one) for one in functions],
    }


def _read_first(model: Model, functions: list[Function]) -> list[Variable]:
    """What is not computed, and what is computed after it is read, which gets a placeholder."""
    done: set[Function] = set()
    found: dict[Variable, None] = {}
    for function in functions:
        found |= {one: None for one in function.inputs if one.owner not in done}
        done.add(function)
    known = [one for one in model.variables.values() if one in found]
    return list(dict.fromkeys([*known, *found]))


def _named(name: str) -> dict[str, str]:
    """The name, where there is one."""
    return {"name": name} if name else {}


def _variable(one: Variable) -> dict[str, Any]:
    if one.dtype not in (*DATA_TYPES, ir.DataType.UNDEFINED):
        raise UnsupportedError(
            f"CNTK has no numbers of the type {one.dtype.name}", layer=one.name or one.uid
        )
    return {
        "version": VARIABLE,
        "type": "Variable",
        "uid": one.uid,
        "kind": int(Kind.PLACEHOLDER if one.kind == Kind.OUTPUT else one.kind),
        "data_type": DATA_TYPES.get(one.dtype, 0),
        "dynamic_axis": [Axis(graph.UNKNOWN)] if one.axes is None else [*reversed(one.axes)],
        "is_sparse": one.sparse,
        **_named(one.name),
        "needs_gradient": one.trained,
        "shape": graph.UNKNOWN_SHAPE if one.shape is None else one.shape,
        **({} if one.value is None else {"value": one.value}),
    }


def _function(one: Function) -> dict[str, Any]:
    if one.op not in OPERATORS:
        raise UnsupportedError("CNTK has no such function", layer=one.label, operator=one.op)
    return {
        "version": FUNCTION,
        "type": "PrimitiveFunction",
        "uid": one.uid,
        **_named(one.name),
        "inputs": [variable.uid for variable in one.inputs],
        "op": OPERATORS[one.op].number,
        "attributes": typed(one),
        **(_block(one) if one.block is not None else {}),
    }


def _block(one: Function) -> dict[str, Any]:
    block = one.block
    assert block is not None
    composite = {
        "version": COMPOSITE,
        "type": _COMPOSITE,
        **_named(block.name),
        "uid": block.uid or f"{_COMPOSITE}_{one.uid}",
        "root": block.root.uid,
    }
    key = "block_function_composite"
    return {
        "block_function_op_name": block.type,
        key: composite,
        f"{key}_arguments_map_keys": [inner.uid for inner in block.arguments],
        f"{key}_arguments_map_values": [outer.uid for outer in block.arguments.values()],
    }


class _Encoder:
    """Fills messages, and remembers where tensors go.

    Attributes:
        tensors: What stands where, as `weave` counts, in the message's order.
    """

    def __init__(self) -> None:
        self.tensors: dict[Path_, ir.TensorProtocol] = {}

    def dictionary(self, message: Any, found: Mapping[str, Any], path: Path_) -> None:
        message.version = DICTIONARY
        for index, (key, value) in enumerate(found.items()):
            entry = message.data.add()
            entry.key = key
            self.value(
                entry.value, value, (*path, (_format.ENTRIES, index), (_format.ENTRY_VALUE, 0))
            )

    def value(self, message: Any, value: Any, path: Path_) -> None:
        message.version = VALUE
        for type_, (kind, field) in _format.PLAIN.items():
            if isinstance(value, type_):
                message.value_type = kind
                setattr(message, field, value)
                return
        if isinstance(value, Shape):
            message.value_type = 7
            _shape(message.nd_shape_value, value)
        elif isinstance(value, Axis):
            message.value_type = 8
            _axis(message.axis_value, value)
        elif isinstance(value, list):
            message.value_type = 9
            message.vector_value.SetInParent()
            for index, item in enumerate(value):
                place = (*path, (_format.VECTOR, 0), (_format.ITEM, index))
                self.value(message.vector_value.value.add(), item, place)
        elif isinstance(value, Mapping):
            message.value_type = 10
            self.dictionary(message.dictionary_value, value, (*path, (_format.NESTED, 0)))
        elif value is not None:
            message.value_type = 11
            self.tensor(message.nd_array_view_value, value, (*path, (_format.VIEW, 0)))

    def tensor(self, message: Any, tensor: ir.TensorProtocol, path: Path_) -> None:
        """Fill an NDArrayView; half floats stand in files as floats, small integers as any."""
        message.data_type = DATA_TYPES[tensor.dtype]
        _shape(message.shape, tensor.shape.numpy())
        if tensor.dtype in (ir.DataType.INT8, ir.DataType.INT16):
            message.sint32_values.value.extend(references.read(tensor).reshape(-1).tolist())
            return
        wide = tensor.dtype == ir.DataType.DOUBLE
        numbers = message.double_values if wide else message.float_values
        numbers.SetInParent()
        if tensor.dtype == ir.DataType.FLOAT16:
            tensor = references.lazy(
                tensor, lambda half: half.astype(np.float32), dtype=ir.DataType.FLOAT
            )
        if tensor.size:
            self.tensors[
                (*path, (_format.DOUBLES if wide else _format.FLOATS, 0), _format.NUMBERS)
            ] = tensor


def _shape(message: Any, dims: Sequence[int]) -> None:
    message.shape_dim.extend(dim % (1 << 64) for dim in reversed(dims))
    message.SetInParent()


def _axis(message: Any, axis: Axis) -> None:
    static = not axis.is_dynamic and axis.index < graph.ALL
    message.name = axis.name or (f"staticAxisIdx={axis.index}" if static else str(axis))
    if axis.index:  # CNTK's schema is proto3, which leaves out zeros
        message.static_axis_idx = axis.index
    if axis.ordered or static:
        message.is_ordered_dynamic_axis = True
