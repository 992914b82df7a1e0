"""Spectra.

https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html
"""

from __future__ import annotations

import math

import torch


def mel_weights(
    bands: int | torch.Tensor,
    dft_length: int | torch.Tensor,
    sample_rate: int | torch.Tensor,
    lower: float | torch.Tensor,
    upper: float | torch.Tensor,
) -> torch.Tensor:
    """A matrix (dft_length // 2 + 1, bands) of triangles on the mel scale."""
    bands = int(bands)
    low, high = (2595 * math.log10(1 + float(f) / 700) for f in (lower, upper))
    step = (high - low) / (bands + 2)
    hertz = [700 * (10 ** ((low + i * step) / 2595) - 1) for i in range(bands + 2)]
    bins = [int((int(dft_length) + 1) * f // int(sample_rate)) for f in hertz]
    weights = torch.zeros(int(dft_length) // 2 + 1, bands)
    for i in range(bands):
        start, peak, end = bins[i : i + 3]
        if peak == start:
            weights[peak, i] = 1
        for j in range(start, peak + 1) if peak > start else ():
            weights[j, i] = (j - start) / (peak - start)
        for j in range(peak, end) if end > peak else ():
            weights[j, i] = (end - j) / (end - peak)
    return weights
