"""An MXNet model as plain objects: a symbol (a graph of operators) and its arrays.

What is known of each operator stands in `operators.json`, taken from MXNet 1.9.1 itself: its tensor
inputs, its parameters with their types and defaults, and the names that mean it.
(`tools/build_mxnet_operators.py` writes it.) The names of values are those of
`symbol.get_internals().list_outputs()`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.mxnet import _attributes
from mmdnn.registry import Source

VARIABLE = "null"
"""What a file calls the operator of a variable: an input or a parameter."""


class Entry(NamedTuple):
    """One output of a node."""

    node: Node
    output: int = 0
    version: int = 0


@dataclass(eq=False)
class Node:
    """One operator, or a variable.

    Attributes:
        op: The operator as the file calls it; `VARIABLE` for a variable.
        name: The node's name; not unique in every file.
        attrs: The operator's parameters as the file writes them, texts; of a variable, and under
            names such as `__shape__`, what the user has attached.
        inputs: What it reads, in the operator's order, auxiliary states last.
        subgraphs: Of control flow operators.
        control: Nodes that must have run before (files of MXNet 1.x leave it out).
    """

    op: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: list[Entry] = field(default_factory=list)
    subgraphs: list[Symbol] = field(default_factory=list)
    control: list[Node] = field(default_factory=list)

    @property
    def is_variable(self) -> bool:
        """Whether it is an input or a parameter."""
        return self.op == VARIABLE

    @property
    def type(self) -> str:
        """The operator's own name, where the file uses another that means it."""
        return canonical(self.op)

    @property
    def schema(self) -> Operator | None:
        """What is known of the operator; None where MXNet 1.9.1 has no such one."""
        return operators().get(self.type)

    def param(self, name: str) -> Any:
        """A parameter, parsed as MXNet parses it, or the operator's default.

        Returns:
            bool, int, float, str, tuple or None, by the parameter's type.

        Raises:
            FormatError: The text cannot be parsed, or a parameter without default is missing.
            UnsupportedError: The operator has no such parameter.
        """
        schema = self.schema
        if schema is None or name not in schema.params:
            raise UnsupportedError(
                f"its parameter {name} is not known", layer=self.name, operator=self.op
            )
        kind, separator, default = schema.params[name].rpartition("=")
        if not separator:
            kind, default = default, ""
        try:
            if name in self.attrs:
                return _attributes.parse(kind, self.attrs[name])
            if not separator:
                raise ValueError("it is missing")
            return _attributes.parse(kind, default)
        except ValueError as error:
            raise FormatError(
                f"parameter {name}: {error}", layer=self.name, operator=self.op
            ) from None

    @property
    def params(self) -> dict[str, str]:
        """The operator's parameters among the attributes, not what users attach to nodes."""
        return {key: text for key, text in self.attrs.items() if not is_hidden(key)}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its outputs, hidden ones included, without the node's name."""
        if self.type in _OUTPUTS:
            named = _OUTPUTS[self.type]
            return named if isinstance(named, tuple) else named(self)
        return ("output",)

    def output_name(self, index: int) -> str:
        """The name of an output's value; of a variable, its own.

        Raises:
            FormatError: It has no such output.
        """
        if self.is_variable and index == 0:
            return self.name
        if self.is_variable or index >= len(self.outputs):
            raise FormatError(f"it has no output {index}", layer=self.name, operator=self.op)
        output = self.outputs[index]
        return f"{self.name}_{output}" if self.name else output


@dataclass(eq=False)
class Symbol:
    """A graph.

    Attributes:
        nodes: In the file's order, which is topological.
        heads: Its outputs.
        attrs: The file's own, e.g. {"mxnet_version": ["int", 10901]}.
    """

    nodes: list[Node]
    heads: list[Entry]
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> list[Node]:
        """Inputs and parameters, in the file's order."""
        return [node for node in self.nodes if node.is_variable]

    @property
    def operators(self) -> list[Node]:
        """The nodes that compute."""
        return [node for node in self.nodes if not node.is_variable]

    def walk(self) -> Iterator[Node]:
        """All nodes, those of subgraphs included."""
        for node in self.nodes:
            yield node
            for subgraph in node.subgraphs:
                yield from subgraph.walk()


