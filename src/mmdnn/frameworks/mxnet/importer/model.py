"""From an MXNet model to the IR, node by node, values named as MXNet names them.

Names are those of `symbol.get_internals().list_outputs()`; where several nodes have one name, the
later ones get a number. An open batch stays open wherever the operators allow.
"""

from __future__ import annotations

import inspect
from collections import Counter

import onnx_ir as ir

from mmdnn.errors import Error, FormatError, UnsupportedError
from mmdnn.frameworks.mxnet import _origins
from mmdnn.frameworks.mxnet._values import called
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol
from mmdnn.frameworks.mxnet.importer import dtypes, inputs_outputs
from mmdnn.frameworks.mxnet.importer.table import Importing, importer
from mmdnn.ir import FRAMEWORK, SAID
from mmdnn.ir.builder import Builder, Dimension, NeedsStatic

Shape = tuple[int | None, ...]


def to_ir(model: Model, *, static: bool = False) -> ir.Model:
    """The IR of an MXNet model. Its batch is dynamic wherever the operators allow.

    Args:
        model: A model as the reader gives it.
        static: Give every dimension the size that the files or the user say.

    Returns:
        A model whose values are named as MXNet's, channels first.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
    """
    heads = inputs_outputs.heads(model)
    order = _needed(model.symbol, heads)
    refused = [
        (node.op, node.name)
        for top in order
        for node in (top, *(n for graph in top.subgraphs for n in graph.walk()))
        if not node.is_variable and node.type not in importer
    ]
    if refused:
        raise UnsupportedError.listing(refused, action="read from MXNet", file=model.files.network)
    sizes = {} if static else inputs_outputs.symbols(model)
    while True:
        try:
            return GraphImporter(model, sizes).run(order, heads)
        except NeedsStatic as missing:
            if not sizes:
                raise inputs_outputs.unknown(model, missing) from None
            wanted = missing.symbols.intersection(sizes.values()) or set(sizes.values())
            if missing.symbols and not missing.symbols.intersection(sizes.values()):
                raise inputs_outputs.unknown(model, missing) from None
            sizes = {size: name for size, name in sizes.items() if name not in wanted}


def _needed(symbol: Symbol, heads: list[Entry]) -> list[Node]:
    """The nodes that outputs depend on, in order."""
    found, todo = set[Node](), [head.node for head in heads]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += [entry.node for entry in node.inputs]
    return [node for node in symbol.nodes if node in found]


