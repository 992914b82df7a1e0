"""The way out of the IR: the table of an exporter, and the nodes that its functions are given.

    exporter = Exporter("PyTorch")

    @exporter("Elu", doc="Elu")
    def elu(node, torch, x, *, alpha):
        return torch.call("F.elu", x, alpha=alpha)

The signature is the operator's schema: what is keyword-only are its attributes, as Python values. The
canonical form has put every default in; a parameter that is None by default is an attribute without
one, which may be absent. `window` is no attribute, but the `Window` that several of them describe. An
attribute that no parameter names must be what the schema says it is where it
is left out, or the node is refused; `@exporter("Cast", unused="saturate")` names those that do not
change the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, Protocol, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.ir import COMPUTED, LAYER, TYPE
from mmdnn.ir.builder import Dimensions, dimensions
from mmdnn.ir.operators import Keywords, Operators, operator, way_round
from mmdnn.ir.passes.canonical import canonical
from mmdnn.ir.passes.defaults import defaults
from mmdnn.ir.passes.expansion import INNER
from mmdnn.ir.values import READABLE, constant, numbers, producer
from mmdnn.ir.windows import ATTRIBUTES, Window

Test: TypeAlias = Callable[[ir.Node], bool]

WINDOW = "window"
"""The parameter that is a node's windows in numbers, in place of the attributes that say them."""

LARGEST = float(np.finfo(np.float32).max)


class Exporter(Operators):
    """The operators that a framework's exporter writes; calling it registers a function for some.

    Args:
        framework: Its name, as in messages.
        domain: A domain whose nodes it writes without the table; they are canonical.
    """

    def __init__(self, framework: str, domain: str = "") -> None:
        super().__init__(f"written as {framework}")
        self.framework = framework
        self.domain = domain
        self._tests: dict[str, Test] = {}

    def __contains__(self, type_: object) -> bool:
        own = self.domain and str(type_).startswith(f"{self.domain}::")
        return bool(own) or super().__contains__(type_)

    def unfit(self, *types: str) -> Callable[[Test], Test]:
        """Register which nodes of these operators are spelled out in simpler ones, as the standard does."""

        def register(test: Test) -> Test:
            self._tests.update(dict.fromkeys(types, test))
            return test

        return register

    def is_unfit(self, node: ir.Node) -> bool:
        """Whether to write a node as its definition by simpler operators; see `unfit`."""
        return not node.domain and node.op_type in self._tests and self._tests[node.op_type](node)

    def canonical(self, model: ir.Model) -> ir.Model:
        """A copy of the model in the canonical form for this table's operators."""
        return canonical(model, keep=self, unfit=self.is_unfit)

    def check(self, model: ir.Model) -> None:
        """Refuse a model with operators that the table does not have.

        Raises:
            UnsupportedError: There are some; all are listed.
        """
        refused = [
            (
                node.metadata_props.get(TYPE) or operator(node),
                node.metadata_props.get(LAYER) or node.name or str(node.outputs[0].name),
            )
            for node in ir.traversal.RecursiveGraphIterator(model.graph)
            if operator(node) not in self
        ]
        if refused:
            steps = [
                (
                    [str(value.name) for value in node.inputs if value is not None],
                    [str(value.name) for value in node.outputs],
                    operator(node) in self,
                )
                for node in model.graph
            ]
            inner = {
                str(value.name)
                for node in model.graph
                for value in node.outputs
                if INNER in value.meta
            }
            hint = way_round(steps, [str(value.name) for value in model.graph.outputs], inner)
            raise UnsupportedError.listing(refused, action=self.verb, hint=hint)

    def write(self, node: ExportedNode, *arguments: Any) -> Any:
        """What the node's function returns.

        Args:
            node: The node.
            arguments: What the function takes after it: what it writes with, and the inputs.

        Raises:
            UnsupportedError: The function refuses the node, or does not handle one of its attributes.
        """
        entry = self.entry(operator(node.node))
        return entry.function(node, *arguments, **self._attributes(node, entry.keywords))

    def _attributes(self, node: ExportedNode, keywords: Keywords) -> dict[str, Any]:
        """What a function takes by name."""
        given, usual = node.node.attributes, defaults(node.node)
        named = given if keywords.others else keywords.names
        wanted = [name for name in named if name not in keywords.unused]
        exact = node.output.dtype == ir.DataType.DOUBLE
        values = {name: python_value(given[name], exact) for name in wanted if name in given}
        handled = {*wanted, *keywords.unused}
        if WINDOW in keywords.names:
            values[WINDOW] = Window.of(node)
            handled |= ATTRIBUTES
        for name in sorted(given.keys() - handled):
            if name not in usual or given[name].value != usual[name].value:
                node.refuse(f"its attribute {name} is not handled for {self.framework}")
        for name, optional in keywords.names.items():
            if name not in values and not optional:
                node.refuse(f"its attribute {name} is missing")
        return values


class Input(Protocol):
    """What a function of the table is given for an input."""

    @property
    def rank(self) -> int | None:
        """The number of its axes, where it is known."""

    def numbers(self) -> np.ndarray | None:
        """The numbers of a small constant; None for what is not constant, or not small."""


