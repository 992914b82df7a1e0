"""Load, save, convert, compare: the four verbs, for programs and for the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import onnx_ir as ir

from mmdnn import registry
from mmdnn.errors import UsageError
from mmdnn.ir import notes as told
from mmdnn.ir import preprocessing
from mmdnn.ir.preprocessing import Steps
from mmdnn.opening import Files, Opened, PathLike, open_model, paths_of
from mmdnn.outputs import outputs
from mmdnn.progress import Silent
from mmdnn.registry import Framework, Source
from mmdnn.saving import files_of, write
from mmdnn.verify import proof as proofs
from mmdnn.verify.proof import Proof

if TYPE_CHECKING:
    from mmdnn.verify.check import Check
    from mmdnn.verify.compare import Tolerance
    from mmdnn.verify.report import Report

Shapes = Mapping[str, Sequence[int | str | None]]


class Reading(TypedDict, total=False):
    """How a model's files are read.

    Keys:
        framework: Whose files they are; found from the files if not given.
        input_shapes: Input name to shape, with or without its batch. The name "" is the first input, "1"
            the second, and so on. A size left open is None, or its name.
        phase: "test" or "train", for formats whose one file describes both.
        stages: Named stages, for formats that have them (Caffe).
        outputs: Names of the values to end at, instead of the model's own outputs.
        keep_layout: Whether inputs and outputs keep their axes in the order that they have there.
        start_nodes: Names of the nodes to begin at, instead of the model's own inputs (TensorFlow).
        signature: Which of a SavedModel's signatures (TensorFlow).
    """

    framework: str | None
    input_shapes: Shapes | None
    phase: str
    stages: Sequence[str]
    outputs: Sequence[str]
    keep_layout: bool
    start_nodes: Sequence[str]
    signature: str


@dataclass(frozen=True)
class Request:
    """What is asked of a conversion, beside its files.

    Attributes:
        weights: Where the target's weights go, for formats that keep them apart.
        verify: Whether to run and compare.
        keep: Whether a result that disagrees is left in its place, for a closer look.
        tolerance: What floats may differ by.
        options: What a framework takes besides; see `save`.
        split_preprocess: Whether preprocessing at the inputs is taken out; see `mmdnn.ir.preprocessing`.
        require: What must be proved at least: "engines", "reference" or "written".
        inputs: Inputs of one's own to compare with, by name.
        feeds: How many further random inputs are wanted.
        closely: Whether the report is to show elements of each layer, and what was fed.
        clobber: Whether files that are there already are replaced, else refused.
        progress: Told how far the work is.
    """

    weights: PathLike | None = None
    verify: bool = True
    keep: bool = False
    tolerance: Tolerance | None = None
    options: Mapping[str, str] | None = None
    split_preprocess: bool = False
    require: Proof | str | None = None
    inputs: Mapping[str, np.ndarray] | None = None
    feeds: int = 0
    closely: bool = False
    clobber: bool = True
    progress: Silent = field(default_factory=Silent)

    @property
    def check(self) -> Check:
        """How it is to be proved."""
        from mmdnn.verify.check import Check

        names = ("tolerance", "feeds", "options", "closely")
        return Check.of(self.inputs, **{name: getattr(self, name) for name in names})


class Converting(Reading, total=False):
    """The keywords of `convert`: those of `Reading`, those of `Request`, and the target's framework."""

    to: str | None
    weights: PathLike | None
    verify: bool
    keep: bool
    tolerance: Tolerance | None
    options: Mapping[str, str] | None
    split_preprocess: bool
    require: Proof | str | None
    inputs: Mapping[str, np.ndarray] | None
    feeds: int
    closely: bool
    clobber: bool
    progress: Silent


