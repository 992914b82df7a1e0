"""Scans of a known number of steps, written out step by step, for engines without loops.

What is known of the first states is used: a product with zeros is zeros, and what they are added to stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir import COMPUTED, LAYER
from mmdnn.ir.recurrent import scans
from mmdnn.ir.values import numbers
from mmdnn.names import take

LIMIT = 1 << 18
"""Bytes of a constant that is looked at, at most."""


def unroll(model: ir.Model, most: int) -> bool:
    """Write out the scans of a graph, in place. Types and shapes of what is made are left open.

    Args:
        model: A model in canonical form.
        most: The number of steps that is written out at most; longer scans stay.

    Returns:
        Whether there was one.
    """
    found = False
    taken = {str(value.name) for node in model.graph for value in node.outputs}
    taken.update(
        str(value.name) for value in (*model.graph.inputs, *model.graph.initializers.values())
    )
    for node in list(model.graph):
        if node.op_type == "Scan" and not node.domain:
            steps = _steps(node)
            if steps is not None and 0 < steps <= most and not _has_graphs(node):
                _Unrolled(model.graph, node, steps, taken).write()
                found = True
    return found


def _steps(node: ir.Node) -> int | None:
    """The number of steps, where a scanned input says it."""
    scan = scans.read(node)
    for value, axis in zip(node.inputs[scan.states :], scan.axes, strict=True):
        if value is not None and value.shape is not None:
            size = value.shape[axis]
            if isinstance(size, int):
                return size
    return None


def _has_graphs(node: ir.Node) -> bool:
    inner = node.attributes["body"].as_graph()
    kinds = {a.type for each in inner for a in each.attributes.values()}
    return bool(kinds & {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS})


class _Unrolled:
    """One scan."""

    def __init__(self, graph: ir.Graph, node: ir.Node, steps: int, taken: set[str]) -> None:
        self.graph = graph
        self.node = node
        self.name = node.name or str(next(output.name for output in node.outputs if output.name))
        self.taken = taken
        self.steps = steps
        self.scan = scans.read(node)
        self.body = self.scan.body
        known = {value: numbers(value, LIMIT) for value in node.inputs}
        self.zeros = {value for value, array in known.items() if not (array is None or array.any())}

    def write(self) -> None:
        """Put the steps where the scan is."""
        node, steps = self.node, self.steps
        count = self.scan.states
        states = [value for value in node.inputs[:count] if value is not None]
        pieces = [
            self._cut(value, axis)[:: -1 if backwards else 1]
            for value, axis, backwards in zip(
                node.inputs[count:], self.scan.axes, self.scan.back, strict=True
            )
            if value is not None
        ]
        for value in list(self.body.initializers.values()):
            del self.body.initializers[str(value.name)]
            self._register(value)
        collected: list[list[ir.Value]] = [[] for _ in self.scan.out_axes]
        for step in range(steps):
            made = self._step([*states, *(piece[step] for piece in pieces)], step)
            states, each = made[: len(states)], made[len(states) :]
            for values, value in zip(collected, each, strict=True):
                values.append(value)
        results = list(states)
        for values, output, axis, backwards in zip(
            collected, node.outputs[count:], self.scan.out_axes, self.scan.out_back, strict=True
        ):
            results.append(self._joined(values[:: -1 if backwards else 1], output, axis))
        self._replace(results)

    def _step(self, inputs: Sequence[ir.Value], step: int) -> list[ir.Value]:
        """The values that the body makes of these."""
        found: dict[ir.Value, ir.Value] = dict(zip(self.body.inputs, inputs, strict=True))
        for node in self.body:
            given = [found.get(v, v) if v is not None else None for v in node.inputs]
            same = self._unchanged(node, given)
            if same is not None:
                found[node.outputs[0]] = same
                continue
            attributes = list(node.attributes.values())
            made = self._node(node.op_type, given, attributes, node, step)
            found.update(zip(node.outputs, made, strict=True))
            if _makes_zeros(node, [value in self.zeros for value in given]):
                self.zeros.update(made)
        return [found.get(value, value) for value in self.body.outputs]

    def _unchanged(self, node: ir.Node, given: Sequence[ir.Value | None]) -> ir.Value | None:
        """The input that a node gives as it is."""
        if node.op_type == "Identity":
            return given[0]
        if node.op_type == "Add" and len(self.zeros.intersection(given)) == 1:
            return self._if_whole(node, given, 1 if given[0] in self.zeros else 0)
        condition = numbers(given[0], LIMIT) if node.op_type == "Where" else None
        if condition is None or (condition.any() and not condition.all()):
            return None
        return self._if_whole(node, given, 1 if condition.all() else 2)

    @staticmethod
    def _if_whole(node: ir.Node, given: Sequence[ir.Value | None], place: int) -> ir.Value | None:
        """An input, where it has the shape of the output, so that nothing repeats it."""
        before = node.inputs[place]
        shape = None if before is None else before.shape
        return given[place] if shape is not None and shape == node.outputs[0].shape else None

    def _cut(self, x: ir.Value, axis: int) -> list[ir.Value]:
        """Each step's part. The steps are cut out of rows, where an axis follows that makes these."""
        array, dims, name = numbers(x, LIMIT), list(x.shape or ()), f"{self.name}/{x.name}"
        axis %= max(len(dims), 1)
        if array is not None:
            return [
                self._constant(array.take(step, axis), f"{name}/{step}")
                for step in range(self.steps)
            ]
        rows = axis == 0 and len(dims) > 1 and all(isinstance(dim, int) for dim in dims)
        if rows:
            shape = [-1, *dims[2:]]
            x = self._op("Reshape", [x, self._ints(shape)], f"{name}/rows")
        sizes = self._ints([dims[1] if rows else 1] * self.steps)
        names = [f"{name}/steps/split/{step}" for step in range(self.steps)]
        parts = self._ops("Split", [x, sizes], names, axis=axis)
        if rows:
            return parts
        places = self._ints([axis])
        return [self._op("Squeeze", [part, places], str(part.name)) for part in parts]

    def _joined(self, values: Sequence[ir.Value], like: ir.Value, axis: int) -> ir.Value:
        """The results of all steps along an axis of their own."""
        shape, name = like.shape, self.name
        if axis == 0 and shape is not None and shape.is_static() and len(shape) > 1:
            rows = self._op("Concat", values, name, axis=0)
            return self._op("Reshape", [rows, self._ints(list(shape))], name)
        places = self._ints([axis])
        each = [self._op("Unsqueeze", [value, places], str(value.name)) for value in values]
        return self._op("Concat", each, name, axis=axis)

    def _replace(self, results: Sequence[ir.Value]) -> None:
        """Let the scan's readers read these, under its outputs' names."""
        for output, result in zip(self.node.outputs, results, strict=True):
            if not output.uses() and not output.is_graph_output():
                continue
            identity = self._op("Identity", [result], str(output.name))
            identity.name, identity.type, identity.shape = output.name, output.type, output.shape
            output.replace_all_uses_with(identity, replace_graph_outputs=True)
            output.name = None
        self.graph.remove(self.node, safe=True)

    def _op(self, type_: str, inputs: Sequence[ir.Value], name: str, **attributes: Any) -> ir.Value:
        """A node beside the steps."""
        return self._ops(type_, inputs, [f"{name}/{type_.lower()}"], **attributes)[0]

    def _ops(
        self, type_: str, inputs: Sequence[ir.Value], names: list[str], **attributes: Any
    ) -> list[ir.Value]:
        given = [ir.Attr(key, ir.AttributeType.INT, value) for key, value in attributes.items()]
        return self._add(ir.Node("", type_, inputs, given, num_outputs=len(names)), names)

    def _node(
        self,
        type_: str,
        inputs: Sequence[ir.Value | None],
        attributes: Sequence[ir.Attr],
        like: ir.Node,
        step: int,
    ) -> list[ir.Value]:
        """One of the body's nodes in a step."""
        node = ir.Node(like.domain, type_, inputs, attributes, num_outputs=len(like.outputs))
        layer = self.node.metadata_props.get(LAYER)
        return self._add(
            node,
            [f"{output.name}/{step}" for output in like.outputs],
            {LAYER: f"{layer}_t{step}"} if layer else {},
        )

    def _add(
        self, node: ir.Node, names: Sequence[str], props: Mapping[str, str] | None = None
    ) -> list[ir.Value]:
        node.name = take(names[0], self.taken)
        node.metadata_props.update({**self.node.metadata_props, **(props or {})})
        for output, name in zip(node.outputs, names, strict=True):
            output.name = node.name if output is node.outputs[0] else take(name, self.taken)
        self.graph.insert_before(self.node, node)
        return list(node.outputs)

    def _ints(self, sizes: Sequence[Any]) -> ir.Value:
        name = f"{self.name}/{'x'.join(map(str, sizes))}"
        known = self.graph.initializers.get(name)
        return self._constant(np.asarray(sizes, np.int64), name) if known is None else known

    def _constant(self, array: np.ndarray, name: str) -> ir.Value:
        tensor = ir.tensor(np.ascontiguousarray(array), name=name)
        value = ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype))
        value.shape = ir.Shape(array.shape)
        value.metadata_props[COMPUTED] = "yes"
        self._register(value)
        return value

    def _register(self, value: ir.Value) -> None:
        """Make an initializer of it, under a name that is not taken."""
        self.taken.update(self.graph.initializers)
        value.name = take(str(value.name), self.taken)
        self.graph.register_initializer(value)


def _makes_zeros(node: ir.Node, zero: Sequence[bool]) -> bool:
    """Whether a node's outputs are zeros, some of its inputs being."""
    if node.op_type == "Gemm":
        return (zero[0] or zero[1]) and (len(node.inputs) < 3 or node.inputs[2] is None or zero[2])
    if node.op_type in {"Mul", "MatMul"}:
        return zero[0] or zero[1]
    if node.op_type == "Add":
        return zero[0] and zero[1]
    return node.op_type in {"Split", "Reshape", "Squeeze", "Unsqueeze", "Transpose"} and zero[0]
