"""The last step: biases go to what they are added to, as in CNTK's own layers; what nothing reads goes.

CNTK adds biases by functions of their own. A product that the user has named, or that is read elsewhere,
stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping

import onnx_ir as ir

from mmdnn.ir import LAYER, UNNAMED
from mmdnn.ir.builder import shape

CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})

Reshaped = Callable[[ir.Value, tuple[int, ...]], ir.Value | None]


def join_biases(graph: ir.Graph, named: Container[ir.Value], reshaped: Reshaped) -> None:
    """Make `Conv` and `Add` one `Conv`, and `MatMul` and `Add` a `Gemm`; what is `named` stays."""
    for node in list(graph):
        for value, bias in _pairs(node):
            product = value.producer()
            if product is None or value in named or not _is_alone(value, graph):
                continue
            length = _length(product)
            if length is None or not _fits(value, bias, length):
                continue
            vector = reshaped(bias, (length,)) if shape(bias) != (length,) else None
            _join(graph, product, node, bias if vector is None else vector)
            break


def _pairs(node: ir.Node) -> Iterator[tuple[ir.Value, ir.Value]]:
    """A sum's computed operand and its constant one."""
    if node.op_type == "Add" and node.domain == "":
        for value, bias in (node.inputs, reversed(node.inputs)):
            if value is not None and bias is not None and bias.const_value is not None:
                yield value, bias


def _is_alone(value: ir.Value, graph: ir.Graph) -> bool:
    """Whether the sum alone reads it, in the same graph."""
    readers = [use.node for use in value.uses()]
    return len(readers) == 1 and not value.is_graph_output() and readers[0].graph is graph


def _length(product: ir.Node) -> int | None:
    """How many numbers its bias has; None where it can have none."""
    ranks = {
        len(value.shape) if value is not None and value.shape else 0 for value in product.inputs
    }
    matrices = product.op_type == "MatMul" and ranks == {2}
    takes = matrices or (product.op_type in CONVOLUTIONS and len(product.inputs) == 2)
    made = product.outputs[0]
    return shape(made)[1] if takes and not product.domain and made.shape is not None else None


def _fits(value: ir.Value, bias: ir.Value, length: int) -> bool:
    """Whether the operand is one number for each channel, and of the product's type."""
    rank, dims = len(shape(value)), shape(bias)
    padded = (1,) * (rank - len(dims)) + dims
    same = bias.dtype == value.dtype and bias.producer() is None
    return same and padded == tuple(length if axis == 1 else 1 for axis in range(rank))


def _join(graph: ir.Graph, product: ir.Node, addition: ir.Node, bias: ir.Value) -> None:
    """Put one node where the product and the sum were."""
    (total,) = addition.outputs
    props = dict(product.metadata_props)
    if UNNAMED in props and UNNAMED not in addition.metadata_props:
        props[LAYER] = addition.metadata_props[LAYER]
        del props[UNNAMED]
    node = ir.Node(
        "",
        "Gemm" if product.op_type == "MatMul" else product.op_type,
        [*product.inputs, bias],
        list(product.attributes.values()),
        name=addition.name,
        metadata_props=props,
    )
    (made,) = node.outputs
    made.name, made.type, made.shape = total.name, total.type, total.shape
    made.metadata_props.update(total.metadata_props)
    graph.insert_before(addition, node)
    total.replace_all_uses_with(made, replace_graph_outputs=True)
    graph.remove([addition], safe=True)
    graph.remove([product], safe=True)


def sweep(graph: ir.Graph, derived: Mapping[ir.Value, ir.Value]) -> None:
    """Remove what nothing reads; parameters that others are `derived` of give them their names."""
    for node in reversed(list(graph)):
        if not any(one.uses() or one.is_graph_output() for one in node.outputs):
            graph.remove(node, safe=True)
    for name, value in list(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            del graph.initializers[name]
    for value, origin in derived.items():
        name = str(origin.name)
        if str(value.name) in graph.initializers and name not in graph.initializers:
            del graph.initializers[str(value.name)]
            value.name = name
            graph.initializers[name] = value
