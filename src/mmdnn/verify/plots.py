"""The plots of a report's page, as inline SVG; `page.html` says how they look.

They are drawn in a square of 100 by 100 that is stretched to the room there is; what must not be
stretched (dots, text) is a line of no length with round ends, or HTML beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mmdnn.verify.closeup import LARGEST, LEAST, Closeup
from mmdnn.verify.report import Layer

DEEPEST = -20
"""The power of ten below which errors are drawn as none."""
_KEY = (
    '<p class="dim key"><i style="background:var(--mark)"></i>largest error'
    '<i style="background:var(--size)"></i>root mean square of its values</p>'
)


def text(content: str) -> str:
    """Text that is shown as it is: what would not be seen is spelled out, nothing is markup."""
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in content))


@dataclass(frozen=True)
class _Scale:
    """A logarithmic axis, upright; its foot is zero.

    Attributes:
        low: The power of ten at its foot.
        high: That at its top.
    """

    low: int
    high: int

    @classmethod
    def of(cls, values: Sequence[float]) -> _Scale:
        """One on which all of these have room."""
        powers = [math.log10(x) for x in values if 0 < x < math.inf]
        powers = [power for power in powers if power > DEEPEST] or [0.0]
        beyond = any(not math.isfinite(x) for x in values)
        return cls(math.floor(min(powers)) - 1, math.ceil(max(powers)) + beyond)

    def y(self, value: float) -> float:
        """How far below the top a value is; what is no number is at the top."""
        if not math.isfinite(value):
            return 0.0
        power = math.log10(value) if value > 0 else self.low
        return 100 * min(max(self.high - power, 0) / (self.high - self.low), 1)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Places on it that are marked."""
        powers = range(self.low + 1, self.high + 1, max(1, (self.high - self.low) // 8))
        return [(100.0, "0"), *((self.y(10.0**power), f"1e{power}") for power in powers)]


def depth(layers: Sequence[Layer]) -> str:
    """Each layer's largest error, and the size of its values, from the first to the last."""
    errors = [layer.difference.max_abs for layer in layers]
    sizes = [layer.difference.rms for layer in layers]
    scale = _Scale.of([*errors, *sizes])
    places = [100 * (place + 0.5) / len(layers) for place in range(len(layers))]
    lines = "".join(f'<path class="grid" d="M0 {y:.2f}H100"/>' for y, _ in scale.marks)
    curves = _curve("rms", places, sizes, scale) + _curve("error", places, errors, scale)
    dots = "".join(
        f'<a href="#l{index}"><path class="dot {layer.verdict}" d="M{x:.3f} {scale.y(error):.2f}h.001">'
        f"<title>{text(str(layer))}: {error:.2e}, agrees: {layer.verdict}</title></path></a>"
        for index, (layer, x, error) in enumerate(zip(layers, places, errors, strict=True))
    )
    marks = "".join(f'<span style="top:{y:.2f}%">{label}</span>' for y, label in scale.marks)
    feet = '<span style="left:50%">from the first layer to the last</span>'
    plot = _plot("Largest error of each layer", lines + curves + dots, feet, marks)
    return f"<section><h2>Error along the network</h2>{_KEY}{plot}</section>"


def _curve(kind: str, xs: Sequence[float], values: Sequence[float], scale: _Scale) -> str:
    points = " ".join(f"{x:.3f},{scale.y(value):.2f}" for x, value in zip(xs, values, strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'


def histogram(seen: Closeup) -> str:
    """Bars, one for each decade of errors that there are; their heights are logarithmic."""
    labels = ["0", f"&lt;1e{LEAST}", *(f"1e{power}" for power in range(LEAST, LARGEST + 1))]
    used = [place for place, count in enumerate(seen.counts) if count and place]
    shown = [0, *range(min(used), max(used) + 1)]
    most = math.log10(max(seen.counts) + 1)
    width = 100 / len(shown)
    bars, feet = [], []
    for place, index in enumerate(shown):
        count = seen.counts[index]
        height = 100 * math.log10(count + 1) / most
        bars.append(
            f'<rect class="bar" x="{(place + 0.1) * width:.2f}" y="{100 - height:.2f}" '
            f'width="{0.8 * width:.2f}" height="{height:.2f}">'
            f"<title>{labels[index]}: {count}</title></rect>"
        )
        middle = (place + 0.5) * width
        feet.append(f'<span style="left:{middle:.2f}%">{labels[index]}<br>{_short(count)}</span>')
    return _plot("How many elements are off by how much", "".join(bars), "".join(feet))


def _short(count: int) -> str:
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{letter}"
    return str(count)


def _plot(label: str, drawn: str, feet: str, marks: str = "") -> str:
    svg = (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{drawn}</svg>'
    )
    return f'<div class="plot"><div class="axis">{marks}</div>{svg}<div class="feet">{feet}</div></div>'
