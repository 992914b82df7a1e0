"""A node with its inputs, as an ONNX model of its own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir

Arrays = dict[str, np.ndarray]
IR_VERSION = 10


@dataclass(frozen=True)
class Input:
    """An input of a node.

    Attributes:
        array: What it is fed, or what it is.
        constant: Whether it is an initializer.
        open: Its axes whose sizes the model leaves open.
    """

    array: np.ndarray
    constant: bool = False
    open: tuple[int, ...] = ()

    def __str__(self) -> str:
        sizes = ["?" if axis in self.open else str(n) for axis, n in enumerate(self.array.shape)]
        kind = "" if self.array.dtype == np.float32 else str(self.array.dtype)
        text = f"{'w' if self.constant else 'x'}{kind}[{','.join(sizes)}]"
        if self.array.size > 12 or not _is_plain(self.array):
            return text
        return f"{text}={str(self.array.tolist()).replace(' ', '')}"

    def one_more(self) -> np.ndarray:
        """The array with its first row once more behind it, where that axis is open."""
        return np.concatenate([self.array, self.array[:1]]) if 0 in self.open else self.array


def _is_plain(array: np.ndarray) -> bool:
    """Whether its numbers were written, not drawn."""
    return array.dtype.kind in "iub" or bool((array == array.round(2)).all())


@dataclass(frozen=True, eq=False)
class Case:
    """A node.

    Attributes:
        operator: Its type, of ONNX's own domain.
        inputs: Its inputs; None for one that is left out.
        attributes: Its attributes.
        outputs: How many outputs it has; names of those that are asked for, "" for others.
        opset: The opset that its model is of.
        engine: Whether frameworks themselves run it; else it is read back, for what they do with such numbers
            is theirs, not the exporter's.
        again: Whether it is fed a second time where the first axis of an input is open.
        nodes: Several nodes, or one with bodies, in ONNX's text: inputs are x0, x1, ..., outputs y0, y1, ...
    """

    operator: str
    inputs: Sequence[Input | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int | Sequence[str] = 1
    opset: int = 22
    engine: bool = True
    again: bool = True
    nodes: str = ""

    @cached_property
    def name(self) -> str:
        """What it is, in words; no two of the grid have one name."""
        inputs = " ".join("-" if given is None else str(given) for given in self.inputs)
        attributes = " ".join(
            f"{key}={str(value).replace(' ', '')}" for key, value in self.attributes.items()
        )
        more = "" if self.outputs == 1 else f"=> {self.outputs}"
        old = "" if self.opset == 22 else f"opset {self.opset}"
        text = " ".join(self.nodes.split())
        return " ".join(filter(None, [self.operator, inputs, attributes, more, old, text]))

    @property
    def names(self) -> list[str]:
        """The names of its outputs; "" for one that is left out."""
        count = self.outputs
        return [f"y{i}" for i in range(count)] if isinstance(count, int) else list(count)

    @property
    def results(self) -> list[str]:
        """The names of those that are asked for."""
        return list(filter(None, self.names))

    @property
    def feeds(self) -> list[Arrays]:
        """What the model is fed; where the batch is open, again with one more in it."""
        given = {
            f"x{i}": given
            for i, given in enumerate(self.inputs)
            if given is not None and not given.constant
        }
        feeds = [{name: x.array for name, x in given.items()}]
        if self.again and any(0 in x.open for x in given.values()):
            feeds.append({name: x.one_more() for name, x in given.items()})
        return feeds

    def model(self) -> ir.Model:
        """The model."""
        return self._parsed() if self.nodes else self._one()

    def _parsed(self) -> ir.Model:
        """The model of its text."""
        given = {f"x{i}": given for i, given in enumerate(self.inputs) if given is not None}
        fed = [_declared(name, x) for name, x in given.items() if not x.constant]
        outputs = ", ".join(f"float[] {name}" for name in self.names)
        head = f'<ir_version: {IR_VERSION}, opset_import: ["": {self.opset}]>'
        proto = onnx.parser.parse_model(
            f"{head} one ({', '.join(fed)}) => ({outputs}) {{{self.nodes}}}"
        )
        del proto.graph.output[:]
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.names)
        proto.graph.initializer.extend(
            ir.to_proto(ir.tensor(x.array, name=name)) for name, x in given.items() if x.constant
        )
        return ir.from_proto(onnx.shape_inference.infer_shapes(proto))

    def _one(self) -> ir.Model:
        """The model of its node."""
        values, graph_inputs, weights = [], [], []
        for index, given in enumerate(self.inputs):
            if given is None:
                values.append(None)
                continue
            tensor = ir.tensor(given.array, name=f"x{index}")
            value = ir.val(f"x{index}", dtype=tensor.dtype, shape=_shape(index, given))
            if given.constant:
                value.const_value = tensor
                weights.append(value)
            else:
                graph_inputs.append(value)
            values.append(value)
        node = ir.node(
            self.operator, values, dict(self.attributes), num_outputs=len(self.names), name="node"
        )
        for value, name in zip(node.outputs, self.names, strict=True):
            value.name = name
        graph = ir.Graph(
            graph_inputs,
            [value for value in node.outputs if value.name],
            nodes=[node],
            initializers=weights,
            opset_imports={"": self.opset},
            name="one",
        )
        return ir.Model(graph, ir_version=IR_VERSION)


def _declared(name: str, given: Input) -> str:
    """An input in ONNX's text."""
    kind = {"float32": "float", "float64": "double"}.get(str(given.array.dtype), given.array.dtype)
    sizes = [
        ("batch" if axis == 0 else f"d{axis}_{name}") if axis in given.open else str(size)
        for axis, size in enumerate(given.array.shape)
    ]
    return f"{kind}[{', '.join(sizes)}] {name}" if sizes else f"{kind} {name}"


def _shape(index: int, given: Input) -> ir.Shape:
    symbols = {0: "batch"}
    return ir.Shape(
        symbols.get(axis, f"d{index}_{axis}") if axis in given.open else size
        for axis, size in enumerate(given.array.shape)
    )


Family = Callable[[np.random.Generator], Iterator[Case]]
FAMILIES: dict[str, Family] = {}


def family(function: Family) -> Family:
    """Register cases: a function that yields them, with random numbers of its own."""
    FAMILIES[function.__name__] = function
    return function


def cases(pattern: str = "") -> list[Case]:
    """The grid, without doubles; its numbers are always the same."""
    import re

    from differential import grid

    grid.load()
    known: dict[str, Case] = {}
    for name, function in FAMILIES.items():
        for case in function(np.random.default_rng(zlib.crc32(name.encode()))):
            known.setdefault(case.name, case)
    return [case for case in known.values() if re.search(pattern, case.name)]


# inputs


def fed(array: Any, *, open: Sequence[int] = ()) -> Input:  # noqa: A002 - ONNX's word
    """An input of the model."""
    return Input(np.asarray(array), open=tuple(open))


def weight(array: Any) -> Input:
    """An initializer."""
    return Input(np.asarray(array), constant=True)


def ints(*numbers: int) -> Input:
    """A vector of int64, as an initializer."""
    return weight(np.array(numbers, np.int64))


def some(options: Sequence[Any], count: int, rng: np.random.Generator) -> list[Any]:
    """So many of the options, in their order; all where there are not more."""
    if len(options) <= count:
        return list(options)
    return [options[i] for i in sorted(rng.choice(len(options), count, replace=False))]
