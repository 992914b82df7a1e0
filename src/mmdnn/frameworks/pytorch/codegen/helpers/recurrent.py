"""Recurrent layers of ONNX that `torch.nn` lacks: peepholes, other activations.

https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html and onnx__RNN.html
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it


def activate(
    x: torch.Tensor,
    function: str,
    alpha: float = 0.0,
    beta: float = 0.0,
    clip: float | None = None,
) -> torch.Tensor:
    """One of ONNX's activation functions, of elements between -clip and clip."""
    if clip is not None:
        x = x.clamp(-clip, clip)
    if function == "Sigmoid":
        return torch.sigmoid(x)
    if function == "Tanh":
        return torch.tanh(x)
    if function == "Relu":
        return F.relu(x)
    if function == "LeakyRelu":
        return F.leaky_relu(x, alpha)
    if function == "ThresholdedRelu":
        return F.threshold(x, alpha, 0.0)
    if function == "Affine":
        return alpha * x + beta
    if function == "ScaledTanh":
        return alpha * torch.tanh(beta * x)
    if function == "HardSigmoid":
        return (alpha * x + beta).clamp(0, 1)
    if function == "Elu":
        return F.elu(x, alpha)
    return F.softsign(x) if function == "Softsign" else F.softplus(x)


def lstm_cell(
    x: torch.Tensor,
    hidden: torch.Tensor,
    memory: torch.Tensor,
    weights: dict[str, torch.Tensor],
    activations: tuple[tuple[str, float, float], ...],
    coupled: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step; x holds the gates' share of the input, in the order i, o, f, c."""
    i, o, forget, c = (x + hidden @ weights["state"].T).chunk(4, dim=1)
    to_input, to_output, to_forget = weights["peepholes"].chunk(3)
    i = activate(i + to_input * memory, *activations[0])
    forget = activate(forget + to_forget * memory, *activations[0])
    if coupled:
        forget = 1 - i
    memory = forget * memory + i * activate(c, *activations[1])
    o = activate(o + to_output * memory, *activations[0])
    hidden = o * activate(memory, *activations[2])
    if "projection" in weights:
        hidden = hidden @ weights["projection"].T
    return hidden, memory


def gru_cell(
    x: torch.Tensor,
    hidden: torch.Tensor,
    recurrence: torch.Tensor,
    bias: torch.Tensor,
    activations: tuple[tuple[str, float, float], ...],
    reset_after: bool,
) -> torch.Tensor:
    """One step; x holds the gates' share of the input, in the order z, r, h."""
    z, reset, new = x.chunk(3, dim=1)
    weights, biases = recurrence.chunk(3), bias.chunk(3)
    z = activate(z + hidden @ weights[0].T + biases[0], *activations[0])
    reset = activate(reset + hidden @ weights[1].T + biases[1], *activations[0])
    if reset_after:
        new = new + reset * (hidden @ weights[2].T + biases[2])
    else:
        new = new + (reset * hidden) @ weights[2].T + biases[2]
    return (1 - z) * activate(new, *activations[1]) + z * hidden


def next_state(
    cell: str,
    x: torch.Tensor,
    hidden: torch.Tensor,
    memory: torch.Tensor,
    weights: dict[str, torch.Tensor],
    activations: tuple[tuple[str, float, float], ...],
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step; x holds the gates' share of the input."""
    recurrence, bias = weights["state"], weights["bias"].chunk(2)[1]
    if "LSTM" in cell:
        coupled = cell == "coupled LSTM"
        return lstm_cell(x + bias, hidden, memory, weights, activations, coupled)
    if "GRU" in cell:
        after = cell == "reset-after GRU"
        return gru_cell(x, hidden, recurrence, bias, activations, after), memory
    new = x + hidden @ recurrence.T + bias
    return activate(new, *activations[0]), memory


def recurrent(
    cell: str,
    x: torch.Tensor,
    weights: dict[str, torch.Tensor],
    states: tuple[torch.Tensor | None, ...] = (),
    lengths: torch.Tensor | None = None,
    activations: tuple[tuple[str, float, float], ...] = (),
    direction: str = "forward",
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An LSTM, GRU or RNN over x (time, batch, features).

    The weights are for input and state, and may be bias, peepholes and projection.

    Returns:
        All outputs (time, directions, batch, size), and each direction's last states.
    """
    hidden, memory = (*states, None, None)[:2]
    count, gates, size = weights["state"].shape
    cells = gates // 4 if "LSTM" in cell else size
    zeros = x.new_zeros(count, 2 * gates), x.new_zeros(count, 3 * cells)
    weights = {"bias": zeros[0], "peepholes": zeros[1], **weights}
    results, finals, memories = [], [], []
    for d in range(count):
        own = {name: weight[d] for name, weight in weights.items()}
        functions = activations[len(activations) // count * d :]
        gated = x @ own["input"].T + own["bias"][:gates]
        h = x.new_zeros(x.shape[1], size) if hidden is None else hidden[d]
        c = x.new_zeros(x.shape[1], cells) if memory is None else memory[d]
        if lengths is not None:
            h, c = (state * (lengths > 0).unsqueeze(1) for state in (h, c))
        outputs = [h] * x.shape[0]
        for step in range(x.shape[0]):
            t = x.shape[0] - 1 - step if direction == "reverse" or d == 1 else step
            new, state = next_state(cell, gated[t], h, c, own, functions)
            if lengths is None:
                outputs[t], h, c = new, new, state
            else:
                running = (t < lengths).unsqueeze(1)
                outputs[t] = torch.where(running, new, torch.zeros_like(new))
                h, c = torch.where(running, new, h), torch.where(running, state, c)
        whole = torch.stack(outputs) if outputs else gated.new_zeros(0, *h.shape)
        results.append(whole)
        finals.append(h)
        memories.append(c)
    return torch.stack(results, 1), torch.stack(finals), torch.stack(memories)