class Held:
    """An operand that holds a value of the IR: what is known of that.

    Attributes:
        value: It; None for an intermediate result.
    """

    value: ir.Value | None
    readable: ClassVar[int] = READABLE

    @property
    def shape(self) -> Dimensions | None:
        """Its dimensions: sizes, names, or None; None as a whole where not even the rank is known."""
        if self.value is None or self.value.shape is None:
            return None
        return dimensions(self.value)

    @property
    def rank(self) -> int | None:
        """The number of its axes, where that is known."""
        return None if self.shape is None else len(self.shape)

    @property
    def constant(self) -> ir.TensorProtocol | None:
        """The tensor, where the value is an initializer."""
        return constant(self.value)

    @property
    def is_weight(self) -> bool:
        """Whether it is a constant that was learned: no number that the source's own code holds."""
        value = self.value if self.constant is not None else None
        return value is not None and COMPUTED not in value.metadata_props

    def numbers(self) -> np.ndarray | None:
        """The numbers of a constant of `readable` bytes at most; None for anything else."""
        return numbers(self.value, self.readable)

    def producer(self, *types: str) -> ir.Node | None:
        """The node that makes it, if it is one of these operators."""
        return producer(self.value, *types)


class ExportedNode:
    """A node on its way out.

    Attributes:
        node: The IR node.
        type: Its operator.
        layer: The name of its layer: the source's, or its own, or that of what it makes.
        source_layer: The source's name for its layer, "" where nothing is said.
        source_type: What the source called the layer's operator, "" where nothing is said.
    """

    def __init__(self, node: ir.Node) -> None:
        self.node = node
        self.type = node.op_type
        self.source_layer = node.metadata_props.get(LAYER, "")
        self.source_type = node.metadata_props.get(TYPE, "")
        self.layer = layer_of(node)

    @property
    def output(self) -> ir.Value:
        """Its first output."""
        return self.node.outputs[0]

    def wants(self, index: int) -> bool:
        """Whether anything uses that output."""
        return index < len(self.node.outputs) and is_used(self.node.outputs[index])

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """The sizes of an output, all of them numbers; where one is open the node is refused."""
        found = self.node.outputs[index].shape
        sizes = [size for size in found or () if isinstance(size, int)]
        if found is None or len(sizes) < len(found):
            self.refuse("the shape of its output is not known")
        return tuple(sizes)

    def rank(self, x: Input) -> int:
        """The number of an input's axes; without it the node is refused."""
        if x.rank is None:
            self.refuse("the rank of its input is not known")
        return x.rank

    def axis(self, x: Input, axis: int) -> int:
        """An axis of an input, counted from the front."""
        return self.front(axis, self.rank(x))

    def front(self, axis: int, rank: int) -> int:
        """One of so many axes, counted from the front."""
        if not -max(rank, 1) <= axis < max(rank, 1):
            self.refuse(f"there is no axis {axis} among {rank}")
        return axis % max(rank, 1)

    def numbers(self, x: Input | None, what: str) -> np.ndarray:
        """A constant input; refused where it is computed while the model runs."""
        found = None if x is None else x.numbers()
        if found is None:
            self.refuse(f"its {what} is computed while the model runs")
        return found

    def ints(self, x: Input | None, what: str) -> list[int]:
        """A constant input of integers; refused where it is computed while the model runs."""
        return [int(i) for i in self.numbers(x, what).reshape(-1)]

    def refuse(self, reason: str) -> NoReturn:
        """Stop, naming this layer.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(reason, layer=self.layer, operator=self.source_type or self.type)


class Refusals:
    """What is refused of a model's nodes: all of it is told at once.

    Args:
        framework: The target's name, as in messages.
    """

    MOST = 20

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self.found: list[UnsupportedError] = []

    def attempt(self, node: ExportedNode, write: Callable[[], None]) -> bool:
        """Whether a node is written, not refused."""
        try:
            write()
        except UnsupportedError as error:
            self.found.append(error)
        except ValueError as error:
            reason = f"its sizes do not fit ({error})"
            self.found.append(UnsupportedError(reason, layer=node.layer, operator=node.type))
        else:
            return True
        return False

    def check(self) -> None:
        """Refuse the model if there is any.

        Raises:
            UnsupportedError: With every reason, up to a limit.
        """
        if len(self.found) == 1:
            raise self.found[0]
        lines = [f"    layer '{e.layer}' ({e.operator}): {e.message}" for e in self.found]
        if len(lines) > self.MOST:
            lines[self.MOST :] = [f"    and {len(lines) - self.MOST} more"]
        if lines:
            count, name = len(self.found), self.framework
            raise UnsupportedError(
                f"{count} layers cannot be written as {name}:\n" + "\n".join(lines),
                hint=f"'mmlist {name.lower()}' shows what is supported.",
            )


def layer_of(node: ir.Node) -> str:
    """The name of a node's layer: the source's, or its own, or that of what it makes."""
    return node.metadata_props.get(LAYER) or node.name or str(node.outputs[0].name)


def is_used(value: ir.Value) -> bool:
    """Whether a node uses a value, or it is an output."""
    return value.is_graph_output() or bool(value.uses())


def python_value(attribute: ir.Attr, exact: bool = False) -> Any:
    """An attribute's value: int, float, str, list, tensor, graph or type.

    Args:
        attribute: It.
        exact: Whether something computes with it in double precision: the shortest decimal, which only
            float32 takes for the same number, will not do.
    """
    number = (lambda x: float(np.float32(x))) if exact else shortest
    if attribute.type == ir.AttributeType.FLOAT:
        return number(attribute.value)
    if attribute.type == ir.AttributeType.FLOATS:
        return [number(each) for each in attribute.value]
    if attribute.type in {ir.AttributeType.INTS, ir.AttributeType.STRINGS}:
        return list(attribute.value)
    return attribute.value


def shortest(number: float) -> float:
    """A float32 as the shortest decimal that gives it back, e.g. 0.1 for 0.10000000149.

    That of the largest float32 is larger than it, and is written in full.
    """
    exact = np.float32(number)
    short = float(str(exact))
    return short if abs(short) <= LARGEST or np.isinf(exact) else float(exact)
