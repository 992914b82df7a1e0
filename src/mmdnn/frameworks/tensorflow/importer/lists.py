"""Lists of tensors: TensorArrays of TensorFlow 1, TensorLists of TensorFlow 2.

A list is one tensor, its elements along the first axis. One that nothing has been written to has no tensor
yet; what a loop writes to it, an element in each iteration, is what ONNX's Loop stacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.indexing import value_of
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, rank
from mmdnn.ir.folding import int64
from mmdnn.ir.sizes import trace
from mmdnn.ir.values import numbers


@dataclass(frozen=True, eq=False)
class TensorList:
    """A list.

    Attributes:
        dtype: The type of its elements.
        size: How many it has, int64; None while it grows.
        shape: The shape of its elements, as far as it is said.
        stacked: The elements, if any have been written.
        loop: Whether it is what a loop's iteration is given.
        written: In an iteration, the place and the element that are written.
    """

    dtype: ir.DataType
    size: Value | None
    shape: tuple[int | None, ...] | None
    stacked: Value | None = None
    loop: bool = False
    written: tuple[Value | None, Value] | None = None

    def tensor(self, node: ImportedNode, op: Op) -> Value:
        """All elements; zeros where none has been written."""
        if self.stacked is not None:
            return self.stacked
        if self.loop or self.size is None or self.shape is None or None in self.shape:
            node.refuse("a list is read that nothing has been written to")
        shape = np.asarray([size for size in self.shape if size is not None], np.int64)
        return op.ConstantOfShape(_joined(op, self.size, shape), value=_zero(self.dtype))

    def of(self, stacked: Value, op: Op) -> TensorList:
        """The list with these elements."""
        return replace(self, stacked=stacked, size=op.Shape(stacked, start=0, end=1))

    def like(self, item: Value, op: Op, node: ImportedNode) -> Value:
        """As many zeros as it has elements, each of the shape of this one."""
        if self.stacked is not None:
            return self.stacked
        if self.size is None:
            node.refuse("a list is written to out of order")
        return op.ConstantOfShape(_joined(op, self.size, op.Shape(item)), value=_zero(self.dtype))


def _zero(kind: ir.DataType) -> ir.TensorProtocol:
    return ir.tensor(np.zeros(1, kind.numpy()), dtype=kind)


def _joined(op: Op, *parts: Any) -> Value:
    vectors = [
        part if isinstance(part, np.ndarray) or rank(part) else op.Reshape(part, [1])
        for part in parts
    ]
    return op.Concat(*vectors, axis=0)


def _places(op: Op, index: Value) -> Value:
    return value_of(op, int64(op, index))


def get(node: ImportedNode, op: Op, x: TensorList, index: Value) -> Value:
    """One element."""
    return op.Gather(x.tensor(node, op), _places(op, index), axis=0)


def put(node: ImportedNode, op: Op, x: TensorList, index: Value | None, item: Value) -> TensorList:
    """With one element written; without a place behind the others."""
    if x.loop and x.stacked is None:
        if x.written is not None:
            node.refuse("an iteration writes two elements to a list")
        return replace(x, written=(index, item))
    row = op.Unsqueeze(item, [0])
    if index is None:
        return x.of(row if x.stacked is None else op.Concat(x.stacked, row, axis=0), op)
    places = op.Reshape(_places(op, index), [1, 1])
    return replace(x, stacked=op.ScatterND(x.like(item, op, node), places, row))


def is_all(indices: Value, op: Op) -> bool:
    """Whether indices are 0, 1, 2, ..."""
    known = numbers(indices)
    if known is not None:
        return bool(np.array_equal(known, np.arange(known.size)))
    node = indices.producer()
    if node is None or node.op_type != "Range":
        return False
    first, step = numbers(node.inputs[0]), numbers(node.inputs[2])
    return first is not None and step is not None and not first and step == 1


def _shape_of(op: Op, shape: Value) -> tuple[int | None, ...] | None:
    """An element's shape: a vector, or -1 where nothing is said."""
    sizes = trace(shape)
    if sizes is None or (shape.shape is not None and len(shape.shape) == 0):
        return None
    return tuple(size if isinstance(size, int) and size >= 0 else None for size in sizes)


@importer("TensorListReserve", doc=f"{RAW}/TensorListReserve", unused="shape_type")
def reserve(
    node: ImportedNode, op: Op, shape: Value, count: Value, *, element_dtype: ir.DataType
) -> TensorList:
    return TensorList(element_dtype, value_of(op, int64(op, count)), _shape_of(op, shape))


@importer("EmptyTensorList", doc=f"{RAW}/EmptyTensorList", unused="shape_type")
def empty(
    node: ImportedNode, op: Op, shape: Value, most: Value, *, element_dtype: ir.DataType
) -> TensorList:
    return TensorList(element_dtype, None, _shape_of(op, shape))


