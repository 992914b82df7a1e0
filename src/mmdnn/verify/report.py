"""What a comparison found: every layer's worst error, the first layer at fault, and what it proves."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from mmdnn.errors import MismatchError
from mmdnn.verify.closeup import Closeup
from mmdnn.verify.compare import Difference
from mmdnn.verify.proof import WORDS, Proof
from mmdnn.verify.verdicts import Verdict

LEAST = 0.001
"""A smaller part of the tolerance is not told from another."""

FIGURES = {
    "max": "{:.1e}",
    "mean": "{:.1e}",
    "variance": "{:.1e}",
    "relative": "{:.1e}",
    "cosine": "{:.7f}",
    "tolerance": "{:.1%}",
}
"""What is told of each layer's error, and how it is written."""


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
        verdict: What is known of it.
        why: Why the verdict is not a plain yes, in words.
        is_output: Whether it is an output of the model.
        closeup: Its elements there, where that was asked for.
    """

    value: str
    name: str
    type: str
    shape: tuple[int, ...]
    dtype: str
    difference: Difference
    feed: str
    verdict: Verdict = Verdict.YES
    why: str = ""
    is_output: bool = False
    closeup: Closeup | None = None

    @property
    def title(self) -> str:
        """Its name, and its value's where that is another."""
        return self.value if self.name in ("", self.value) else f"{self.name}: {self.value}"

    @property
    def figures(self) -> dict[str, float]:
        """Its error by the names of `FIGURES`; mean and variance are of errors with their signs."""
        gap = self.difference
        found = (gap.max_abs, gap.mean, gap.variance, gap.max_rel, gap.cosine, gap.excess)
        return dict(zip(FIGURES, found, strict=True))

    @property
    def written(self) -> dict[str, str]:
        """Its figures in a few digits; a dash for what is no number."""
        return {
            name: FIGURES[name].format(x) if math.isfinite(x) else "-"
            for name, x in self.figures.items()
        }

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
        level: What agreement of these two runs proves; None where our own reading stood in for an engine.
        same_graph: Whether the two graphs are the same, so that they agree on every input; None where that
            was not looked at.
        differences: Nodes that differ between the graphs, in words.
        faults: Differences that stand in no layer: outputs that one side lacks, nodes whose difference an
            input to them shows.
        hint: The one command that would prove more; "" where there is none.
        picture: The first picture that was fed, as PNG, where that was asked for.
    """

    source: str
    target: str
    layers: tuple[Layer, ...]
    feeds: tuple[str, ...] = ()
    only_source: tuple[str, ...] = ()
    only_target: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    level: Proof | None = None
    same_graph: bool | None = None
    differences: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    hint: str = ""
    picture: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether every layer agrees, and there is one."""
        return bool(self.layers or self.same_graph) and self.first_fault is None and not self.faults

    @property
    def proof(self) -> Proof | None:
        """What is proved: `level`, if outputs were compared, and each was decided and exercised."""
        outputs = [layer for layer in self.layers if layer.is_output]
        if not self.ok or not outputs or any(layer.verdict in _OPEN for layer in outputs):
            return None
        return self.level

    @property
    def unproved(self) -> tuple[Layer, ...]:
        """The layers of which nothing is known, in topological order."""
        return tuple(layer for layer in self.layers if layer.verdict in _OPEN)

    @property
    def first_fault(self) -> Layer | None:
        """The first layer at fault, in topological order."""
        return next((layer for layer in self.layers if layer.verdict is Verdict.NO), None)

    @property
    def exercised(self) -> float:
        """The share of layers that the inputs exercised, and that were decided."""
        return 1 - len(self.unproved) / len(self.layers) if self.layers else 0.0

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

    @property
    def used(self) -> float:
        """Which part of the tolerance the worst layer uses, of those that agree by the rule."""
        plain = [x.difference.excess for x in self.layers if x.difference.ok]
        return max(plain, default=0.0)

    def summary(self) -> str:
        """One line: `Proved 23 layers with ... and ...: the worst uses 12 % of the tolerance.`."""
        fault = self.first_fault
        if fault is not None:
            wrong = sum(1 for layer in self.layers if layer.verdict is Verdict.NO)
            return (
                f"{wrong} of {_count(self.layers)} {'disagrees' if wrong == 1 else 'disagree'}; "
                f"the first at fault is {fault}: "
                f"{fault.why or fault.difference.reason} (input: {fault.feed})"
            )
        if self.faults:
            return f"the two disagree: {'; '.join(self.faults)}"
        words = WORDS[self.proof]
        alike = tuple(layer for layer in self.layers if layer.verdict not in _OPEN)
        agree = "agrees" if len(alike) == 1 else "agree"
        said = f"{words}: {_count(alike)} {agree} in {self.source} and {self.target}"
        share = f"{self.used:.2g}" if self.used >= LEAST or not self.used else f"less than {LEAST}"
        used = f"; the worst uses {share} of the tolerance"
        return f"{said}{used}{''.join(self._asides())}."

    def _asides(self) -> list[str]:
        carried = sum(layer.verdict is Verdict.CARRIED for layer in self.layers)
        found = [f", {carried} carry rounding"] if carried else []
        open_ = self.unproved
        if open_:
            names = ", ".join(layer.name or layer.value for layer in open_[:3])
            more = ", ..." if len(open_) > 3 else ""
            found.append(f"; {len(open_)} untested or undecided: {names}{more}")
        if self.same_graph:
            found.append("; both are the same graph")
        if not any(layer.is_output for layer in self.layers):
            found.append("; no output of the same name was compared")
        if self.proof is None and self.level is None:
            found.append("; our own reading stood in for an engine, which proves nothing")
        return found

    def require(self) -> None:
        """Raise if the two disagree.

        Raises:
            MismatchError: Naming the first layer at fault; it carries this report.
        """
        if self.first_fault is not None or self.faults:
            error = MismatchError(
                f"source and result disagree. {self.summary()}",
                hint=f"Compared: {self.source} and {self.target}.",
            )
            error.report = self
            raise error
        if not self.ok:
            raise MismatchError("the two models have no value of the same name to compare")

    def to_json(self) -> dict[str, Any]:
        """The report, without pictures and single elements, as types that `json.dumps` takes.

        What is not finite becomes a string.
        """
        whole = asdict(self)
        del whole["picture"]
        for layer, found in zip(whole["layers"], self.layers, strict=True):
            layer["ok"] = found.verdict is not Verdict.NO
            del layer["closeup"]
        first = self.first_fault
        figures = {
            "ok": self.ok,
            "proof": self.proof,
            "first_fault": None if first is None else first.value,
            "exercised": self.exercised,
            "tolerance_used": self.used,
            "max_abs": self.max_abs,
            "max_rel": self.max_rel,
            "cosine": self.cosine,
        }
        return dict(plain(figures | whole))


_OPEN = frozenset({Verdict.UNTESTED, Verdict.UNDECIDED})


def _count(layers: tuple[Layer, ...]) -> str:
    return f"{len(layers)} layer{'' if len(layers) == 1 else 's'}"


def _largest(numbers: list[float]) -> float:
    return max(numbers, key=lambda x: math.inf if math.isnan(x) else x, default=0.0)


def plain(value: Any) -> Any:
    """A value as JSON has it; what is not finite as a string."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
