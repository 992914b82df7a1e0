"""Whether what came back is what onnxruntime computes of the node, and why not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from differential.case import Arrays, Case
from differential.targets import TARGETS, Refused, Result, place_of, run_file

RELATIVE, ABSOLUTE = 1e-4, 1e-5
COARSE = {"float16": 4e-3, "bfloat16": 3e-2}


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        outcome: "right", "refused", "wrong" or "crashed"; "disputed" where the exporter does what `OTHERS`
            do, and onnxruntime another thing.
        why: The reason, where it is not right.
    """

    outcome: str
    why: str = ""


By = Callable[[Case, Arrays], Arrays | None]


@dataclass
class Expected:
    """What a case gives by onnxruntime, or by ONNX's own evaluator where that has not the operator.

    Attributes:
        case: The case.
        feeds: What it is fed.
        arrays: What each feed gives.
        by: Who says so.
    """

    case: Case
    feeds: list[Arrays]
    arrays: list[Arrays]
    by: str = "onnxruntime"


def expect(case: Case) -> Expected | None:
    """What a case should give; None where nobody runs it, so that it is none.

    A second feed is none where the node does not take it.
    """
    by: By = by_onnxruntime
    name, first, *more = "onnxruntime", *case.feeds
    try:
        arrays = by(case, first)
    except NotImplementedError:
        name, by = "onnx.reference", by_reference
        arrays = by(case, first)
    if arrays is None:
        return None
    pairs = [(first, arrays)]
    pairs += [(feed, again) for feed in more if (again := by(case, feed)) is not None]
    return Expected(case, *map(list, zip(*pairs, strict=True)), name)


def by_onnxruntime(case: Case, feed: Arrays) -> Arrays | None:
    """The results of onnxruntime; None where it refuses them.

    Raises:
        NotImplementedError: It has not the operator.
    """
    data = ir.to_proto(case.model()).SerializeToString()
    try:
        return run_file(data, feed, case.results)
    except Exception as error:
        if "NOT_IMPLEMENTED" in str(error):
            raise NotImplementedError from error
        return None


def by_reference(case: Case, feed: Arrays) -> Arrays | None:
    """The results of ONNX's own evaluator; None where it has none."""
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            values = ReferenceEvaluator(ir.to_proto(case.model())).run(None, dict(feed))
    except Exception:  # noqa: BLE001 - it fails in many ways
        return None
    return dict(zip(case.results, [np.asarray(value) for value in values], strict=True))


