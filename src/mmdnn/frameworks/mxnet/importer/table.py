"""The table of MXNet's operators, and what an importing function is given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.mxnet._origins import ATTRIBUTES
from mmdnn.frameworks.mxnet._schema import operators
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol
from mmdnn.ir import importing
from mmdnn.ir.builder import Builder, Op

API = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api"
NN = f"{API}/symbol/symbol.html#mxnet.symbol"
NP = f"{API}/np/generated/mxnet.np"

importer = importing.Importer("MXNet")
"""Registers a function `(node, op, *inputs) -> output or outputs` for an operator."""

IGNORED = frozenset(
    {
        *("workspace", "cudnn_tune", "cudnn_off", "cudnn_algo_verbose", "num_args", "ctx"),
        *("momentum", "grad_scale", "out_grad", "normalization", "ignore_label", "use_ignore"),
        *("smooth_alpha", "valid_thresh", "lazy_update", "sparse_grad", "use_global_stats"),
        *("min_calib_range", "max_calib_range", "key", "ndev", "multi_precision"),
    }
)
"""Parameters that say how an operator is trained, or run on some device, not what it computes."""


def existing(*types: str) -> list[str]:
    """Those of the names that are operators' own."""
    return [type_ for type_ in types if type_ in operators()]


def same(
    onnx: str, *types: str, doc: str, unused: str = "", others: bool = False, **parameters: str
) -> None:
    """Register operators of one input that are one of ONNX's, whose attributes are MXNet's parameters.

    Args:
        onnx: ONNX's operator.
        types: MXNet's.
        doc: Where their semantics are written.
        unused: The parameters that do not change the result.
        others: Whether there are more inputs, on which the result does not depend.
        parameters: MXNet's parameters by ONNX's attributes.
    """

    @importer(*types, doc=doc, unused=unused)
    def function(node: ImportedNode, op: Op, x: ir.Value, *more: ir.Value) -> ir.Value:
        if more and not others:
            node.unfit(f"it cannot have {1 + len(more)} inputs")
        return op[onnx](x, **{name: node.parameter(own) for name, own in parameters.items()})


Ints: TypeAlias = tuple[int, ...]

Floats: TypeAlias = tuple[float, ...]


