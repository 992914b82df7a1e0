"""Random numbers: those that dropout compares with its rate."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Graph
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op

_PASSING = {"Mul", "Add", "AddV2", "Sub", "Identity"}
_DECIDING = {"GreaterEqual", "Floor"}


@importer("RandomUniform", doc=f"{RAW}/RandomUniform", unused="seed seed2")
def random_uniform(node: ImportedNode, op: Op, shape: Value, *, dtype: Any) -> Value:
    """From 0 to less than 1; where something else is made of it than what is dropped, it is refused."""
    if not _decides(node.within, node.node.name):
        node.refuse("random numbers reach the outputs")
    like = op.ConstantOfShape(op.Cast(shape, to=ir.DataType.INT64))
    return op.RandomUniformLike(like, dtype=dtype or ir.DataType.FLOAT)


def _decides(graph: Graph, name: str) -> bool:
    """Whether a node's numbers are only compared, or cut to whole ones."""
    todo, seen = [name], set[str]()
    while todo:
        name = todo.pop()
        seen.add(name)
        readers = [n for n in graph.nodes.values() if any(ref.node == name for ref in n.inputs)]
        if not readers or any(ref.node == name for ref in graph.results):
            return False
        for reader in readers:
            if reader.op in _PASSING and reader.name not in seen:
                todo.append(reader.name)
            elif reader.op not in _DECIDING | _PASSING:
                return False
    return True
