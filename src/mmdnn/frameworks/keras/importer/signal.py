"""Spectrograms, as convolutions with sines and cosines."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.convolution import padding_of
from mmdnn.frameworks.keras.importer.elementwise import arctan2, number
from mmdnn.frameworks.keras.importer.layout import FIRST
from mmdnn.frameworks.keras.importer.table import LAYERS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

AUDIO = f"{LAYERS}/preprocessing_layers/audio"
_LEAST = 1e-7


@importer(
    "STFTSpectrogram", doc=f"{AUDIO}/stft_spectrogram",
    unused="window periodic scaling fft_length",
)  # fmt: skip
def stft_spectrogram(
    node: ImportedNode, op: Op, x: Value, *, mode: str, frame_length: int, frame_step: int | None,
    padding: str, expand_dims: bool, data_format: str,
) -> Value:  # fmt: skip
    """The kernels are stored; each channel is by itself. What is computed is [N, channels, bins, frames]."""
    first = data_format == FIRST
    x = x if first else op.Transpose(x, perm=[0, 2, 1])
    channels, step = known(x, 1), frame_step or frame_length // 2
    flat = op.Reshape(x, [-1, 1, known(x, 2)])
    parts = {}
    for name in ("real", "imag"):
        if node.has(f"{name}_kernel"):
            kernel = node.sure(
                node.graph.changed(
                    node.weight(f"{name}_kernel"), "first", lambda a: np.ascontiguousarray(a.T),
                    (known(node.weight(f"{name}_kernel"), 2), 1, frame_length),
                )
            )  # fmt: skip
            pads = padding_of(node, padding, [frame_length], [step], flat)
            y = op.Conv(flat, kernel, strides=[step], **pads)
            parts[name] = op.Reshape(y, [-1, channels, known(y, 1), known(y, 2)])
    y = _by_mode(node, op, mode, parts)
    if expand_dims:
        return op.Transpose(y, perm=[0, 1, 3, 2] if first else [0, 3, 2, 1])
    y = op.Reshape(y, [-1, channels * known(y, 2), known(y, 3)])
    return y if first else op.Transpose(y, perm=[0, 2, 1])


def _by_mode(node: ImportedNode, op: Op, mode: str, parts: dict[str, Value]) -> Value:
    if mode in {"real", "imag"}:
        return parts[mode]
    if mode == "stft":
        return op.Concat(parts["real"], parts["imag"], axis=2)
    if mode == "angle":
        return arctan2(node, op, parts["imag"], parts["real"])
    power = op.Add(*(op.Mul(part, part) for part in parts.values()))
    if mode == "psd":
        middle = op.Slice(power, [1], [-1], [2])
        return op.Add(power, op.Pad(middle, [0, 0, 1, 0, 0, 0, 1, 0]))
    least = number(power, _LEAST)
    y = op.Sqrt(op.Max(power, least))
    return y if mode == "magnitude" else op.Log(op.Max(y, least))


@importer("MelSpectrogram", doc=f"{AUDIO}/mel_spectrogram")
def mel_spectrogram(
    node: ImportedNode, op: Op, x: Value, *, fft_length: int, sequence_stride: int,
    power_to_db: bool, top_db: float, mag_exp: float, min_power: float, ref_power: float,
) -> Value:  # fmt: skip
    """Frames of the mirrored signal, their powers in bands, in decibels below the largest of all."""
    single = rank(x) == 1
    x = op.Unsqueeze(x, [0]) if single else x
    kernel = _sines(node, fft_length)
    half = fft_length // 2
    padded = op.Pad(x, [0, half, 0, half], mode="reflect")
    frames = op.Conv(op.Unsqueeze(padded, [1]), kernel, strides=[int(sequence_stride)])
    real, imaginary = op.outputs(2).Split(frames, axis=1, num_outputs=2)
    y = op.Sqrt(op.Add(op.Mul(real, real), op.Mul(imaginary, imaginary)))
    y = y if mag_exp == 1 else op.Pow(y, number(y, mag_exp))
    y = op.MatMul(np.ascontiguousarray(_bands(node, half + 1).T.astype(np.float32)), y)
    if power_to_db:
        ten = 10 / np.log(10)
        y = op.Mul(op.Log(op.Max(y, number(y, min_power))), number(y, ten))
        y = op.Sub(y, number(y, 10 * np.log10(max(abs(ref_power), min_power))))
        y = op.Max(y, op.Sub(op.ReduceMax(y, keepdims=0), number(y, top_db)))
    return op.Squeeze(y, [0]) if single else y


def _sines(node: ImportedNode, size: int) -> Value:
    """Cosines and sines of each bin, within the window: [2 bins, 1, size]."""
    length, kind = int(node.parameter("sequence_length") or size), node.parameter("window")
    places = 2 * np.pi * np.arange(length) / length
    windows = {"hann": 0.5 - 0.5 * np.cos(places), "hamming": 0.54 - 0.46 * np.cos(places)}
    if isinstance(kind, str) and kind not in windows:
        node.refuse(f"its window is {kind}")
    window = windows[kind] if isinstance(kind, str) else np.asarray(kind or np.ones(length))
    before = (size - length) // 2
    window = np.pad(window, (before, size - length - before))
    angles = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
    both = np.concatenate([np.cos(angles), -np.sin(angles)]) * window
    return node.constant(both[:, None].astype(np.float32), ir.DataType.FLOAT)


def _bands(node: ImportedNode, bins: int) -> np.ndarray:
    """What each bin gives to each band: triangles on the mel scale; nothing of the first bin."""
    rate = float(node.parameter("sampling_rate"))
    count = int(node.parameter("num_mel_bins"))
    low, high = node.parameter("min_freq"), node.parameter("max_freq") or int(rate / 2)

    def mel(hertz: Any) -> np.ndarray:
        return np.asarray(1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0))

    edges = np.linspace(mel(low), mel(high), count + 2)
    places = mel(np.linspace(0, rate / 2, bins)[1:])[:, None]
    rising = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    return np.pad(np.maximum(0, np.minimum(rising, falling)), ((1, 0), (0, 0)))
