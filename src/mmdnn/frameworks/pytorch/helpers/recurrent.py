"""Recurrent layers of ONNX that `torch.nn` has not: weights that are computed, other activations, peepholes.

https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html and onnx__RNN.html
"""

from __future__ import annotations

import torch


def recurrent(
    cell, x, weight, recurrence, bias, states, lengths=None, direction="forward"
):
    """Run `cell` over x (time, batch, features) in each direction of its weights."""
    results, finals = [], []
    for d in range(len(weight)):
        state = [s[d] for s in states]
        backward = direction == "reverse" or d == 1
        outputs = [state[0]] * len(x)
        for t in reversed(range(len(x))) if backward else range(len(x)):
            new = cell(x[t], state, d, weight[d], recurrence[d], bias[d])
            outputs[t] = new[0]
            if lengths is not None:
                running = (t < lengths).unsqueeze(1)
                outputs[t] = torch.where(running, new[0], torch.zeros_like(new[0]))
                new = [torch.where(running, n, s) for n, s in zip(new, state)]
            state = new
        results.append(
            torch.stack(outputs) if outputs else x.new_empty(0, *state[0].shape)
        )
        finals.append(state)
    return torch.stack(results, 1), *[torch.stack(final) for final in zip(*finals)]


def bounded(x, clip):
    return x if clip is None else x.clamp(-clip, clip)


def lstm(
    x,
    weight,
    recurrence,
    bias=None,
    lengths=None,
    hidden=None,
    memory=None,
    peepholes=None,
    activations=(torch.sigmoid, torch.tanh, torch.tanh),
    direction="forward",
    clip=None,
    coupled=False,
):
    """ONNX's LSTM; activations are those of all directions in a row."""
    directions, size = weight.shape[0], recurrence.shape[2]
    zeros = x.new_zeros(directions, x.shape[1], size)
    if bias is None:
        bias = x.new_zeros(directions, 8 * size)
    if peepholes is None:
        peepholes = x.new_zeros(directions, 3 * size)

    def cell(x, state, d, w, r, b):
        f, g, h = activations[3 * d : 3 * d + 3]
        hidden, memory = state
        to_input, to_output, to_forget = peepholes[d].chunk(3)
        gates = x @ w.T + hidden @ r.T + b[: 4 * size] + b[4 * size :]
        i, o, forget, c = gates.chunk(4, dim=1)
        i = f(bounded(i + to_input * memory, clip))
        forget = 1 - i if coupled else f(bounded(forget + to_forget * memory, clip))
        memory = forget * memory + i * g(bounded(c, clip))
        o = f(bounded(o + to_output * memory, clip))
        return [o * h(memory), memory]

    states = [zeros if hidden is None else hidden, zeros if memory is None else memory]
    return recurrent(cell, x, weight, recurrence, bias, states, lengths, direction)


def gru(
    x,
    weight,
    recurrence,
    bias=None,
    lengths=None,
    hidden=None,
    activations=(torch.sigmoid, torch.tanh),
    direction="forward",
    clip=None,
    reset_after=False,
):
    """ONNX's GRU; activations are those of all directions in a row."""
    directions, size = weight.shape[0], recurrence.shape[2]
    if bias is None:
        bias = x.new_zeros(directions, 6 * size)

    def cell(x, state, d, w, r, b):
        f, g = activations[2 * d : 2 * d + 2]
        (hidden,) = state
        z, reset, new = (x @ w.T + b[: 3 * size]).chunk(3, dim=1)
        rz, rr, rn = r.chunk(3)
        bz, br, bn = b[3 * size :].chunk(3)
        z = f(bounded(z + hidden @ rz.T + bz, clip))
        reset = f(bounded(reset + hidden @ rr.T + br, clip))
        if reset_after:
            new = new + reset * (hidden @ rn.T + bn)
        else:
            new = new + (reset * hidden) @ rn.T + bn
        return [(1 - z) * g(bounded(new, clip)) + z * hidden]

    if hidden is None:
        hidden = x.new_zeros(directions, x.shape[1], size)
    return recurrent(cell, x, weight, recurrence, bias, [hidden], lengths, direction)


def rnn(
    x,
    weight,
    recurrence,
    bias=None,
    lengths=None,
    hidden=None,
    activations=(torch.tanh,),
    direction="forward",
    clip=None,
):
    """ONNX's RNN; activations are those of all directions in a row."""
    directions, size = weight.shape[0], recurrence.shape[2]
    if bias is None:
        bias = x.new_zeros(directions, 2 * size)

    def cell(x, state, d, w, r, b):
        total = x @ w.T + state[0] @ r.T + b[:size] + b[size:]
        return [activations[d](bounded(total, clip))]

    if hidden is None:
        hidden = x.new_zeros(directions, x.shape[1], size)
    return recurrent(cell, x, weight, recurrence, bias, [hidden], lengths, direction)
