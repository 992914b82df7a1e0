"""A layer in float64, computed from the values that an engine had before it.

The operators are those of `onnx.reference` (https://onnx.ai/onnx/api/reference.html), the standard's
own evaluator in numpy; the windowed ones, which it walks element by element, are done on strided views
here. Nothing of it is shared with an engine, an importer or an exporter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes  # noqa: F401 - numpy knows the narrow floats by it
import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from mmdnn.ir import OPSET
from mmdnn.ir.passes.defaults import add_defaults
from mmdnn.ir.passes.windows import spell_window
from mmdnn.verify import rounding
from mmdnn.verify.bands import EXACT, Band, Bands
from mmdnn.verify.rounding import moved
from mmdnn.verify.strided import OPERATORS, TooLargeError

Arrays = Mapping[str, np.ndarray]

SLOW = {"Resize": 1 << 16, "GridSample": 1 << 15, "RoiAlign": 1 << 14, "DeformConv": 1 << 14}
SLOW |= dict.fromkeys(("Col2Im", "MaxUnpool", "LpPool", "NonMaxSuppression"), 1 << 16)
"""Operators that the evaluator walks element by element, and how many elements they may have."""
RANDOM = ("Random", "Bernoulli", "Multinomial")
LOCAL = EXACT | {"Concat", "Gather", "MaxPool", "Reshape", "Slice", "Transpose"}
"""Operators that round no element by the size of others."""


class Exact:
    """Computes a model's values in float64.

    Args:
        model: An IR model; local functions are looked into. It is not changed.
    """

    def __init__(self, model: ir.Model) -> None:
        self.model = model.clone()
        common.InlinePass()(self.model)
        add_defaults(self.model)
        for node in ir.traversal.RecursiveGraphIterator(self.model.graph):
            spell_window(node)
            for graph in _graphs(node):
                _widen(graph)
        self.opset = self.model.opset_imports.get("", OPSET)
        self.values = {str(v.name): v for v in _values(self.model.graph)}
        self._weights: dict[ir.Value, np.ndarray] = {}

    def value(
        self,
        name: str,
        known: Arrays,
        rng: np.random.Generator | None = None,
        *,
        within: bool = False,
        band: Band | None = None,
    ) -> np.ndarray | None:
        """A value, from the nearest values before it that are known.

        Args:
            name: Of the value.
            known: What an engine computed before it, inputs included, by name.
            rng: To change what is read by about four units in the last place of a float32.
            within: Whether what engines hold within one operator is changed as well, see `rounding`.
            band: Which part of it is wanted, of a picture.

        Returns:
            Its array, floats as float64; None where it cannot be computed: something before it is not known,
            random, or too large for this, or the band depends on more than bands.
        """
        value = self.values.get(name)
        if value is None or value.producer() is None:
            return None
        found: dict[ir.Value, Any] = {}

        def run(
            node: ir.Node, inputs: Sequence[Any], outer: Mapping[ir.Value, Any] | None = None
        ) -> list[Any]:
            results = evaluate(node, inputs, self.opset, outer)
            if rng is None:
                return results
            return rounding.within(node, inputs, results, rng, every=within)

        def read(one: ir.Value | None, part: Band | None = None) -> Any:
            return self._read(one, known, found, rng, part)

        try:
            if band is not None:
                return Bands(known, read, run).computed(value, band)
            for node in self._slice(value, known):
                outer = {v: read(v) for v in captured(node)}
                results = run(node, [read(v) for v in node.inputs], outer)
                found.update(zip(node.outputs, results, strict=False))
        except (KeyError, TooLargeError):
            return None
        except Exception:  # noqa: BLE001 - the evaluator raises whatever numpy does
            return None
        return found[value] if isinstance(found[value], np.ndarray) else None

    def is_local(self, name: str, known: Arrays) -> bool:
        """Whether `value` only does what is rounded for each element by itself, in every engine."""
        value = self.values.get(name)
        return value is not None and all(n.op_type in LOCAL for n in self._slice(value, known))

    def reads(self, name: str, known: Arrays) -> set[str]:
        """The known values that `value` would begin with."""
        value = self.values.get(name)
        if value is None:
            return set()
        used = (v for node in self._slice(value, known) for v in (*node.inputs, *captured(node)))
        return {str(v.name) for v in used if v is not None and v.name in known}

    def _slice(self, value: ir.Value, known: Arrays) -> list[ir.Node]:
        """The nodes between known values and this one, in order."""
        needed: set[ir.Node] = set()
        todo = [value.producer()]
        while todo:
            node = todo.pop()
            if node is None or node in needed:
                continue
            needed.add(node)
            reads = (*node.inputs, *captured(node))
            todo.extend(v.producer() for v in reads if v is not None and v.name not in known)
        return [node for node in self.model.graph if node in needed]

    def _read(
        self,
        value: ir.Value | None,
        known: Arrays,
        found: dict[ir.Value, Any],
        rng: np.random.Generator | None,
        band: Band | None,
    ) -> Any:
        if value is None:
            return None
        if value in found:
            return found[value]
        if str(value.name) in known:
            array = np.asarray(known[str(value.name)])
        elif value.const_value is None:
            raise KeyError(value.name)
        else:
            if value not in self._weights:
                self._weights[value] = wide(value.const_value.numpy())
            array = self._weights[value]
        return moved(wide(array if band is None else band.of(array)), rng)


def evaluate(
    node: ir.Node,
    inputs: Sequence[Any],
    opset: int = OPSET,
    outer: Mapping[ir.Value, Any] | None = None,
) -> list[Any]:
    """One node, on arrays whose floats are float64.

    Raises:
        TooLargeError: It would take too long.
        Exception: What the evaluator makes of arrays that do not fit.
    """
    if node.op_type.startswith(RANDOM) or _drops(node, inputs):
        raise TooLargeError(node.op_type)
    with np.errstate(all="ignore"):
        if node.domain in ("", "ai.onnx") and node.op_type in OPERATORS:
            return [OPERATORS[node.op_type](node, *inputs)]
        most = SLOW.get(node.op_type)
        if (
            most is not None
            and max((np.size(x) for x in inputs if x is not None), default=0) > most
        ):
            raise TooLargeError(node.op_type)
        if node.op_type == "NonMaxSuppression":  # the evaluator takes its numbers as vectors only
            inputs = [*inputs[:2], *(None if x is None else np.reshape(x, -1) for x in inputs[2:])]
        return _by_reference(node, inputs, opset, outer or {})


def _drops(node: ir.Node, inputs: Sequence[Any]) -> bool:
    """Whether it is a dropout of training, which is random."""
    return node.op_type == "Dropout" and len(inputs) > 2 and bool(np.any(inputs[2]))


def _by_reference(
    node: ir.Node, inputs: Sequence[Any], opset: int, outer: Mapping[ir.Value, Any]
) -> list[Any]:
    from onnx import GraphProto, ModelProto
    from onnx.reference import ReferenceEvaluator

    copy = ir.serde.serialize_node(node)
    names = [f"in_{i}" if x is not None else "" for i, x in enumerate(inputs)]
    del copy.input[:], copy.output[:]
    copy.input.extend(names)
    outputs = [f"out_{i}" for i in range(len(node.outputs))]
    copy.output.extend(outputs)
    for attribute in copy.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == ir.DataType.FLOAT:
            attribute.i = int(ir.DataType.DOUBLE)
    graph = GraphProto(name="node", node=[copy])
    feeds = {name: x for name, x in zip(names, inputs, strict=True) if name}
    feeds |= {str(value.name): x for value, x in outer.items()}
    for name in feeds:
        graph.input.add(name=name)
    for name in outputs:
        graph.output.add(name=name)
    model = ModelProto(ir_version=10, graph=graph)
    model.opset_import.add(domain="", version=opset)
    results = ReferenceEvaluator(model).run(None, feeds)
    return [wide(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x for x in results]


def wide(array: np.ndarray) -> np.ndarray:
    """Floats as float64, complex numbers as complex128, all else as it is."""
    if array.dtype.kind == "c":
        return array.astype(np.complex128, copy=False)
    narrow = array.dtype.kind == "V" or array.dtype.name.startswith(("bfloat", "float"))
    return array.astype(np.float64, copy=False) if narrow or array.dtype.kind == "f" else array


def captured(node: ir.Node) -> Iterator[ir.Value]:
    """What a node's subgraphs read of the graph around it."""
    for attribute in node.attributes.values():
        if attribute.type != ir.AttributeType.GRAPH:
            continue
        graph = attribute.as_graph()
        own = set(_values(graph)) | set(graph.inputs)
        nodes = list(ir.traversal.RecursiveGraphIterator(graph))
        own.update(v for inner in nodes for v in inner.outputs)
        own.update(v for inner in nodes for g in _graphs(inner) for v in _values(g))
        for value in (v for inner in nodes for v in inner.inputs):
            if value is not None and value not in own:
                yield value
        yield from (value for value in graph.outputs if value not in own)


def _graphs(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()


def _widen(graph: ir.Graph) -> None:
    """A subgraph's own constants in float64: what it reads of others is."""
    for value in graph.initializers.values():
        tensor = value.const_value
        if tensor is not None and tensor.dtype == ir.DataType.FLOAT:
            value.const_value = ir.tensor(wide(tensor.numpy()), name=value.name)
    for node in graph:
        if node.op_type == "Constant" and "value" in node.attributes:
            tensor = node.attributes["value"].as_tensor()
            if tensor.dtype == ir.DataType.FLOAT:
                node.attributes["value"] = ir.AttrTensor("value", ir.tensor(wide(tensor.numpy())))
        if node.op_type == "Cast" and node.attributes["to"].as_int() == ir.DataType.FLOAT:
            node.attributes["to"] = ir.AttrInt64("to", int(ir.DataType.DOUBLE))


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs
