"""The function that builds the symbol: a statement for each node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mmdnn.frameworks.mxnet._origins import ATTRIBUTES
from mmdnn.frameworks.mxnet.codegen.training import Loss, losses
from mmdnn.frameworks.mxnet.codegen.values import function, literal, variable
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol
from mmdnn.python.layout import WIDTH, lay_out
from mmdnn.python.literals import docstring, string
from mmdnn.python.names import variable as variable_name

_INFIX = {
    "_plus_scalar": "{0} + {1}",
    "_minus_scalar": "{0} - {1}",
    "_rminus_scalar": "{1} - {0}",
    "_mul_scalar": "{0} * {1}",
    "_div_scalar": "{0} / {1}",
    "_rdiv_scalar": "{1} / {0}",
    "_power_scalar": "{0} ** {1}",
}
"""Operators that have no public function: written so where the node's name says nothing."""

RESERVED = {"mx", "network", "load", "train", "inf"}
"""What variables are not called, besides Python's own words."""

_MADE_BY_LAYERS = {
    *("Convolution", "Deconvolution", "FullyConnected", "BatchNorm", "LayerNorm", "InstanceNorm"),
    *("Embedding", "LeakyReLU", "RNN", "GroupNorm", "SoftmaxOutput"),
}
"""Operators that make their own parameters, named `<layer>_<input>`, where none are given."""