class GraphImporter:
    """One attempt, with these sizes left open.

    Attributes:
        values: What has been made of each output of each node.
        shared: What several nodes share, by what it is.
        readers: Who reads a node, and at which place.
    """

    def __init__(
        self, model: Model, symbols: dict[int, str], builder: Builder | None = None
    ) -> None:
        self.model = model
        self.symbols = symbols
        self.builder = builder or Builder("mmdnn.mxnet", "network")
        self.values: dict[tuple[Node, int], ir.Value] = {}
        self.shared: dict[object, ir.Value] = {}
        self.named: set[ir.Value] = set()
        self.called: dict[tuple[Node, int], str] = {}
        self.reserved: set[str] = set()
        self.uses: Counter[tuple[Node, int]] = Counter()
        self.readers: dict[Node, list[tuple[Node, int]]] = {}

    def run(self, order: list[Node], heads: list[Entry]) -> ir.Model:
        """Import the nodes; `heads` become the outputs."""
        self.called = called(self.model.symbol)
        self.reserved = {name for node in order for name in self._names(node)}
        self.builder.reserve([*self.reserved, *self.model.params, *self.model.inputs])
        self._inputs()
        self.nodes(order, heads)
        graph = self.builder.graph
        _origins.read(order, self.values, graph)
        for head in heads:
            value = self.value(head)
            if value.const_value is not None or value in graph.outputs:
                value = self.builder.op.Identity(value)
            graph.outputs.append(value)
        for name, value in list(graph.initializers.items()):
            if not value.uses() and value not in graph.outputs:
                del graph.initializers[name]
        return self.builder.model(**{FRAMEWORK: "mxnet"})

    def _names(self, node: Node) -> list[str]:
        names = [self._called(node, index) for index in range(len(node.outputs))]
        return [] if node.is_variable else names

    def _called(self, node: Node, index: int) -> str:
        """What an output is called: as in the framework before, where the file says that."""
        return self.called.get((node, index)) or node.output_name(index)

    def nodes(self, order: list[Node], heads: list[Entry]) -> None:
        """Import nodes in order."""
        for node in order:
            for place, entry in enumerate(node.inputs):
                self.uses[entry.node, entry.output] += 1
                self.readers.setdefault(entry.node, []).append((node, place))
        for head in heads:
            self.uses[head.node, head.output] += 1
        for node in order:
            if not node.is_variable and (node, 0) not in self.values:
                self._node(node)

    def early(self, entry: Entry) -> ir.Value:
        """A value now, with all that it needs, out of the usual order."""
        todo = [entry.node]
        while todo:
            node = todo[-1]
            missing = [e.node for e in node.inputs if (e.node, 0) not in self.values]
            missing = [other for other in missing if not other.is_variable]
            if missing:
                todo += missing
                continue
            todo.pop()
            if not node.is_variable and (node, 0) not in self.values:
                self._node(node)
        return self.value(entry)

    def _inputs(self) -> None:
        kinds = dtypes.of_inputs(self.model)
        variables = {node.name: node for node in self.model.symbol.variables}
        for name, shape in self.model.inputs.items():
            shape = shape if shape is not None else self.model.assumed.get(name)
            dims = self._dimensions(name, shape or ())
            value = self.builder.input(name, dims, kinds[name])
            if shape is None:
                value.shape = None
            elif shape and shape[0] is not None and not isinstance(dims[0], int):
                value.metadata_props[SAID] = str(shape[0])
            self.values[variables[name], 0] = value
            self.named.add(value)

    def _dimensions(self, name: str, shape: Shape) -> list[Dimension]:
        dims: list[Dimension] = [
            f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape)
        ]
        if shape and not inputs_outputs.is_fixed(self.model, name):
            dims[0] = "batch" if shape[0] is None else self.symbols.get(shape[0], shape[0])
        return dims

    def value(self, entry: Entry) -> ir.Value:
        """The IR value of a node's output; parameters are made when they are first read."""
        key = (entry.node, entry.output)
        if key not in self.values and entry.node.is_variable:
            self.values[key] = self._variable(entry.node)
        if key not in self.values:
            self._missing(entry)
        return self.values[key]

    def _missing(self, entry: Entry) -> None:
        node = entry.node
        node.output_name(entry.output)
        raise UnsupportedError(
            f"its output '{node.outputs[entry.output]}' is not known here",
            layer=node.name,
            operator=node.type,
        )

    def _variable(self, node: Node) -> ir.Value:
        tensor = self.model.params.get(node.name)
        same = next(
            (v for (n, _), v in self.values.items() if n.is_variable and n.name == node.name), None
        )
        if same is not None:
            return same
        if tensor is None:
            raise FormatError(
                f"no file holds the parameter '{node.name}'",
                hint="Give the .params file that was saved with this symbol.",
            )
        value = ir.val(node.name, const_value=tensor)
        self.builder.graph.initializers[node.name] = value
        return value

    def _node(self, node: Node) -> None:
        wanted = max((i + 1 for (n, i) in self.uses if n is node), default=1)
        importing = Importing(node, self, wanted)
        try:
            inputs = [
                self.value(entry)
                for entry in node.inputs
                if entry.node.name not in self.model.labels
            ]
            with self.builder.layer(node.name or node.op, node.type):
                outputs = self._import(importing, inputs)
                for index, value in enumerate(outputs):
                    self._name(node, index, value)
        except Error as error:
            error.layer = error.layer or node.name
            error.operator = error.operator or node.type
            error.file = error.file or self.model.files.network
            raise

    def _import(self, importing: Importing, inputs: list[ir.Value]) -> list[ir.Value]:
        function = importer[importing.type]
        try:
            inspect.signature(function).bind(importing, self.builder.op, *inputs)
        except TypeError:
            importing.unfit(f"it cannot have {len(inputs)} inputs")
        try:
            made = function(importing, self.builder.op, *inputs)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            importing.unfit(f"its parameters do not fit its inputs ({error})")
        importing.check_read()
        return [made] if isinstance(made, ir.Value) else list(made)

    def _name(self, node: Node, index: int, value: ir.Value) -> None:
        if value.producer() is None or value in self.named:
            if value.const_value is not None and value not in self.named and index == 0:
                self.values[node, index] = value  # computed from parameters alone
                return
            value = self.builder.op.Identity(value)
        name = self._called(node, index)
        free = name in self.reserved
        self.reserved.discard(name)
        self.builder.rename(value, name if free else self.builder.unique(name))
        self.values[node, index] = value
        self.named.add(value)
