"""Loops over the steps of a sequence: `_foreach` (src/operator/control_flow.cc)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter


@exporter("Scan", doc="Scan")
def scan(node: Exporting, mx: Writing, *inputs: Array) -> list[Array]:
    """Along the first axis, forwards. What the body reads from outside is handed in."""
    data = node.attribute("num_scan_inputs")
    body: ir.Graph = node.attribute("body")
    for name in (
        "scan_input_axes",
        "scan_output_axes",
        "scan_input_directions",
        "scan_output_directions",
    ):
        if any(node.attribute(name, [])):
            node.refuse(f"a {name} other than the first, forwards")
    count = len(inputs) - data
    states, sequences = _different(mx, inputs[:count]), inputs[count:]
    formal = [*body.inputs[count:], *body.inputs[:count]]
    outs = len(body.outputs) - count
    order = [*body.outputs[count:], *body.outputs[:count]]
    symbol, read = mx.scope.body(body, order, formal, node)
    outside = [value for value in read if value not in formal]
    loop = mx.make(
        "_foreach",
        *sequences,
        *states,
        *(mx.scope.array(value) for value in outside),
        num_args=len(formal) + len(outside) + 1,
        num_outputs=len(body.outputs),
        num_out_data=outs,
        in_data_locs=[read.index(value) for value in formal[:data]],
        in_state_locs=[read.index(value) for value in formal[data:]],
        remain_locs=[read.index(value) for value in outside],
    )
    loop.entry.node.subgraphs.append(symbol)
    made = mx.outputs(loop, len(body.outputs))
    return [*made[outs:], *made[:outs]]


def _different(mx: Writing, arrays: tuple[Array, ...]) -> list[Array]:
    """MXNet's Python tells states apart by their names, so one that stands twice is copied."""
    found: list[Array] = []
    for array in arrays:
        twice = any(array.entry == other.entry for other in found)
        found.append(mx.make("_copy", array) if twice else array)
    return found
