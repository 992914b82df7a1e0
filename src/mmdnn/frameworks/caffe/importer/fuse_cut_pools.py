"""Poolings whose last windows are cut off: windows counted by rounding down, which is one node."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.fuse_cut_axes import only_reader
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.passes.defaults import integer
from mmdnn.ir.windows import Axis

POOLS = frozenset({"MaxPool", "AveragePool"})


def join_cut_pools(graph: ir.Graph) -> None:
    """Make a pooling that rounds up, and the Slice layers that take the surplus away again, one node.

    That is how networks of frameworks that round down are written for Caffe, which rounds up. The node
    has the name of the last Slice layer.

    Args:
        graph: As the layers were imported; changed.
    """
    for pool in list(graph):
        if pool.op_type in POOLS and not pool.domain and integer(pool, "ceil_mode") == 1:
            cuts = list(_cuts(pool))
            if cuts and _rounded_down(pool) == _sizes(cuts[-1].outputs[0]):
                _join(graph, pool, cuts)


def _cuts(pool: ir.Node) -> Iterator[ir.Node]:
    """The nodes that take the front part of its height or width, and that nobody else reads beside."""
    value = pool.outputs[0]
    while not any(output.uses() for output in pool.outputs[1:]):
        split = only_reader(value)
        if split is None or split.op_type != "Split":
            return
        rest = split.outputs[1:]
        if integer(split, "axis") not in (2, 3) or any(
            each.uses() or each.is_graph_output() for each in rest
        ):
            return
        yield split
        value = split.outputs[0]


def _rounded_down(pool: ir.Node) -> tuple[int, ...] | None:
    size = _sizes(pool.inputs[0])
    if size is None:
        return None
    kernel, strides, pads = (
        pool.attributes[name].as_ints() for name in ("kernel_shape", "strides", "pads")
    )
    each = zip(size, kernel, strides, pads, pads[len(size) :], strict=False)
    return tuple(Axis(n, k, s, begin=b, end=e).count or 0 for n, k, s, b, e in each)


def _sizes(value: ir.Value | None) -> tuple[int, ...] | None:
    """Height and width."""
    dims = value.shape[2:] if value is not None and value.shape is not None else ()
    sizes = tuple(dim for dim in dims if isinstance(dim, int))
    return sizes if len(sizes) == len(dims) == 2 else None


def _join(graph: ir.Graph, pool: ir.Node, cuts: list[ir.Node]) -> None:
    last = cuts[-1]
    value, result = pool.outputs[0], last.outputs[0]
    pool.attributes.add(ir.AttrInt64("ceil_mode", 0))
    for key in (LAYER, TYPE):
        pool.metadata_props[key] = last.metadata_props[key]
    value.shape, name = result.shape, result.name
    result.replace_all_uses_with(value, replace_graph_outputs=True)
    for cut in reversed(cuts):
        graph.remove(cut, safe=True)
    value.name = name
