"""Operators that MXNet and ONNX have alike: a row each, read in both directions."""

from __future__ import annotations

ELEMENTS = {
    **{name: name.capitalize() for name in ("abs", "ceil", "floor", "sign", "exp", "log", "erf")},
    **{name: name.capitalize() for name in ("sqrt", "sin", "cos", "tan", "sinh", "cosh")},
    **{f"arc{name}": f"A{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "negative": "Neg",
    "reciprocal": "Reciprocal",
}
"""Functions of each element."""

ACTIVATIONS = {
    **{name: name.capitalize() for name in ("relu", "sigmoid", "tanh", "softsign")},
    "softrelu": "Softplus",
}
"""ONNX's operators, by the kind of `Activation`."""

RECURRENT = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}
"""ONNX's operators, by the mode of `RNN`."""
