"""What a recurrent node computes the same without is left out, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.ir.builder import Builder
from mmdnn.ir.passes.canonical import canonical


def layer(kind: str = "LSTM", steps: int | str = 5, layout: int = 0, **inputs: Any) -> ir.Node:
    """A node in canonical form, of 5 steps and 2 streams, with these constants or inputs."""
    builder = Builder("mmdnn.test")
    gates = {"LSTM": 4, "GRU": 3}[kind]
    dims = [2, steps] if layout else [steps, 2]
    x = builder.input("x", (*dims, 3))
    w, r = np.ones((1, gates * 4, 3), np.float32), np.ones((1, gates * 4, 4), np.float32)
    given = [inputs.get(name) for name in ("b", "lengths", "h", "c", "p")]
    given = given[: 3 if kind == "GRU" else 5]
    options = {"layout": 1} if layout else {}
    made = builder.op.outputs(2)[kind](x, w, r, *given, hidden_size=4, **options)
    builder.graph.outputs.append(made[0])
    return next(node for node in canonical(builder.model()).graph if node.op_type == kind)


def given(node: ir.Node) -> list[int]:
    """The places of the inputs that are there behind the bias."""
    return [i for i, value in enumerate(node.inputs) if value is not None and i > 3]


ALL, ZEROS = np.int32([5, 5]), np.zeros((1, 12), np.float32)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({"lengths": ALL}, []),
        ({"lengths": np.int32([5, 4])}, [4]),
        ({"lengths": ALL, "steps": "T"}, [4]),
        ({"lengths": ALL, "layout": 1}, []),
        ({"lengths": np.int32([2, 2]), "layout": 1}, [4]),
        ({"lengths": ALL, "kind": "GRU"}, []),
        ({"p": ZEROS}, []),
        ({"p": ZEROS + 1}, [7]),
        ({"p": ZEROS, "lengths": ALL, "h": np.ones((1, 2, 4), np.float32)}, [5]),
    ],
)
def test_idle_inputs(arguments: dict[str, Any], kept: list[int]) -> None:
    assert given(layer(**arguments)) == kept