class GraphImporter(importing.GraphImporter):
    """A symbol's graph, or a subgraph of it, on its way in.

    Attributes:
        model: The whole model.
        values: What has been made of each output of each node.
        readers: Who reads a node, and at which place.
    """

    def __init__(self, model: Model, builder: Builder | None = None) -> None:
        super().__init__(builder or Builder("mmdnn.mxnet", "network"), model.files.network)
        self.model = model
        self.values: dict[tuple[Node, int], ir.Value] = {}
        self.readers: dict[Node, list[tuple[Node, int]]] = {}
        self.names: dict[tuple[Node, int], str] = {}
        self._uses: Counter[tuple[Node, int]] = Counter()

    def run(self, order: Sequence[Node], heads: Sequence[Entry]) -> list[ir.Value]:
        """Import nodes, in order; the values of `heads`."""
        for node in order:
            for place, entry in enumerate(node.inputs):
                self._uses[entry.node, entry.output] += 1
                self.readers.setdefault(entry.node, []).append((node, place))
        for head in heads:
            self._uses[head.node, head.output] += 1
        for node in order:
            if not node.is_variable and (node, 0) not in self.values:
                self._node(node)
        return [self.value(head) for head in heads]

    def subgraph(
        self, symbol: Symbol, inputs: Sequence[ir.Value], builder: Builder
    ) -> list[ir.Value]:
        """The outputs of a subgraph, its variables being these values."""
        inner = GraphImporter(self.model, builder)
        inner.root, inner.shared = self.root, self.shared
        for variable, value in zip(symbol.variables, inputs, strict=True):
            inner.values[variable, 0] = value
            inner.named.add(value)
        return inner.run(symbol.nodes, symbol.heads)

    def early(self, entry: Entry) -> ir.Value:
        """A value now, with all that it needs, out of the usual order."""
        todo = [entry.node]
        while todo:
            node = todo[-1]
            missing = [e.node for e in node.read if (e.node, 0) not in self.values]
            missing = [other for other in missing if not other.is_variable]
            if missing:
                todo += missing
                continue
            todo.pop()
            if not node.is_variable and (node, 0) not in self.values:
                self._node(node)
        return self.value(entry)

    def value(self, entry: Entry) -> ir.Value:
        """The IR value of a node's output; parameters are made when they are first read."""
        key = (entry.node, entry.output)
        if key not in self.values and entry.node.is_variable:
            self.values[key] = self._variable(entry.node)
        if key not in self.values:
            entry.node.output_name(entry.output)
            raise UnsupportedError(
                f"its output '{entry.node.outputs[entry.output]}' is not known here",
                layer=entry.node.name,
                operator=entry.node.type,
            )
        return self.values[key]

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
        wanted = max((i + 1 for (n, i) in self._uses if n is node), default=1)
        imported = ImportedNode(node, self, wanted)
        with self.errors_of(imported), self.builder.layer(node.name or node.op, node.type):
            inputs = [self.value(entry) for entry in node.read]
            outputs = imported.call(importer.entry(node.type), inputs)
            for index, value in enumerate(outputs):
                self._name(node, index, value)

    def name_of(self, node: Node, index: int) -> str:
        """What an output is called: as in the framework before, where the file says that."""
        return self.names.get((node, index)) or node.output_name(index)

    def described(self, node: Node) -> str:
        """What the file says of an operator, as JSON; its values by their names in the IR."""
        read = [self.values.get((entry.node, entry.output)) for entry in node.inputs]
        made = [self.values.get((node, index)) for index in range(len(node.outputs))]
        names = [[str(value.name) if value else "" for value in each] for each in (read, made)]
        users = [key for key in node.attrs if key.startswith("__") and key not in ATTRIBUTES]
        attrs = {key: node.attrs[key] for key in (*node.params, *users)}
        said = {"op": node.op, "attrs": attrs, "inputs": names[0], "outputs": names[1]}
        return json.dumps(said, ensure_ascii=False)

    def _name(self, node: Node, index: int, value: ir.Value) -> None:
        if value.producer() is None or value in self.named:
            if value.const_value is not None and value not in self.named and index == 0:
                self.values[node, index] = value  # computed from parameters alone
                return
            value = self.builder.op.Identity(value)
        self.rename(value, self.name_of(node, index))
        self.values[node, index] = value


class ImportedNode(importing.ImportedLayer):
    """A node on its way in.

    Attributes:
        node: The node of the native graph.
        wanted: Which of its outputs are read.
        graph: The graph that it becomes a part of.
    """

    graph: GraphImporter

    def __init__(self, node: Node, graph: GraphImporter, wanted: int) -> None:
        super().__init__(node.name, node.type, graph)
        self.node = node
        self.wanted = wanted
        self.p = Parameters(self)
        self.taken: set[str] = set()

    @property
    def numpy(self) -> bool:
        """Whether it follows NumPy: reducing everything gives a scalar, not an array of one."""
        return self.node.op.startswith("_np") or self.graph.model.numpy

    def parameter(self, name: str) -> Any:
        """A parameter, parsed as MXNet parses it, or the operator's default."""
        self.taken.add(name)
        return self.node.param(name)

    def attributes(self, *names: str) -> dict[str, Any]:
        """Parameters as the attributes of a local function."""
        taken = {name: self.parameter(name) for name in names}
        plain: dict[type, Callable[[Any], Any]] = {bool: int, tuple: list}
        return {name: plain.get(type(value), lambda v: v)(value) for name, value in taken.items()}

    def has(self, name: str) -> bool:
        """Whether the operator has a parameter of this name."""
        return self.node.schema is not None and name in self.node.schema.params

    def unread(self) -> dict[str, object]:
        """Parameters that the file sets to something else than the default, and nobody has taken."""
        schema = self.node.schema
        if schema is None or not schema.params:
            return {}  # MXNet reads nothing of it either
        given = self.node.params.keys() - self.taken - IGNORED
        return {n: self.node.attrs[n] for n in given if not self._is_default(n, schema.params)}

    def _is_default(self, name: str, known: Mapping[str, str]) -> bool:
        _, separator, default = known.get(name, "").rpartition("=")
        if not separator:
            return False
        fresh = Node(self.node.op, self.node.name)
        return default == self.node.attrs[name] or bool(self.node.param(name) == fresh.param(name))


class Parameters:
    """A node's parameters as attributes."""

    def __init__(self, node: ImportedNode) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return self._node.parameter(name)
