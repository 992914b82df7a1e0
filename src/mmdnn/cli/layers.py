"""What commands print of a comparison's layers: all of them, one of them, a file of them."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from mmdnn.errors import UsageError
from mmdnn.verify.report import FIGURES, Layer, Report, plain
from mmdnn.verify.verdicts import Verdict

if TYPE_CHECKING:
    from rich.console import Console

WIDE, NARROW = 110, 12
"""Columns from which on types and shapes are shown, too; those that a name has at least."""
PIPED = 200
"""Columns where no terminal says how many there are: names stay in one piece."""
_STYLES = {Verdict.NO: "bold red", Verdict.UNDECIDED: "yellow", Verdict.UNTESTED: "yellow"}


def console() -> Console:
    """What prints tables on standard output."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=PIPED)


def show(report: Report, console: Console) -> None:
    """Print the table of all layers, and the summary."""
    from rich import box
    from rich.table import Table

    wide = console.width >= WIDE
    title = f"{report.source} and {report.target}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, int(wide)))
    for heading in ("layer", "type", "shape") if wide else ("layer",):
        table.add_column(heading, overflow="fold", min_width=NARROW)
    for heading in (*FIGURES, "agrees"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in report.layers:
        table.add_row(*_row(layer, wide=wide), style=_STYLES.get(layer.verdict))
    console.print(table)
    for note in (*report.notes, *report.differences):
        console.print(note, markup=False, highlight=False)
    style = "bold red" if not report.ok else "green" if report.proof else "yellow"
    console.print(report.summary(), style=style, markup=False, highlight=False, soft_wrap=True)


def _row(layer: Layer, *, wide: bool) -> list[Any]:
    from rich.text import Text

    about = [Text(layer.type), "x".join(map(str, layer.shape)) or "scalar"] if wide else []
    return [Text(layer.title), *about, *layer.written.values(), str(layer.verdict)]


def named(report: Report, name: str) -> list[Layer]:
    """The values of a layer, or the value of that name.

    Raises:
        UsageError: Both sides know none of this name.
    """
    found = [layer for layer in report.layers if name in (layer.value, layer.name)]
    if found:
        return found
    sides = ((report.source, report.only_source), (report.target, report.only_target))
    alone = [side for side, names in sides if name in names]
    if alone:
        raise UsageError(f"--layer: only {alone[0]} has '{name}'")
    known = sorted({text for layer in report.layers for text in (layer.name, layer.value)})
    near = difflib.get_close_matches(name, known, 3)
    hint = f"Did you mean {' or '.join(near)}?" if near else None
    raise UsageError(f"--layer: neither of the two has a layer '{name}'", hint=hint)


def show_one(layer: Layer, console: Console) -> None:
    """Print a layer's figures, and its worst places with the values there."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(f"{layer}, {layer.dtype}, agrees: {layer.verdict} (input: {layer.feed})"))
    if layer.why or layer.difference.reason:
        console.print(Text(layer.why or layer.difference.reason))
    figures = ", ".join(f"{name} {x}" for name, x in layer.written.items())
    console.print(Text(figures), soft_wrap=True)
    if layer.closeup is None:
        return
    places = layer.closeup.places
    if not places:
        console.print(f"All of its {layer.closeup.size} elements are the same.", highlight=False)
        return
    table = Table("place", "was", "became", "error", title="its worst places", title_justify="left")
    for place in places:
        table.add_row(
            Text(str(list(place.index))), place.source, place.target, f"{place.error:.2e}"
        )
    console.print(table)


def to_json(shown: Sequence[Layer]) -> list[dict[str, Any]]:
    """Layers with their worst places, as plain types; what is not finite becomes a string."""
    return [dict(plain(asdict(layer))) for layer in shown]


def write_csv(report: Report, file: TextIO) -> None:
    """Write a line for each layer, the figures in full."""
    writer = csv.writer(file)
    writer.writerow(
        ["layer", "value", "type", "shape", "dtype", *FIGURES, "agrees", "input", "why"]
    )
    for layer in report.layers:
        shape = "x".join(map(str, layer.shape))
        about = [layer.name, layer.value, layer.type, shape, layer.dtype]
        why = layer.why or layer.difference.reason
        figures = map(repr, layer.figures.values())
        writer.writerow([*about, *figures, str(layer.verdict), layer.feed, why])
