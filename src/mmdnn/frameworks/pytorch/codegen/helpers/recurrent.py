"""Recurrent layers of ONNX that `torch.nn` lacks: peepholes, other activations.

https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html and onnx__RNN.html
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it


def activate(x: torch.Tensor, function: str, alpha: float, beta: float) -> torch.Tensor:
    """One of ONNX's activation functions."""
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


def bounded(x: torch.Tensor, clip: float | None) -> torch.Tensor:
    """All elements between -clip and clip."""
    return x if clip is None else x.clamp(-clip, clip)


def lstm_cell(
    x: torch.Tensor,
    hidden: torch.Tensor,
    memory: torch.Tensor,
    recurrence: torch.Tensor,
    peepholes: torch.Tensor,
    activations: list[tuple[str, float, float]],
    clip: float | None,
    coupled: bool,
    projection: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step; x holds the gates' share of the input, in the order i, o, f, c."""
    i, o, forget, c = (x + hidden @ recurrence.T).chunk(4, dim=1)
    to_input, to_output, to_forget = peepholes.chunk(3)
    i = activate(bounded(i + to_input * memory, clip), *activations[0])
    forget = activate(bounded(forget + to_forget * memory, clip), *activations[0])
    if coupled:
        forget = 1 - i
    memory = forget * memory + i * activate(bounded(c, clip), *activations[1])
    o = activate(bounded(o + to_output * memory, clip), *activations[0])
    hidden = o * activate(memory, *activations[2])
    return hidden if projection is None else hidden @ projection.T, memory


def gru_cell(
    x: torch.Tensor,
    hidden: torch.Tensor,
    recurrence: torch.Tensor,
    bias: torch.Tensor,
    activations: list[tuple[str, float, float]],
    clip: float | None,
    reset_after: bool,
) -> torch.Tensor:
    """One step; x holds the gates' share of the input, in the order z, r, h."""
    z, reset, new = x.chunk(3, dim=1)
    weights, biases = recurrence.chunk(3), bias.chunk(3)
    z = activate(bounded(z + hidden @ weights[0].T + biases[0], clip), *activations[0])
    reset = reset + hidden @ weights[1].T + biases[1]
    reset = activate(bounded(reset, clip), *activations[0])
    if reset_after:
        new = new + reset * (hidden @ weights[2].T + biases[2])
    else:
        new = new + (reset * hidden) @ weights[2].T + biases[2]
    return (1 - z) * activate(bounded(new, clip), *activations[1]) + z * hidden


def next_state(
    kind: str,
    gated: torch.Tensor,
    hidden: torch.Tensor,
    memory: torch.Tensor,
    weights: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None],
    settings: tuple[list[tuple[str, float, float]], float | None, bool],
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step; weights are those of the state, bias, peepholes and projection."""
    recurrence, bias, peepholes, projection = weights
    used, clip, variant = settings
    if kind == "LSTM":
        now = gated + bias
        return lstm_cell(
            now, hidden, memory, recurrence, peepholes, used, clip, variant, projection
        )
    if kind == "GRU":
        return gru_cell(gated, hidden, recurrence, bias, used, clip, variant), memory
    now = gated + hidden @ recurrence.T + bias
    return activate(bounded(now, clip), *used[0]), memory


def recurrent(
    kind: str,
    x: torch.Tensor,
    weight: torch.Tensor,
    recurrence: torch.Tensor,
    bias: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
    hidden: torch.Tensor | None = None,
    memory: torch.Tensor | None = None,
    peepholes: torch.Tensor | None = None,
    projection: torch.Tensor | None = None,
    activations: tuple[tuple[str, float, float], ...] = (),
    direction: str = "forward",
    clip: float | None = None,
    variant: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An LSTM, GRU or RNN over x (time, batch, features).

    Returns:
        All outputs (time, directions, batch, size), and each direction's last states.
    """
    count, gates, size = recurrence.shape
    cells = gates // 4 if kind == "LSTM" else size
    bias = x.new_zeros(count, 2 * gates) if bias is None else bias
    peepholes = x.new_zeros(count, 3 * cells) if peepholes is None else peepholes
    results, finals, memories = [], [], []
    for d in range(count):
        p = None if projection is None else projection[d]
        weights = (recurrence[d], bias[d, gates:], peepholes[d], p)
        settings = (list(activations[len(activations) // count * d :]), clip, variant)
        gated = x @ weight[d].T + bias[d, :gates]
        h = x.new_zeros(x.shape[1], size) if hidden is None else hidden[d]
        c = x.new_zeros(x.shape[1], cells) if memory is None else memory[d]
        if lengths is not None:
            h, c = (state * (lengths > 0).unsqueeze(1) for state in (h, c))
        outputs = [h] * x.shape[0]
        for step in range(x.shape[0]):
            t = x.shape[0] - 1 - step if direction == "reverse" or d == 1 else step
            new, state = next_state(kind, gated[t], h, c, weights, settings)
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
