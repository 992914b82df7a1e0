"""What a comparison found: every layer's worst error, and the first layer at fault."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mmdnn.errors import MismatchError
from mmdnn.verify.compare import Difference

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Layer:
    """One value that both sides know, and the layer that makes it.

    Attributes:
        value: The value's name.
        name: Its layer's name in the source model.
        type: That layer's type.
        shape: The value's shape in the last run.
        dtype: Its element type.
        difference: The worst found, over all inputs.
        feed: The kind of input that the worst was found with.
    """

    value: str
    name: str
    type: str
    shape: tuple[int, ...]
    dtype: str
    difference: Difference
    feed: str

    def __str__(self) -> str:
        name = self.name if self.name == self.value else f"{self.name}, value '{self.value}'"
        return f"{name} ({self.type})" if self.type else name


@dataclass(frozen=True)
class Report:
    """The result of comparing two models.

    Attributes:
        source: What ran on the one side, in words.
        target: What ran on the other.
        layers: Every value that both know, in topological order.
        feeds: The kinds of inputs used.
        only_source: Values known on the one side only.
        only_target: Values known on the other side only.
        notes: What the user should know about how this was done.
    """

    source: str
    target: str
    layers: tuple[Layer, ...]
    feeds: tuple[str, ...] = ()
    only_source: tuple[str, ...] = ()
    only_target: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every layer agrees, and there is one."""
        return bool(self.layers) and self.first_fault is None

    @property
    def first_fault(self) -> Layer | None:
        """The first layer at fault, in topological order."""
        return next((layer for layer in self.layers if not layer.difference.ok), None)

    @property
    def max_abs(self) -> float:
        """The largest absolute error of any layer; NaN where shapes or types disagree."""
        return _largest([layer.difference.max_abs for layer in self.layers])

    @property
    def max_rel(self) -> float:
        """The largest relative error of any layer."""
        return _largest([layer.difference.max_rel for layer in self.layers])

    @property
    def cosine(self) -> float:
        """The smallest cosine of any layer."""
        return min((layer.difference.cosine for layer in self.layers), default=1.0)

    def summary(self) -> str:
        """One line: `Verified 23 layers of ...: max |error| 1.2e-06, ...`."""
        fault = self.first_fault
        if fault is not None:
            wrong = sum(1 for layer in self.layers if not layer.difference.ok)
            return (
                f"{wrong} of {_count(self.layers)} disagree; the first at fault is {fault}: "
                f"{fault.difference.reason} (input: {fault.feed})"
            )
        noisy = sum(1 for layer in self.layers if layer.difference.noisy)
        aside = f", {noisy} within the source's own rounding noise" if noisy else ""
        return (
            f"Verified {_count(self.layers)} with {self.source} and {self.target}: "
            f"max |error| {self.max_abs:.2g}, max relative {self.max_rel:.2g}, "
            f"min cosine {self.cosine:.7f}{aside}."
        )

    def require(self) -> None:
        """Raise if the two disagree.

        Raises:
            MismatchError: Naming the first layer at fault; it carries this report.
        """
        fault = self.first_fault
        if fault is not None:
            error = MismatchError(
                f"source and result disagree. {self.summary()}",
                hint=f"Compared: {self.source} and {self.target}.",
            )
            error.report = self
            raise error
        if not self.layers:
            raise MismatchError("the two models have no value of the same name to compare")

    def to_json(self) -> dict[str, Any]:
        """The report as plain types for `json.dumps`; what is not finite becomes a string."""
        plain = asdict(self)
        for layer, found in zip(plain["layers"], self.layers, strict=True):
            layer["ok"] = found.difference.ok
        first = self.first_fault
        figures = {
            "ok": self.ok,
            "first_fault": None if first is None else first.value,
            "max_abs": self.max_abs,
            "max_rel": self.max_rel,
            "cosine": self.cosine,
        }
        return dict(_plain(figures | plain))

    def show(self, console: Console) -> None:
        """Print the table of all layers, and the summary."""
        from rich.table import Table

        table = Table(title=f"{self.source} and {self.target}", title_justify="left")
        for heading in ("layer", "type", "shape"):
            table.add_column(heading, overflow="fold")
        for heading in ("max abs", "max rel", "cosine", "ok"):
            table.add_column(heading, justify="right", no_wrap=True)
        for layer in self.layers:
            table.add_row(*_row(layer), style=None if layer.difference.ok else "bold red")
        console.print(table)
        for note in self.notes:
            console.print(note, markup=False, highlight=False)
        console.print(self.summary(), markup=False, highlight=False, soft_wrap=True)


def _row(layer: Layer) -> list[Any]:
    from rich.text import Text

    found = layer.difference
    verdict = "no" if not found.ok else "noise" if found.noisy else "yes"
    name = layer.value if layer.name in ("", layer.value) else f"{layer.name}: {layer.value}"
    shape = "x".join(map(str, layer.shape)) or "scalar"
    figures = [f"{found.max_abs:.2e}", f"{found.max_rel:.2e}", f"{found.cosine:.7f}"]
    return [Text(name), Text(layer.type), shape, *figures, verdict]


def _count(layers: tuple[Layer, ...]) -> str:
    return f"{len(layers)} layer{'' if len(layers) == 1 else 's'}"


def _largest(numbers: list[float]) -> float:
    return max(numbers, key=lambda x: math.inf if math.isnan(x) else x, default=0.0)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
