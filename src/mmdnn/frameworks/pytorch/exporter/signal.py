"""Fourier transforms, windows and mel spectra."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, torch_type
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import PRODUCT, Code


def _last(node: ExportedNode, x: Variable) -> int:
    """1 for real numbers, 2 for complex ones."""
    last = x.shape[-1] if x.shape else None
    if last not in {1, 2}:
        node.refuse("whether its input is real or complex is not known")
    return int(last)


def _complex(torch: Writer, x: Variable, real: bool) -> Code:
    return torch.method(x, "squeeze", -1) if real else torch.call("torch.view_as_complex", x)


@exporter("DFT", doc="DFT")
def dft(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    length: Variable | None = None,
    axis: Variable | None = None,
    *,
    inverse: int,
    onesided: int,
) -> Code:
    where = -2 if axis is None else torch.integer(axis)
    rank = node.rank(x)
    options: dict[str, Any] = {"dim": where % rank} if isinstance(where, int) else {}
    if isinstance(where, Code):
        options["dim"] = torch.code(f"{{0}} % {rank}", where, binds=PRODUCT)
    if length is not None:
        options["n"] = torch.integer(length)
    real = _last(node, x) == 1
    if real and not inverse:
        spectrum = torch.call(
            "torch.fft.rfft" if onesided else "torch.fft.fft",
            torch.method(x, "squeeze", -1),
            **options,
        )
        return torch.call("torch.view_as_real", spectrum)
    numbers = _complex(torch, x, real)
    if inverse and onesided:
        if real:
            node.refuse("the inverse of one side of a spectrum that has no imaginary part")
        return torch.method(torch.call("torch.fft.irfft", numbers, **options), "unsqueeze", -1)
    if onesided:
        node.refuse("one side of the spectrum of complex numbers")
    function = "torch.fft.ifft" if inverse else "torch.fft.fft"
    return torch.call("torch.view_as_real", torch.call(function, numbers, **options))


@exporter("STFT", doc="STFT")
def stft(
    node: ExportedNode,
    torch: Writer,
    signal: Variable,
    step: Variable,
    window: Variable | None = None,
    length: Variable | None = None,
    *,
    onesided: int,
) -> Code:
    hop = torch.integer(step)
    size: int | Code
    if length is not None:
        size = torch.integer(length)
    elif window is not None:
        size = torch.size(window, 0)
    else:
        node.refuse("the length of its frames is not known")
    flat = signal.rank == 2
    real = flat or _last(node, signal) == 1
    if onesided and not real:
        node.refuse("one side of the spectrum of complex numbers")
    numbers: Any = signal if flat else _complex(torch, signal, real)
    if window is not None and torch.size(window, 0) != size and length is not None:
        node.refuse("whether its window is as long as its frames is not known")
    if window is not None:
        spectrum = torch.call(
            "torch.stft", numbers, size, hop_length=hop, window=window, center=False,
            onesided=bool(onesided), return_complex=True,
        )  # fmt: skip
        return torch.call("torch.view_as_real", torch.method(spectrum, "transpose", 1, 2))
    frames: Any = torch.method(numbers, "unfold", 1, size, hop)
    function = "torch.fft.rfft" if onesided else "torch.fft.fft"
    return torch.call("torch.view_as_real", torch.call(function, frames))


def _window(function: str, *extra: float) -> Any:
    def export(
        node: ExportedNode, torch: Writer, size: Variable, *, output_datatype: int, periodic: int
    ) -> Code:
        dtype = torch_type(node, output_datatype)
        options: dict[str, Any] = {} if dtype == "torch.float32" else {"dtype": dtype}
        arguments = (bool(periodic), *extra) if extra or not periodic else ()
        return torch.call(function, torch.integer(size), *arguments, **options)

    return export


exporter("HannWindow", doc="HannWindow")(_window("torch.hann_window"))
exporter("HammingWindow", doc="HammingWindow")(_window("torch.hamming_window", 25 / 46, 21 / 46))
exporter("BlackmanWindow", doc="BlackmanWindow")(_window("torch.blackman_window"))


@exporter("MelWeightMatrix", doc="MelWeightMatrix")
def mel_weight_matrix(
    node: ExportedNode, torch: Writer, *inputs: Variable, output_datatype: int
) -> Code:
    dtype = torch_type(node, output_datatype)
    known = [torch.static(x) for x in inputs]
    values = [x if k is None else k.reshape(()).item() for x, k in zip(inputs, known, strict=True)]
    weights = torch.helper("mel_weights", *values)
    return weights if dtype == "torch.float32" else torch.method(weights, "to", dtype)