@dataclass(frozen=True)
class Result:
    """What a conversion made.

    Attributes:
        paths: The files written, the main one first.
        source: The framework it was converted from.
        target: The framework it was converted to.
        report: The comparison of every layer; None where nothing was compared.
        notes: What the user should know, such as why nothing was compared.
        model: The intermediate representation.
        preprocessing: What was taken out of each input; None where that was not asked for.
    """

    paths: tuple[Path, ...]
    source: str
    target: str
    report: Report | None
    notes: tuple[str, ...]
    model: ir.Model
    preprocessing: Steps | None = None

    @property
    def proof(self) -> Proof | None:
        """What is proved; None where nothing was compared, or our own code stood on both sides."""
        return self.report.proof if self.report is not None else None


def load(network: Files, weights: PathLike | None = None, **reading: Unpack[Reading]) -> ir.Model:
    """Read a model, of any framework that can be read.

        model = mmdnn.load("net.prototxt", "net.caffemodel")
        model = mmdnn.load("net.onnx", input_shapes={"data": (3, 224, 224)})

    Args:
        network: The file with the structure, or with everything; or all files.
        weights: The file with the weights, where they stand apart.
        reading: See `Reading`.

    Returns:
        A standard ONNX graph of opset `mmdnn.ir.OPSET`, channels-first; weights refer to the files.

    Raises:
        FormatError: A file is damaged.
        UnsupportedError: Layers that cannot be expressed exactly; all of them are listed.
        UsageError: The files are not there, or belong to no framework.
    """
    return _opened(paths_of(network, weights), reading).model()


def _opened(files: Sequence[Path], reading: Mapping[str, Any]) -> Opened:
    said = Source(
        phase=reading.get("phase", "test"),
        stages=tuple(reading.get("stages", ())),
        outputs=tuple(reading.get("outputs", ())),
        keep_layout=reading.get("keep_layout", False),
        inputs=tuple(reading.get("start_nodes", ())),
        signature=reading.get("signature", ""),
    )
    return open_model(files, reading.get("framework"), reading.get("input_shapes"), said)


def save(
    model: ir.Model,
    target: PathLike,
    *,
    framework: str | None = None,
    weights: PathLike | None = None,
    options: Mapping[str, str] | None = None,
    progress: Silent | None = None,
) -> list[Path]:
    """Write a model for a framework; its files appear complete, together, or not at all.

        mmdnn.save(model, "net.py")               # PyTorch source, weights in net.safetensors
        mmdnn.save(model, "net.py", weights="net.pth")

    Args:
        model: As `load` gives it.
        target: The main file; its suffix says which kind, and which framework.
        framework: For which framework, where the suffix does not say.
        weights: Where the weights go, for formats that keep them apart.
        options: What a framework takes besides: {"fork": "ssd"} allows the SSD fork's layers in Caffe.
        progress: Told how far the work is.

    Returns:
        The files written, the main one first.

    Raises:
        UnsupportedError: Operators that the framework has no counterpart for; all are listed.
        UsageError: The target cannot be written, or is of no framework.
    """
    final = Path(target)
    to = registry.framework(framework) if framework else registry.writer_of(final)
    with outputs(files_of(model)) as place:
        written = write(model, to, final, weights, place, progress or Silent(), options)
    return [final_path for final_path, _ in written]


def convert(*files: PathLike, **asked: Unpack[Converting]) -> Result:
    """Convert a model's files, and prove the result: every layer is run on both sides.

        result = mmdnn.convert("net.prototxt", "net.caffemodel", "net.onnx")
        print(result.report.summary())

    Args:
        files: The model's files, and last the target, as for `cp`.
        asked: `to`, the framework, where the target's suffix does not say; see `Reading`, `Request`.

    Raises:
        MismatchError: The two disagree; the first layer at fault is named, nothing is written.
        UnprovedError: Less is proved than `require` demands; nothing is written.
        UnsupportedError: Layers that have no exact counterpart; all of them are listed.
        UsageError: The files are not there, or belong to no framework.
    """
    *given, last = paths_of(files)
    opened = _opened(given, asked)
    name = asked.get("to")
    to = registry.framework(name) if name else registry.writer_of(last)
    known = {each.name for each in fields(Request)}
    chosen: dict[str, Any] = {key: value for key, value in asked.items() if key in known}
    return convert_opened(opened, to, last, Request(**chosen))