class Network:
    """The text of `network(train)`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.taken: set[str] = set()
        self.names: dict[Node, str] = {}
        self.uses: Counter[Node] = Counter()
        for node in model.symbol.walk():
            self.uses.update(entry.node for entry in node.inputs)
        self.uses.update(head.node for head in model.symbol.heads)
        self.loops = 0
        self.implied: set[Node] = set()
        for node in model.symbol.operators:
            self.implied.update(self._implied(node))

    def lines(self) -> Iterator[str]:
        """The function, line by line."""
        yield "def network(train=False):"
        found = losses(self.model)
        about = "The outputs as a symbol."
        if found:
            labels = ", ".join(f"`{loss.label}`" for loss in found)
            about = f"The outputs as a symbol; with `train`, the loss, which reads {labels}."
        yield from self._wrapped(about)
        late = {loss.head.node for loss in found if loss.replaces}
        for node in self.model.symbol.nodes:
            if node not in self.implied and node not in late:
                yield from self.statement(node, 4)
        yield from self._losses(found)
        for node in self.model.symbol.nodes:
            if node in late:
                yield from self.statement(node, 4)
        yield from self._returned([self.operand(head) for head in self.model.symbol.heads], 4)

    def _wrapped(self, text: str) -> Iterator[str]:
        if len(text) > WIDTH - 10:
            place = text.rfind(" ", 0, WIDTH - 8)
            text = f"{text[:place]}\n{text[place + 1 :]}"
        yield docstring(text, 4)

    def _losses(self, found: list[Loss]) -> Iterator[str]:
        if not found:
            return
        yield "    if train:"
        by_head = {}
        for loss in found:
            label = self.name(loss.label)
            yield f"        {label} = mx.sym.Variable({string(loss.label)})"
            name = self.name(f"{loss.name}_loss")
            parts = [self.operand(loss.input), label, *loss.params, f"name={string(loss.name)}"]
            yield from lay_out(f"{8 * ' '}{name} = mx.sym.{loss.op}({', '.join(parts)})")
            by_head[loss.head] = name
        heads = [by_head.get(head) or self.operand(head) for head in self.model.symbol.heads]
        yield from self._returned(heads, 8)

    def _returned(self, heads: list[str], indent: int) -> Iterator[str]:
        if len(heads) == 1:
            yield f"{' ' * indent}return {heads[0]}"
        else:
            yield from lay_out(f"{' ' * indent}return mx.sym.Group([{', '.join(heads)}])")

    def name(self, wish: str) -> str:
        """A new variable's name."""
        return variable_name(wish, self.taken, RESERVED)

    def statement(self, node: Node, indent: int) -> Iterator[str]:
        """The assignment that makes a node."""
        margin = " " * indent
        if node.subgraphs:
            yield from self._loop(node, indent)
            return
        name = self.names[node] = self.name(node.name)
        if node.is_variable:
            yield from lay_out(f"{margin}{name} = mx.sym.Variable({', '.join(variable(node))})")
            return
        inputs = [self.operand(entry) for entry in node.inputs if entry.node not in self.implied]
        if node.op in _INFIX and node.name.endswith(node.op):
            text = _INFIX[node.op].format(inputs[0], literal(node, "scalar", node.attrs["scalar"]))
            yield f"{margin}{name} = {text}"
            return
        parts = [*inputs]
        parts += [f"{key}={literal(node, key, text)}" for key, text in self._params(node)]
        parts.append(f"name={string(node.name)}")
        yield from lay_out(f"{margin}{name} = {function(node.op)}({', '.join(parts)})")

    def _params(self, node: Node) -> Iterator[tuple[str, str]]:
        for key, text in node.params.items():
            if key != "num_args":
                yield key, text

    def _implied(self, node: Node) -> set[Node]:
        """Variables that the operator makes by itself: the last ones, none of them shared."""
        schema = node.schema
        if schema is None or node.type not in _MADE_BY_LAYERS:
            return set()
        found: set[Node] = set()
        for entry, role in reversed(list(zip(node.inputs, schema.inputs, strict=False))):
            each = entry.node
            plain = each.is_variable and each.name == f"{node.name}_{role}"
            plain = plain and not each.attrs.keys() - ATTRIBUTES
            if not plain or self.uses[each] != 1 or each.name in self.model.inputs:
                break
            found.add(each)
        return found

    def operand(self, entry: Entry) -> str:
        """An output as it is referred to."""
        node = entry.node
        name = self.names[node]
        if node.is_variable or node.subgraphs:
            return f"{name}[{entry.output}]" if node.subgraphs else name
        visible = node.op not in _HIDDEN and len(node.outputs) > 1
        return f"{name}[{entry.output}]" if visible else name

    def _loop(self, node: Node, indent: int) -> Iterator[str]:
        """`foreach` with its body as a function."""
        margin = " " * indent
        body = node.subgraphs[0]
        step = self.name(f"{node.name}_step")
        places = {key: node.param(key) for key in ("in_data_locs", "in_state_locs", "remain_locs")}
        given = [self.operand(entry) for entry in node.inputs]
        data, states = len(places["in_data_locs"]), len(places["in_state_locs"])
        own = self._arguments(node, given[data + states :])
        yield ""
        yield f"{margin}def {step}({', '.join(own)}):"
        self.loops += 1
        yield from self._body(body, places, given[data + states :], node, own, indent + 4)
        self.loops -= 1
        outputs, last = (self.name(f"{node.name}_{part}") for part in ("outputs", "states"))
        parts = [
            step,
            f"[{', '.join(given[:data])}]",
            f"[{', '.join(given[data : data + states])}]",
            f"name={string(node.name)}",
        ]
        yield ""
        call = f"mx.sym.contrib.foreach({', '.join(parts)})"
        yield from lay_out(f"{margin}{outputs}, {last} = {call}")
        name = self.names[node] = self.name(node.name)
        joined = f"[*{outputs}, *{last}]"
        yield f"{margin}{name} = {joined}"

    def _arguments(self, node: Node, outside: list[str]) -> tuple[str, str]:
        """What a body calls its data and states, so that it sees what it reads from outside."""
        usual = ("data", "states")
        if not self.loops and not {text.partition("[")[0] for text in outside} & set(usual):
            return usual
        data, states = (self.name(f"{node.name}_{part}") for part in ("data", "before"))
        return data, states

    def _body(
        self,
        body: Symbol,
        places: dict[str, tuple[int, ...]],
        outside: list[str],
        node: Node,
        own: tuple[str, str],
        indent: int,
    ) -> Iterator[str]:
        variables = body.variables
        for text, key in zip(own, ("in_data_locs", "in_state_locs"), strict=True):
            for index, place in enumerate(places[key]):
                self.names[variables[place]] = f"{text}[{index}]"
        for name, place in zip(outside, places["remain_locs"], strict=True):
            self.names[variables[place]] = name
        for each in body.operators:
            yield from self.statement(each, indent)
        heads = [self.operand(head) for head in body.heads]
        count = node.param("num_out_data")
        yield f"{' ' * indent}return [{', '.join(heads[:count])}], [{', '.join(heads[count:])}]"


_HIDDEN = {
    *("BatchNorm", "Dropout", "LRN", "L2Normalization", "InstanceNorm", "LayerNorm", "GroupNorm"),
    *("ROIPooling", "LeakyReLU", "BatchNorm_v1", "BilinearSampler", "GridGenerator", "Correlation"),
    *("SpatialTransformer", "_contrib_SyncBatchNorm", "CTCLoss", "_contrib_Proposal"),
    *("_contrib_MultiProposal", "_contrib_box_nms", "sort"),
}
"""Operators of which only the first output is seen."""