@importer("TensorListFromTensor", doc=f"{RAW}/TensorListFromTensor", unused="shape_type")
def from_tensor(node: ImportedNode, op: Op, x: Value, shape: Value) -> TensorList:
    kind = x.dtype or ir.DataType.FLOAT
    return TensorList(kind, op.Shape(x, start=0, end=1), None, x)


@importer("TensorListGetItem", doc=f"{RAW}/TensorListGetItem")
def get_item(node: ImportedNode, op: Op, x: Any, index: Value, shape: Value) -> Value:
    return get(node, op, x, index)


@importer(
    "TensorListSetItem", doc=f"{RAW}/TensorListSetItem", unused="resize_if_index_out_of_bounds"
)
def set_item(node: ImportedNode, op: Op, x: Any, index: Value, item: Value) -> TensorList:
    return put(node, op, x, index, item)


@importer("TensorListPushBack", doc=f"{RAW}/TensorListPushBack")
def push_back(node: ImportedNode, op: Op, x: Any, item: Value) -> TensorList:
    return put(node, op, x, None, item)


@importer("TensorListStack", doc=f"{RAW}/TensorListStack", unused="num_elements")
def stack(node: ImportedNode, op: Op, x: Any, shape: Value) -> Value:
    found: Value = x.tensor(node, op)
    return found


@importer("TensorListGather", doc=f"{RAW}/TensorListGather")
def list_gather(node: ImportedNode, op: Op, x: Any, indices: Value, shape: Value) -> Value:
    return op.Gather(x.tensor(node, op), _places(op, indices), axis=0)


@importer("TensorListLength", doc=f"{RAW}/TensorListLength")
def length(node: ImportedNode, op: Op, x: Any) -> Value:
    return _length(op, x)


def _length(op: Op, x: TensorList) -> Value:
    size = x.size if x.size is not None else op.Identity(np.asarray([0], np.int64))
    return op.Cast(op.Reshape(size, np.zeros(0, np.int64)), to=ir.DataType.INT32)


@importer("TensorListResize", doc=f"{RAW}/TensorListResize")
def resize(node: ImportedNode, op: Op, x: Any, size: Value) -> TensorList:
    if x.stacked is not None:
        node.refuse("the size of a list is changed")
    found: TensorList = replace(x, size=value_of(op, int64(op, size)))
    return found


@importer(
    "TensorArrayV3", doc=f"{RAW}/TensorArrayV3",
    unused="clear_after_read identical_element_shapes tensor_array_name",
)  # fmt: skip
def array(
    node: ImportedNode,
    op: Op,
    size: Value,
    *,
    dtype: ir.DataType,
    element_shape: Any,
    dynamic_size: bool,
) -> list[TensorList]:
    """A handle, and the list as it is."""
    count = None if dynamic_size else value_of(op, int64(op, size))
    made = TensorList(dtype, count, element_shape)
    return [made, made]


@importer("TensorArrayReadV3", doc=f"{RAW}/TensorArrayReadV3")
def array_read(node: ImportedNode, op: Op, handle: Any, index: Value, flow: Any) -> Value:
    return get(node, op, flow, index)


@importer("TensorArrayWriteV3", doc=f"{RAW}/TensorArrayWriteV3")
def array_write(
    node: ImportedNode, op: Op, handle: Any, index: Value, item: Value, flow: Any
) -> Any:
    return put(node, op, flow, index, item)


@importer("TensorArrayScatterV3", doc=f"{RAW}/TensorArrayScatterV3")
def array_scatter(
    node: ImportedNode, op: Op, handle: Any, indices: Value, x: Value, flow: Any
) -> TensorList:
    """All elements at once."""
    if not is_all(indices, op):
        node.refuse("it writes some elements of a list")
    found: TensorList = flow.of(x, op)
    return found


@importer("TensorArrayGatherV3", doc=f"{RAW}/TensorArrayGatherV3", unused="element_shape")
def array_gather(node: ImportedNode, op: Op, handle: Any, indices: Value, flow: Any) -> Value:
    x: Value = flow.tensor(node, op)
    return x if is_all(indices, op) else op.Gather(x, _places(op, indices), axis=0)


@importer("TensorArrayConcatV3", doc=f"{RAW}/TensorArrayConcatV3", unused="element_shape_except0")
def array_concat(node: ImportedNode, op: Op, handle: Any, flow: Any) -> Value:
    """Elements of one length, one after the other."""
    x: Value = flow.tensor(node, op)
    return op.Reshape(x, op.Concat(np.asarray([-1], np.int64), op.Shape(x, start=2), axis=0))


@importer("TensorArraySizeV3", doc=f"{RAW}/TensorArraySizeV3")
def array_size(node: ImportedNode, op: Op, handle: Any, flow: Any) -> Value:
    return _length(op, flow)