def convert_opened(opened: Opened, to: Framework, target: Path, request: Request) -> Result:
    """`convert`, once it is known what is what."""
    report: Report | None = None
    notes: tuple[str, ...] = ()
    with outputs([*opened.source.files, *opened.made], clobber=request.clobber) as place:
        place(target)
        place.keep(opened.made)
        model = opened.model()
        place.protect(files_of(model))
        split, steps = preprocessing.split(model) if request.split_preprocess else (model, None)
        written = write(
            split, to, target, request.weights, place, request.progress, request.options
        )
        if request.verify:
            from mmdnn.verify import conversion

            files = [path for _, path in written]
            with conversion.runnable(files, split, to, request.options) as (staged, aside):
                report, notes = conversion.verified(
                    opened, model, to, staged, steps=steps or {}, check=request.check,
                    progress=request.progress,
                )  # fmt: skip
            notes = (*notes, *aside)
            if report is not None and not request.keep:
                report.require()
        turned = ""
        if to.images_last:
            from mmdnn.ir import layout

            turned = layout.note(model)
        notes = (*(note for note in told.of(model) if note != turned), *notes)
        why = notes if request.verify else ("--noVerify leaves the comparison out",)
        proofs.require(request.require, report.proof if report is not None else None, why)
    notes = (*notes, *place.said())
    paths = tuple(final for final, _ in written)
    result = Result(paths, opened.framework.name, to.name, report, notes, split, steps)
    if report is not None:
        report.require()
    return result


class Comparing(TypedDict, total=False):
    """The keywords of `compare`.

    Keys:
        frameworks: Whose files they are; found from the files where None.
        input_shapes: See `Reading`; for both.
        phase: See `Reading`.
        trust: Whether files may be executed: Python source, and files that hold programs.
        steps: Preprocessing that was taken out of b, where its files do not say so.
        tolerance: What floats may differ by.
        inputs: Inputs of one's own to compare with, by the first model's names.
        feeds: How many further random inputs are wanted.
        closely: Whether the report is to show elements of each layer, and what was fed.
        progress: Told how far the work is.
    """

    frameworks: tuple[str | None, str | None]
    input_shapes: Shapes | None
    phase: str
    trust: bool
    steps: Steps | None
    tolerance: Tolerance | None
    inputs: Mapping[str, np.ndarray] | None
    feeds: int
    closely: bool
    progress: Silent


def compare(a: Files, b: Files, **asked: Unpack[Comparing]) -> Report:
    """Run two models on the same inputs and compare every layer that both know, then their graphs.

        report = mmdnn.compare(["net.prototxt", "net.caffemodel"], "net.onnx")
        print(report.ok, report.first_fault)

    Values are matched by name; inputs and outputs of other names by their order. Where preprocessing was
    taken out of one of them, and its files say so, it is done to that one's inputs.

    Args:
        a: The files of the one model, which says what is right.
        b: The files of the other.
        asked: See `Comparing`.

    Raises:
        UsageError: A file would have to be executed, or neither model can be read.
        MissingExtraError: The engine for one of them is not installed.
    """
    shapes, phase = asked.get("input_shapes"), asked.get("phase", "test")
    two = [
        open_model(paths_of(files), framework, shapes, Source(phase=phase))
        for files, framework in zip((a, b), asked.get("frameworks", (None, None)), strict=True)
    ]
    for side in two:
        _check_trust(side, trust=asked.get("trust", False))
    from mmdnn.verify import comparison
    from mmdnn.verify.check import Check

    said = {name: asked[name] for name in ("tolerance", "feeds", "closely") if name in asked}
    check = Check.of(asked.get("inputs"), **said)
    steps, progress = asked.get("steps"), asked.get("progress")
    return comparison.compared(two[0], two[1], check, steps=steps, progress=progress)


def _check_trust(opened: Opened, *, trust: bool) -> None:
    if not opened.readable and not trust:
        names = ", ".join(path.name for path in opened.source.files)
        raise UsageError(
            f"to run {names}, the code in it must be executed",
            hint="If you trust it, say so with --trust.",
        )
