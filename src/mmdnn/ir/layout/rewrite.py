"""The graph with every value in the order that was chosen for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.ir import COMPUTED, LAYER
from mmdnn.ir.layout.order import (
    LAYOUT,
    Arrangement,
    Atom,
    Factors,
    Order,
    axes_of,
    parts_of,
    usual,
)
from mmdnn.ir.layout.rules import Mode, Port, Rule
from mmdnn.names import take


class Rewriter:
    """Writes nodes in their modes, in the order of the graph.

    Args:
        graph: Changed in place.
        factors: The parts of the axes of each value.
        views: What Transposes give: the value before them, and its axes as they see them.
    """

    def __init__(
        self,
        graph: ir.Graph,
        factors: dict[ir.Value, Factors],
        views: dict[ir.Value, tuple[ir.Value, tuple[int, ...]]],
    ) -> None:
        self.graph = graph
        self.factors = factors
        self.names = {str(v.name) for v in _values(graph)}
        self.orders: dict[ir.Value, Order] = {}
        self._stored: dict[tuple[ir.Value, Order], ir.Value] = {}
        self._views: dict[ir.Value, list[ir.Value]] = defaultdict(list)
        self._axes = {view: axes for view, (_, axes) in views.items()}
        for view, (value, _) in views.items():
            self._views[value].append(view)
        self._constants: dict[tuple[str, bytes, str], ir.Value] = {}
        self._kept: set[ir.Value] = set()
        self._instead: dict[ir.Value, ir.Value] = {}
        self._outputs: dict[ir.Value, tuple[int, ...]] = {}
        self._wanted = [value.name for value in graph.outputs]

    def made(self, port: Port, order: Order) -> None:
        """That a value is made in an order of the axes that its maker sees."""
        stored = port.made(order)
        self.orders[port.value] = stored
        self._stored[port.value, stored] = self._instead.get(port.value, port.value)

    def write(self, rules: Sequence[Rule], modes: Sequence[Mode]) -> None:
        """Write one node."""
        node = rules[0].node
        for rule, mode in zip(rules, modes, strict=True):
            for port, order in zip(rule.ports, mode, strict=True):
                for reader, index in port.uses:
                    reader.replace_input_with(index, self.get(port, order, node))
        for rule, mode in zip(rules, modes, strict=True):
            rule.write(mode, self)
            for port, order in zip(rule.ports, mode, strict=True):
                if port.place < 0:
                    self.made(port, order)

    def get(self, port: Port, order: Order, before: ir.Node | None) -> ir.Value:
        """A value in the order that a port wants, transposed in front of a node where need be."""
        value, wanted = port.value, port.made(order)
        if value not in self.orders:
            self.orders[value] = usual(self.factors[value])
            self._stored[value, self.orders[value]] = value
        if (value, wanted) not in self._stored:
            self._stored[value, wanted] = self._transposed(value, wanted, before)
        return self._stored[value, wanted]

    def _transposed(self, value: ir.Value, wanted: Order, before: ir.Node | None) -> ir.Value:
        """The value in another order, by a Transpose, between two Reshapes where axes have parts."""
        here, factors = self.orders[value], self.factors[value]
        view = self._view(value, wanted)
        split = any(parts_of(here, axis) != parts_of(wanted, axis) for axis in axes_of(here))
        result, perm = value, [axes_of(here).index(axis) for axis in axes_of(wanted)]
        origin = view.producer() if view is not None else value.producer()
        if split:
            perm = [here.index(atom) for atom in wanted]
            result = self._reshape(result, here, factors, before, origin, apart=True)
        made = self._insert("Transpose", [result], before, origin, {"perm": perm})
        if split:
            dims = [self._dim(value, atom) for atom in here]
            result.shape, made.shape = ir.Shape(dims), ir.Shape([dims[place] for place in perm])
            made = self._reshape(made, wanted, factors, before, origin, apart=False)
        made.type = value.type
        made.shape = _shape(value.shape, wanted)
        if view is not None:
            self._kept.add(view)
            made.metadata_props.update(view.metadata_props)
            _exchange(made, view)
        return made

    def _dim(self, value: ir.Value, atom: Atom) -> int | ir.SymbolicDim:
        """The size of a part of an axis."""
        axis, part = atom
        known = self.factors[value][axis]
        size = known[part]
        if isinstance(size, int) or len(known) > 1 or value.shape is None:
            return size if isinstance(size, int) else ir.SymbolicDim(size)
        return value.shape[axis]

    def _view(self, value: ir.Value, order: Order) -> ir.Value | None:
        """What a Transpose gave of a value in just that order."""
        parts = {axis: parts_of(usual(self.factors[value]), axis) for axis in axes_of(order)}
        for view in self._views[value]:
            same = tuple((axis, p) for axis in self._axes[view] for p in parts[axis])
            if same == order and view not in self._kept:
                return view
        return None

    def _reshape(
        self,
        value: ir.Value,
        order: Order,
        factors: Factors,
        before: ir.Node | None,
        origin: ir.Node | None,
        *,
        apart: bool,
    ) -> ir.Value:
        sizes: list[int] = []
        for place, axis in enumerate(axes_of(order)):
            known = [factors[axis][part] for part in parts_of(order, axis)]
            numbers = [size for size in known if isinstance(size, int)]
            if len(numbers) < len(known):
                sizes.append(0 if place == len(sizes) else -1)
            else:
                sizes += numbers if apart else [int(np.prod(numbers))]
        shape = self.constant("shape", np.array(sizes, np.int64))
        return self._insert("Reshape", [value, shape], before, origin, {})

    def _insert(
        self,
        op_type: str,
        inputs: Sequence[ir.Value],
        before: ir.Node | None,
        origin: ir.Node | None,
        attributes: dict[str, object],
    ) -> ir.Value:
        name = take(f"{inputs[0].name}_{op_type.lower()}", self.names)
        node = ir.node(
            op_type,
            inputs,
            attributes,  # type: ignore[arg-type]
            name=name,
            num_outputs=1,
            metadata_props=dict(origin.metadata_props) if origin is not None else None,
        )
        node.version = before.version if before is not None else None
        node.outputs[0].name = name
        node.outputs[0].type = inputs[0].type
        if before is None:
            self.graph.append(node)
        else:
            self.graph.insert_before(before, node)
        return node.outputs[0]

    def feed(self, node: ir.Node, index: int, value: ir.Value) -> None:
        """Let a node read something else."""
        node.replace_input_with(index, value)

    def constant(self, like: str, array: np.ndarray) -> ir.Value:
        """A small constant."""
        key = (like, array.tobytes(), str(array.shape))
        if key not in self._constants:
            name = take(f"layout/{like}", self.names)
            value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
            value.type = ir.TensorType(ir.DataType(ir.tensor(array).dtype))
            value.shape = ir.Shape(array.shape)
            value.metadata_props[COMPUTED] = "yes"
            self.graph.register_initializer(value)
            self._constants[key] = value
        return self._constants[key]

    def tensor(self, value: ir.Value, tensor: ir.TensorProtocol) -> ir.Value:
        """Another weight in place of one, by its name where nothing else reads that."""
        name = str(value.name)
        own = self.graph.initializers.get(name) is value
        if own and len(value.uses()) == 1 and not value.is_graph_output():
            value.name = take(f"{name}_before", self.names)
        else:
            name = take(name, self.names)
        tensor.name = name
        new = ir.Value(name=name, const_value=tensor, type=value.type)
        new.shape = ir.Shape(tensor.shape.numpy())
        new.metadata_props.update(value.metadata_props)
        self.graph.register_initializer(new)
        return new

    def before(self, node: ir.Node, op_type: str, inputs: Sequence[ir.Value]) -> ir.Value:
        """What a new node in front of a node gives."""
        return self._insert(op_type, inputs, node, node, {})

    def behind(self, node: ir.Node, op_type: str, inputs: Sequence[ir.Value]) -> ir.Value:
        """What a new node behind a node gives, which whoever reads the node's output reads from then on."""
        made = self._insert(op_type, inputs, node, node, {})
        new = made.producer()
        assert new is not None
        self.graph.remove(new)
        self.graph.insert_after(node, new)
        output = node.outputs[0]
        made.shape, made.type = output.shape, output.type
        output.replace_all_uses_with(made, replace_graph_outputs=True)
        new.replace_input_with(0, output)
        _exchange(made, output)
        self._instead[output] = made
        return made

    def output(self, place: int, port: Port, order: Order) -> None:
        """Give the graph's output of that place, by its name."""
        before = self.graph.outputs[place]
        found = self.get(port, order, None)
        if found is before:
            self._outputs[found] = port.view
            return
        if found.is_graph_input() or found in self._outputs:
            found = self._insert("Identity", [found], None, before.producer(), {})
            found.shape = _shape(port.value.shape, port.made(order))
        self.graph.outputs[place] = found
        self._outputs[found] = port.view
        if found.name != self._wanted[place]:
            _exchange(found, before)
        found.type = before.type
        if found is not port.value:
            self._record(found, port.made(order), self.factors[port.value], port.view)

    def finish(self) -> None:
        """Shapes, and how the source has what is in another order; names of what was transposed."""
        for value, order in self.orders.items():
            factors = self.factors[value]
            view = self._outputs.get(value)
            if view is None:
                view = self._take_over(value)
            if order != usual(factors):
                value.shape = _shape(value.shape, order)
            self._record(value, order, factors, view or range(len(factors)))

    @staticmethod
    def _record(value: ir.Value, order: Order, factors: Factors, view: Sequence[int]) -> None:
        found = Arrangement.of(order, factors, view)
        if not found.is_usual:
            value.metadata_props[LAYOUT] = str(found)

    def _take_over(self, value: ir.Value) -> tuple[int, ...] | None:
        """Let a value be what its layer gave by a Transpose that is gone; returns how that saw its axes."""
        node = value.producer()
        layer = node.metadata_props.get(LAYER) if node is not None else None
        found = None
        for view in self._views[value]:
            maker = view.producer()
            same = maker is not None and maker.metadata_props.get(LAYER) == layer
            if layer is not None and same and view not in self._kept:
                found = view
        if found is None:
            return None
        value.metadata_props.update(found.metadata_props)
        _exchange(value, found)
        return self._axes[found]


def _exchange(one: ir.Value, other: ir.Value) -> None:
    """Give two values each other's names."""
    one.name, other.name = other.name, one.name


def _shape(shape: ir.Shape | None, order: Order) -> ir.Shape | None:
    """A shape in another order."""
    return None if shape is None else ir.Shape([shape[axis] for axis in axes_of(order)])


def _values(graph: ir.Graph) -> list[ir.Value]:
    made = [value for node in graph for value in node.outputs]
    return [*graph.inputs, *graph.initializers.values(), *made]