def by_explicit_pads(case: Case, feed: Arrays) -> Arrays | None:
    """onnxruntime's results for a pooling whose padding is said, not found.

    It finds the padding as if no window were dilated, and lets ceil_mode add windows to what SAME says
    (https://onnx.ai/onnx/operators/onnx__MaxPool.html: the output has ceil(input / stride) places).
    """
    mode = str(case.attributes.get("auto_pad", ""))
    if "Pool" not in case.operator or not mode.startswith("SAME") or case.inputs[0] is None:
        return None
    sizes = case.inputs[0].array.shape[2:]
    ones = [1] * len(sizes)
    windows = zip(
        sizes,
        case.attributes["kernel_shape"],
        case.attributes.get("strides", ones),
        case.attributes.get("dilations", ones),
        strict=True,
    )
    pads = [
        max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
        for size, kernel, stride, dilation in windows
    ]
    less, more = [pad // 2 for pad in pads], [pad - pad // 2 for pad in pads]
    begin, end = (less, more) if mode == "SAME_UPPER" else (more, less)
    said = {k: v for k, v in case.attributes.items() if k not in {"auto_pad", "ceil_mode"}}
    return by_onnxruntime(replace(case, attributes={**said, "pads": begin + end}), feed)


OTHERS: dict[str, By] = {
    "onnx.reference": by_reference,
    "onnxruntime with explicit pads": by_explicit_pads,
}


def judge(target: str, expected: Expected, result: Result) -> Verdict:
    """Whether a result is right."""
    if isinstance(result, Refused):
        return Verdict("refused", str(result))
    if isinstance(result, Exception):
        return Verdict("crashed", place_of(result))
    strict = TARGETS[target].strict
    pairs = list(zip(expected.feeds, expected.arrays, result, strict=False))
    why = next(filter(None, (difference(a, b, strict=strict) for _, a, b in pairs)), "")
    if not why:
        return Verdict("right")
    for name, other in OTHERS.items():
        if name != expected.by and all(
            (arrays := other(expected.case, feed)) is not None
            and not difference(arrays, found, strict=strict)
            for feed, _, found in pairs
        ):
            return Verdict("disputed", f"{expected.by}: {why}; as by {name}")
    return Verdict("wrong", why)


def difference(wanted: Arrays, found: Arrays, *, strict: bool) -> str:
    """What differs; "" if nothing does. Engines without whole numbers or scalars are not held to them."""
    for name, array in wanted.items():
        if name not in found:
            return f"{name}: missing"
        ours = np.asarray(found[name])
        if not strict and array.ndim == 0 and ours.size == 1:
            ours = ours.reshape(())
        if ours.shape != array.shape:
            return f"{name}: shape {list(ours.shape)}, not {list(array.shape)}"
        if strict and ours.dtype != array.dtype:
            return f"{name}: type {ours.dtype}, not {array.dtype}"
        coarse = COARSE.get(str(array.dtype), 0.0)
        theirs, ours = array.astype(np.float64), ours.astype(np.float64)
        relative, absolute = max(RELATIVE, coarse), max(ABSOLUTE, coarse)
        if not np.allclose(ours, theirs, relative, absolute, equal_nan=True):
            with np.errstate(all="ignore"):
                return f"{name}: off by {np.nanmax(np.abs(ours - theirs)):.3g}"
    return ""


@dataclass
class Reason:
    """Why an exporter refuses what another one can say."""

    exporter: str
    operator: re.Pattern[str]
    case: re.Pattern[str]
    message: re.Pattern[str]
    reason: str
    uses: int = field(default=0, compare=False)

    def covers(self, exporter: str, case: Case, message: str) -> bool:
        """Whether it is about this refusal."""
        return (
            exporter == self.exporter
            and self.operator.fullmatch(case.operator) is not None
            and self.case.search(case.name) is not None
            and self.message.search(message) is not None
        )


def read_reasons() -> list[Reason]:
    """The list of reasons."""
    path = Path(__file__).with_name("refusals.toml")
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Reason(
            entry["exporter"],
            re.compile(entry.get("operator", ".*")),
            re.compile(entry.get("case", "")),
            re.compile(entry.get("message", "")),
            entry["reason"],
        )
        for entry in table["refusal"]
    ]


def needless(
    case: Case, verdicts: dict[str, Verdict], reasons: Iterable[Reason]
) -> dict[str, Verdict]:
    """Refusals of what another exporter says rightly, and for which no reason is listed."""
    able = {name for name, verdict in verdicts.items() if verdict.outcome == "right"} - {"onnx"}
    found = {}
    for name, verdict in verdicts.items():
        if verdict.outcome != "refused" or not able:
            continue
        known = [reason for reason in reasons if reason.covers(name, case, verdict.why)]
        for reason in known:
            reason.uses += 1
        if not known:
            found[name] = verdict
    return found


def table(outcomes: dict[str, Sequence[Verdict]]) -> list[str]:
    """Figures, a line for each exporter."""
    kinds = ("right", "refused", "needless", "disputed", "wrong", "crashed")
    lines = [f"{'exporter':10}" + "".join(f"{kind:>10}" for kind in kinds)]
    for name, verdicts in outcomes.items():
        counts = [sum(verdict.outcome == kind for verdict in verdicts) for kind in kinds]
        lines.append(f"{name:10}" + "".join(f"{count:10}" for count in counts))
    return lines
