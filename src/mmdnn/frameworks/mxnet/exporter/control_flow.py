"""Loops over the steps of a sequence: `_foreach` (src/operator/control_flow.cc)."""

from __future__ import annotations

from collections.abc import Sequence

from mmdnn.frameworks.mxnet.exporter.bodies import written
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir.recurrent import scans


@exporter("Scan", doc="Scan", unused=" ".join(scans.ATTRIBUTES))
def scan(node: ExportedNode, mx: Writer, *inputs: Array) -> list[Array]:
    """Along the first axis, forwards: others are turned. What the body reads from outside is handed in."""
    said = scans.read(node.node)
    body, count = said.body, said.states
    data, outs = len(said.axes), len(said.out_axes)
    sequences = [
        _reversed(mx, _moved(mx, x, axis, 0, node.rank(x)), backwards)
        for x, axis, backwards in zip(inputs[count:], said.axes, said.back, strict=True)
    ]
    formal = [*body.inputs[count:], *body.inputs[:count]]
    order = [*body.outputs[count:], *body.outputs[:count]]
    symbol, read, outside = written(mx.scope, body, order, formal, node)
    loop = mx.make(
        "_foreach",
        *sequences,
        *_different(mx, inputs[:count]),
        *outside,
        num_args=len(formal) + len(outside) + 1,
        num_outputs=len(body.outputs),
        num_out_data=outs,
        in_data_locs=[read.index(value) for value in formal[:data]],
        in_state_locs=[read.index(value) for value in formal[data:]],
        remain_locs=[place for place, value in enumerate(read) if value not in formal],
    )
    loop.entry.node.subgraphs.append(symbol)
    made = mx.outputs(loop, len(body.outputs))
    results = zip(made[:outs], order, said.out_axes, said.out_back, strict=False)
    stacked = []
    for y, value, axis, backwards in results:
        if value.shape is None and axis:
            node.refuse("the number of axes of what its steps make is not known")
        rank = 1 + len(value.shape or ())
        stacked.append(_moved(mx, _reversed(mx, y, backwards), 0, axis, rank))
    return [*made[outs:], *stacked]


def _reversed(mx: Writer, x: Array, backwards: bool) -> Array:
    return mx.reverse(x, axis=(0,)) if backwards else x


def _moved(mx: Writer, x: Array, axis: int, place: int, rank: int) -> Array:
    """With one axis at another place."""
    if axis == place:
        return x
    order = [each for each in range(rank) if each != axis]
    order.insert(place, axis)
    return mx.transpose(x, axes=tuple(order))


def _different(mx: Writer, arrays: Sequence[Array]) -> list[Array]:
    """MXNet's Python tells states apart by their names, so one that stands twice is copied."""
    found: list[Array] = []
    for array in arrays:
        twice = any(array.entry == other.entry for other in found)
        found.append(mx.make("_copy", array) if twice else array)
    return found
