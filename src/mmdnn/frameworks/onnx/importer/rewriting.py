"""The table of changes between ONNX's opsets, and the tool that each change works with.

An entry says what must be done to a node, written for any opset before `since`, so that it means the
same from `since` on:

    @since("TopK", 10)
    def topk(node: Rewriter) -> None:
        node.to_input("k", 1)

Versions without an entry only widened types, added defaults that mean what was meant before, or
changed the wording. The changes: https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.ir import LAYER
from mmdnn.names import take

Change = Callable[["Rewriter"], None]

CHANGES: dict[str, list[tuple[int, Change]]] = {}
SHAPED: set[Change] = set()
"""Changes that depend on ranks or types, which inference should find first."""


def since(*op_types: str, version: int, shaped: bool = False) -> Callable[[Change], Change]:
    """Register what the opset `version` changed for these operators.

    Args:
        op_types: The operators.
        version: The first opset that has it otherwise.
        shaped: Whether the change asks for ranks or types.
    """

    def register(change: Change) -> Change:
        for op_type in op_types:
            CHANGES.setdefault(op_type, []).append((version, change))
            CHANGES[op_type].sort(key=lambda entry: entry[0])
        if shaped:
            SHAPED.add(change)
        return change

    return register


def changes(op_type: str, version: int, target: int) -> list[Change]:
    """What to do to a node written for opset `version`, in order."""
    return [change for at, change in CHANGES.get(op_type, ()) if version < at <= target]


class Rewriter:
    """One node, with what a change needs to do to it.

    Args:
        node: The node.
        names: Of the whole model.
        in_function: Whether it stands in a function's body, which has no initializers.
    """

    def __init__(self, node: ir.Node, taken: set[str], in_function: bool = False) -> None:
        self.node = node
        self.taken = taken
        self.in_function = in_function
        self.gone = False

    @property
    def inputs(self) -> tuple[ir.Value | None, ...]:
        """The node's inputs."""
        return tuple(self.node.inputs)

    @property
    def x(self) -> ir.Value:
        """The first input."""
        value = self.node.inputs[0] if self.node.inputs else None
        if value is None:
            raise self.refused("has no input")
        return value

    def refused(self, reason: str) -> UnsupportedError:
        """The error that this node cannot be brought to the IR's opset."""
        return UnsupportedError(reason, layer=name_of(self.node), operator=self.node.op_type)

    def has(self, name: str) -> bool:
        """Whether the attribute is written."""
        return name in self.node.attributes

    def pop(self, name: str, default: Any = None) -> Any:
        """Take an attribute's value off the node."""
        attr = self.node.attributes.pop(name, None)
        if attr is None:
            return default
        if attr.is_ref():
            raise self.refused(f"its attribute '{name}' is set by the function's caller")
        return attr.value

    def set(self, **attributes: Any) -> None:
        """Set attributes."""
        for name, value in attributes.items():
            self.node.attributes[name] = ir.convenience.convert_attribute(name, value)

    def put(self, index: int, value: ir.Value | None) -> None:
        """Set an input, with empty ones before it where there are too few."""
        if len(self.node.inputs) <= index:
            self.node.resize_inputs(index + 1)
        self.node.replace_input_with(index, value)

    def to_input(self, name: str, index: int) -> None:
        """Make an attribute of integers the input of that index; absent, it stays so."""
        attr = self.node.attributes.get(name)
        if attr is None:
            return
        if attr.is_ref():
            del self.node.attributes[name]
            kind = "value_ints" if attr.type == ir.AttributeType.INTS else "value_int"
            made = self.op("Constant")
            producer = made.producer()
            assert producer is not None
            producer.attributes[kind] = ir.RefAttr(kind, attr.ref_attr_name or "", attr.type)
            if kind == "value_int":
                made = self.op("Unsqueeze", made, self.constant(np.zeros(1, np.int64), "axis"))
            self.put(index, made)
            return
        self.put(index, self.constant(np.atleast_1d(np.array(self.pop(name), np.int64)), name))

    def constant(self, array: np.ndarray, name: str) -> ir.Value:
        """A constant named after the node's output: an initializer, within functions a node."""
        return self.weight(ir.tensor(array), name)

    def weight(self, tensor: ir.TensorProtocol, name: str) -> ir.Value:
        """The same of a tensor that may lie outside."""
        name = take(f"{self.node.outputs[0].name}/{name}", self.taken)
        graph = self.node.graph
        tensor.name = name
        if self.in_function:
            made = self.op("Constant", value=tensor)
            made.name = name
            return made
        assert graph is not None
        value = ir.val(name, const_value=tensor)
        graph.register_initializer(value)
        return value

    def like(self, number: float, name: str) -> ir.Value:
        """A scalar of the first input's type."""
        dtype = self.x.dtype
        if dtype is not None:
            return self.constant(np.array(number, dtype.numpy()), name)
        return self.op("CastLike", self.constant(np.array(number, np.float32), name), self.x)

    def op(self, op_type: str, *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """A new node before this one; its output."""
        name = take(f"{self.node.outputs[0].name}/{op_type}", self.taken)
        new = ir.node(
            op_type,
            inputs,
            attributes,
            name=name,
            metadata_props=dict(self.node.metadata_props),
        )
        new.outputs[0].name = name
        graph = self.node.graph
        assert graph is not None
        graph.insert_before(self.node, new)
        return new.outputs[0]

    def replace(self, value: ir.Value) -> None:
        """Put a value that a new node makes in the place of the first output, and end the node."""
        old, graph = self.node.outputs[0], self.node.graph
        assert graph is not None
        value.name, value.type, value.shape = old.name, old.type, old.shape
        value.metadata_props.update(old.metadata_props)
        old.replace_all_uses_with(value, replace_graph_outputs=True)
        graph.remove(self.node, safe=True)
        self.gone = True

    def keep_outputs(self, count: int, reason: str) -> None:
        """Drop the outputs after the first `count`; refused where somebody uses one."""
        for output in self.node.outputs[count:]:
            if output.uses() or output.is_graph_output():
                raise self.refused(reason)
        if len(self.node.outputs) > count:
            self.node.resize_outputs(count)


def constant_of(value: ir.Value | None) -> np.ndarray | None:
    """The numbers of a value that is constant; None if it is not, or there is no value."""
    if value is None:
        return None
    if value.const_value is not None:
        return value.const_value.numpy()
    node = value.producer()
    if node is not None and node.op_type == "Constant" and "value" in node.attributes:
        attr = node.attributes["value"]
        return None if attr.is_ref() else attr.as_tensor().numpy()
    return None


def rank_of(value: ir.Value | None) -> int | None:
    """How many dimensions it has, where known."""
    if value is None or value.shape is None:
        return None
    return len(value.shape)


def name_of(node: ir.Node) -> str:
    """What the user knows a node by."""
    outputs = [output.name for output in node.outputs if output.name]
    return node.metadata_props.get(LAYER) or node.name or (outputs[0] if outputs else node.op_type)
