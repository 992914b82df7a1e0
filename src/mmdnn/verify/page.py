"""A comparison as one HTML page, complete in itself: it asks for nothing from anywhere."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from string import Template

from mmdnn.verify import plots
from mmdnn.verify.closeup import Closeup, Place
from mmdnn.verify.plots import text as _text
from mmdnn.verify.report import FIGURES, Layer, Report
from mmdnn.verify.verdicts import Verdict

_HERE = Path(__file__)
_WORDS = ("layer", "type", "shape")
_HEADINGS = (*_WORDS, *FIGURES, "agrees")


def page(report: Report) -> str:
    """The page: what is proved, errors along the network, the worst layer, every layer.

    Args:
        report: With close-ups of its layers and the picture that was fed; see `Check.closely`.
    """
    script = _HERE.with_suffix(".js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    drawn = (plots.depth(report.layers), _worst(report.layers)) if report.layers else ()
    return Template(_HERE.with_suffix(".html").read_text(encoding="utf-8")).substitute(
        hash=f"sha256-{digest}",
        title=_text(f"{report.source} and {report.target}"),
        summary=_text(report.summary()),
        colour="no" if not report.ok else "yes" if report.proof else "undecided",
        notes=_notes(report),
        picture=_picture(report.picture),
        plots="\n".join(drawn),
        headings="".join(map(_heading, _HEADINGS)),
        options="".join(f'<option value="{i}">{name}</option>' for i, name in enumerate(_HEADINGS)),
        rows="\n".join(_row(place, layer) for place, layer in enumerate(report.layers)),
        script=script,
    )


def _notes(report: Report) -> str:
    fed = f"Inputs: {'; '.join(report.feeds)}." if report.feeds else ""
    items = (*report.notes, *report.differences, fed)
    return f'<ul class="dim">{"".join(f"<li>{_text(item)}</li>" for item in items if item)}</ul>'


def _picture(png: bytes) -> str:
    if not png:
        return ""
    data = b64encode(png).decode()
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="The first input">'
        "<figcaption>the first input</figcaption></figure>"
    )


def _heading(name: str) -> str:
    falling = name in FIGURES and name != "cosine"
    kind = "name" if name == "layer" else "word" if name in _WORDS else "figure"
    first = "descending" if falling else "ascending"
    return f'<th class="{kind}" data-first="{first}"><button type="button">{name}</button></th>'


def _row(place: int, layer: Layer) -> str:
    shape = "x<wbr>".join(map(str, layer.shape)) or "scalar"
    size = math.prod(layer.shape)
    cells = [
        _cell("name", "", place, _name(layer)),
        _cell("word", "type", layer.type, _text(layer.type)),
        _cell("word", "shape", size, shape),
        *(_cell("figure", name, layer.figures[name], x) for name, x in layer.written.items()),
        _cell(layer.verdict, "agrees", list(Verdict).index(layer.verdict), layer.verdict),
    ]
    words = _text(f"{layer.name} {layer.value} {layer.type} {layer.verdict}".lower())
    return f'<tr id="l{place}" data-place="{place}" data-text="{words}">{"".join(cells)}</tr>'


def _cell(kind: str, name: str, key: object, text: str) -> str:
    sorted_by = {"inf": "Infinity", "-inf": "-Infinity"}.get(str(key), _text(str(key)))
    label = f' data-is="{name}"' if name else ""
    return f'<td class="{kind}"{label} data-key="{sorted_by}">{text}</td>'


def _name(layer: Layer) -> str:
    name = f"<bdi>{_text(layer.title)}</bdi>"
    said = " ".join(part for part in (layer.why or layer.difference.reason,) if part)
    about = f'<p class="dim">{_text(said)} (input: {_text(layer.feed)})</p>' if said else ""
    if layer.closeup is None or not layer.closeup.places:
        return name + about
    return f"<details><summary>{name}</summary>{about}{_closeup(layer.closeup)}</details>"


def _closeup(seen: Closeup) -> str:
    return f'<div class="closeup">{_places(seen.places)}{plots.histogram(seen)}</div>'


def _places(places: Iterable[Place]) -> str:
    rows = "".join(
        f"<tr><td>{list(place.index)}</td><td>{_text(place.source)}</td>"
        f"<td>{_text(place.target)}</td><td>{place.error:.2e}</td></tr>"
        for place in places
    )
    heads = "".join(f"<th>{name}</th>" for name in ("place", "was", "became", "error"))
    return f'<table class="places"><tr>{heads}</tr>{rows}</table>'


def _worst(layers: Sequence[Layer]) -> str:
    """The layer that uses most of what is allowed, closely; one at fault before others."""
    seen = [layer for layer in layers if layer.closeup is not None and layer.closeup.places]
    if not seen:
        return ""
    worst = max(seen, key=lambda layer: (layer.verdict is Verdict.NO, layer.difference.excess))
    assert worst.closeup is not None
    return (
        f"<section><h2>The worst layer: <bdi>{_text(worst.title)}</bdi></h2>"
        f'<p class="dim">How many of its {worst.closeup.size} elements are off by how much '
        f"(input: {_text(worst.feed)}); heights are logarithmic.</p>{_closeup(worst.closeup)}</section>"
    )
