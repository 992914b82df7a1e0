"""An LSTM whose state is projected to fewer numbers, which ONNX has no operator for: `mmdnn::ProjectedLSTM`.

    h = P (o tanh(c))

MXNet (`projection_size`) and PyTorch (`proj_size`) have it as a layer; for others the function's body is a
Scan. https://arxiv.org/abs/1402.1128
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.ir import FUNCTION_DOMAIN
from mmdnn.ir.builder import Builder, Op, shape
from mmdnn.ir.recurrent.equations import spelled_out
from mmdnn.ir.recurrent.nodes import KINDS, Activation, Recurrent

NAME = "ProjectedLSTM"


def projected_lstm(
    builder: Builder,
    x: ir.Value,
    weights: Sequence[ir.Value],
    states: Sequence[ir.Value],
    direction: str = "forward",
) -> tuple[ir.Value, ...]:
    """The layer as a call of the function.

    Args:
        builder: The graph it is put into.
        x: Its input [T, N, C].
        weights: W [ways, 4H, C], R [ways, 4H, P], B [ways, 8H], with gates as ONNX's LSTM has them, and the
            projection [ways, P, H].
        states: The first h [ways, N, P] and c [ways, N, H].
        direction: As ONNX's LSTM has it.

    Returns:
        Y [T, ways, N, P], and the last states.
    """
    backwards = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}[direction]
    functions = tuple(Activation(name) for name in KINDS["LSTM"])
    layer = Recurrent(
        "LSTM",
        shape(weights[3])[2],
        backwards,
        (functions,) * len(backwards),
        clip=None,
        batch_first=False,
        coupled=False,
        reset_after=False,
    )

    def body(op: Op, *values: ir.Value) -> list[ir.Value]:
        given = dict(zip(("x", "w", "r", "b", "projection", "h", "c"), values, strict=True))
        return spelled_out(layer, op.builder, given)

    attributes = {"hidden_size": layer.size, "direction": direction}
    return builder.function(NAME, [x, *weights, *states], attributes, body, domain=FUNCTION_DOMAIN)