@dataclass(eq=False)
class Model:
    """A symbol with its arrays.

    Attributes:
        symbol: The graph.
        params: Arrays by name: arguments and auxiliary states that the symbol may use.
        auxiliary: Which of the names are auxiliary states (running statistics).
        inputs: The variables that must be fed, and their shapes where something says them (None
            for a size, or a whole shape, that nothing does).
        numpy: Whether shapes follow NumPy: () is a scalar and 0 a size (arrays of format V3).
        files: Where it was read from, and what the user said about it.
        labels: Variables that only training reads.
        needed: What the first operators that read inputs say of their shapes.
        assumed: What is taken for the shapes of inputs that nothing says.
    """

    symbol: Symbol
    params: dict[str, ir.TensorProtocol] = field(default_factory=dict)
    auxiliary: set[str] = field(default_factory=set)
    inputs: dict[str, tuple[int | None, ...] | None] = field(default_factory=dict)
    numpy: bool = False
    files: Source = field(default_factory=Source)
    labels: tuple[str, ...] = ()
    needed: dict[str, tuple[int | None, ...]] = field(default_factory=dict)
    assumed: dict[str, tuple[int | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Operator:
    """What MXNet says of one of its operators.

    Attributes:
        inputs: Names of its tensor inputs; one that takes any number has one name for all.
        params: Parameter name to "type" or "type=default".
    """

    inputs: tuple[str, ...]
    params: dict[str, str]


@cache
def _table() -> Any:
    text = files("mmdnn.frameworks.mxnet").joinpath("operators.json").read_text()
    return json.loads(text)


@cache
def operators() -> dict[str, Operator]:
    """All operators by their own names."""
    rows = _table()["operators"].items()
    return {name: Operator(tuple(row["inputs"]), row["params"]) for name, row in rows}


def canonical(op: str) -> str:
    """An operator's own name."""
    return str(_table()["aliases"].get(op, op))


HIDDEN = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
"""Attributes of nodes that say nothing about their operator, as old files write them."""


def is_hidden(key: str) -> bool:
    """Whether an attribute is the user's, not the operator's (src/nnvm/legacy_json_util.cc)."""
    return (key.startswith("__") and key.endswith("__")) or key.endswith(HIDDEN)


AUXILIARY: dict[str, tuple[str, ...]] = {
    "BatchNorm": ("moving_mean", "moving_var"),
    "BatchNorm_v1": ("moving_mean", "moving_var"),
    "_contrib_SyncBatchNorm": ("moving_mean", "moving_var"),
    "_contrib_BatchNormWithReLU": ("moving_mean", "moving_var"),
    "IdentityAttachKLSparseReg": ("moving_avg",),
}
"""Auxiliary states: the last inputs. Symbol files before 0.9 leave them out."""

LABELS: dict[str, int] = {
    "SoftmaxOutput": 1,
    "LinearRegressionOutput": 1,
    "LogisticRegressionOutput": 1,
    "MAERegressionOutput": 1,
    "SVMOutput": 1,
}
"""The place of the label among the inputs of operators whose output does not depend on it."""


def _numbered(count: Callable[[Node], int]) -> Callable[[Node], tuple[str, ...]]:
    def names(node: Node) -> tuple[str, ...]:
        number = count(node)
        return tuple(f"output{i}" for i in range(number)) if number != 1 else ("output",)

    return names


def _always_numbered(count: Callable[[Node], int]) -> Callable[[Node], tuple[str, ...]]:
    return lambda node: tuple(f"output{i}" for i in range(count(node)))


def _sections(node: Node) -> int:
    sections = node.param("sections")
    return int(sections) if sections > 0 else len(node.param("indices"))


def _rnn(node: Node) -> tuple[str, ...]:
    if not node.param("state_outputs"):
        return ("output",)
    states = ("state_output", "statecell_output")
    return ("output", *(states if node.param("mode") == "lstm" else states[:1]))


def _leaky(node: Node) -> tuple[str, ...]:
    return ("output", "mask") if node.param("act_type") == "rrelu" else ("output",)


_TWO: tuple[str, ...] = ("output0", "output1")
_RANGE: tuple[str, ...] = ("output", "min_output", "max_output")
_MOMENTS: tuple[str, ...] = ("output", "mean", "var")

_OUTPUTS: dict[str, tuple[str, ...] | Callable[[Node], tuple[str, ...]]] = {
    "BatchNorm": _MOMENTS,
    "BatchNorm_v1": _MOMENTS,
    "BilinearSampler": ("output", "tmp"),
    "CTCLoss": _TWO,
    "Correlation": ("output", "tmp1", "tmp2"),
    "Dropout": ("output", "mask"),
    "GridGenerator": ("output", "grid_dst"),
    "GroupNorm": ("output", "mean", "std"),
    "InstanceNorm": _MOMENTS,
    "L2Normalization": ("output", "norm"),
    "LRN": ("output", "tmp_norm"),
    "LayerNorm": ("output", "mean", "std"),
    "LeakyReLU": _leaky,
    "RNN": _rnn,
    "ROIPooling": ("output", "maxidx"),
    "SliceChannel": _always_numbered(lambda node: int(node.param("num_outputs"))),
    "SpatialTransformer": ("output", "grid_dst", "grid_src"),
    "_cond": _numbered(lambda node: int(node.param("num_outputs"))),
    "_contrib_BatchNormWithReLU": (*_MOMENTS, "workspace"),
    "_contrib_DeformablePSROIPooling": ("output", "top_count"),
    "_contrib_MultiBoxTarget": ("loc_target", "loc_mask", "cls_target"),
    "_contrib_MultiProposal": ("output", "score"),
    "_contrib_Proposal": ("output", "score"),
    "_contrib_SyncBatchNorm": _MOMENTS,
    "_contrib_bipartite_matching": _TWO,
    "_contrib_box_encode": _TWO,
    "_contrib_box_nms": _TWO,
    "_contrib_quantize": ("output0", "output1", "output2"),
    "_contrib_quantize_v2": ("output0", "output1", "output2"),
    "_contrib_requantize": ("output0", "output1", "output2"),
    "_contrib_quantized_act": _RANGE,
    "_contrib_quantized_concat": _RANGE,
    "_contrib_quantized_conv": _RANGE,
    "_contrib_quantized_elemwise_add": _RANGE,
    "_contrib_quantized_flatten": _RANGE,
    "_contrib_quantized_fully_connected": _RANGE,
    "_contrib_quantized_pooling": _RANGE,
    "_foreach": _numbered(lambda node: int(node.param("num_outputs"))),
    "_linalg_gelqf": _TWO,
    "_linalg_slogdet": _TWO,
    "_linalg_syevd": _TWO,
    "_npi_concatenate": ("out",),
    "_npi_dsplit": _numbered(_sections),
    "_npi_dstack": ("out",),
    "_npi_hsplit": _numbered(_sections),
    "_npi_hstack": ("out",),
    "_npi_matmul": ("out",),
    "_npi_std": ("std", "mean"),
    "_npi_var": ("var", "mean"),
    "_split_v2": _numbered(_sections),
    "_while_loop": _numbered(lambda node: int(node.param("num_outputs"))),
    "amp_multicast": _numbered(lambda node: int(node.param("num_outputs"))),
    "make_loss": ("loss",),
    "moments": _TWO,
    "sort": _TWO,
    "topk": _numbered(lambda node: 1 if node.param("ret_typ") in {"indices", "mask"} else 2),
}
"""What outputs are called, where it is not one "output": names, or how to find them."""
