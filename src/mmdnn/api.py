"""Load, save, convert, compare: the four verbs, for programs and for the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx_ir as ir

from mmdnn import registry
from mmdnn.errors import UsageError
from mmdnn.ir import preprocessing
from mmdnn.ir.preprocessing import Steps
from mmdnn.opening import Files, Opened, PathLike, open_model, paths_of
from mmdnn.outputs import outputs
from mmdnn.progress import Silent
from mmdnn.registry import Framework, Source
from mmdnn.saving import size_of, write
from mmdnn.verify import conversion, sides
from mmdnn.verify import run as verification
from mmdnn.verify.compare import Tolerance
from mmdnn.verify.feeds import inputs
from mmdnn.verify.report import Report


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


def load(
    network: Files,
    weights: PathLike | None = None,
    *,
    framework: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    phase: str = "test",
    stages: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> ir.Model:
    """Read a model, of any framework that can be read.

        model = mmdnn.load("net.prototxt", "net.caffemodel")
        model = mmdnn.load("net.onnx", input_shapes={"data": (3, 224, 224)})

    Args:
        network: The file with the structure, or with everything; or all files.
        weights: The file with the weights, where they stand apart.
        framework: Whose files they are; found from the files if not given.
        input_shapes: Input name to shape, with or without its batch. The name "" is the first
            input, "1" the second, and so on.
        phase: "test" or "train", for formats whose one file describes both.
        stages: Named stages, for formats that have them (Caffe).
        outputs: Names of the values to end at, instead of the model's own outputs.

    Returns:
        A standard ONNX graph at the opset of `mmdnn.ir.OPSET`, channels-first; weights are
        references into the files.

    Raises:
        FormatError: A file is damaged.
        UnsupportedError: Layers that cannot be expressed exactly; all of them are listed.
        UsageError: The files are not there, or belong to no framework.
    """
    said = Source(phase=phase, stages=tuple(stages), outputs=tuple(outputs))
    return open_model(paths_of(network, weights), framework, input_shapes, said).model()


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
    with outputs() as place:
        written = write(model, to, final, weights, place, progress or Silent(), options)
    return [final_path for final_path, _ in written]


def save_ir(model: ir.Model, prefix: PathLike, progress: Silent | None = None) -> list[Path]:
    """Write the intermediate representation: `<prefix>.pb`, `<prefix>.npy` and `<prefix>.json`.

    Args:
        model: As `load` gives it.
        prefix: A path without suffix.
        progress: Told how far the work is.

    Returns:
        The files written.
    """
    from mmdnn.ir.storage.files import write_ir

    final = Path(prefix)
    with outputs() as place:
        staged = place(final)
        with (progress or Silent()).bytes(size_of(model), f"writing {final.name}") as wrote:
            written = [final.parent / path.name for path in write_ir(model, staged, wrote)]
        for path in written:
            place(path)
    return written


def convert(
    *files: PathLike,
    framework: str | None = None,
    to: str | None = None,
    weights: PathLike | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    phase: str = "test",
    stages: Sequence[str] = (),
    outputs: Sequence[str] = (),
    verify: bool = True,
    keep: bool = False,
    tolerance: Tolerance | None = None,
    options: Mapping[str, str] | None = None,
    split_preprocess: bool = False,
    progress: Silent | None = None,
) -> Result:
    """Convert a model's files, and prove the result: every layer is run on both sides.

        result = mmdnn.convert("net.prototxt", "net.caffemodel", "net.onnx")
        print(result.report.summary())

    Args:
        files: The model's files, and last the target, as for `cp`.
        framework: Whose files they are; found from the files if not given.
        to: For which framework; found from the target's suffix if not given.
        weights: Where the target's weights go, for formats that keep them apart.
        input_shapes: See `load`.
        phase: See `load`.
        stages: See `load`.
        outputs: See `load`.
        verify: Whether to run and compare.
        keep: Whether a result that disagrees is left in its place, for a closer look.
        tolerance: What floats may differ by.
        options: See `save`.
        split_preprocess: Whether preprocessing at the inputs is taken out; see `mmdnn.ir.preprocessing`.
        progress: Told how far the work is.

    Raises:
        MismatchError: The two disagree; the first layer at fault is named, nothing is written.
        UnsupportedError: Layers that have no exact counterpart; all of them are listed.
        UsageError: The files are not there, or belong to no framework.
    """
    *given, last = paths_of(files)
    said = Source(phase=phase, stages=tuple(stages), outputs=tuple(outputs))
    opened = open_model(given, framework, input_shapes, said)
    to_framework = registry.framework(to) if to else registry.writer_of(last)
    return convert_opened(
        opened,
        to_framework,
        last,
        weights=weights,
        verify=verify,
        keep=keep,
        tolerance=tolerance,
        options=options,
        split_preprocess=split_preprocess,
        progress=progress,
    )


def convert_opened(
    opened: Opened,
    to: Framework,
    target: Path,
    *,
    weights: PathLike | None = None,
    verify: bool = True,
    keep: bool = False,
    tolerance: Tolerance | None = None,
    options: Mapping[str, str] | None = None,
    split_preprocess: bool = False,
    progress: Silent | None = None,
) -> Result:
    """`convert`, once it is known what is what."""
    progress = progress or Silent()
    model = opened.model()
    split, steps = preprocessing.split(model) if split_preprocess else (model, {})
    report: Report | None = None
    notes: tuple[str, ...] = ()
    with outputs() as place:
        written = write(split, to, target, weights, place, progress, options)
        if verify:
            files = [path for _, path in written]
            with conversion.runnable(files, split, to, options) as (staged, aside):
                report, notes = conversion.verified(
                    opened, model, to, staged, steps=steps, tolerance=tolerance, progress=progress
                )
            notes = (*notes, *aside)
            if report is not None and not keep:
                report.require()
    paths = tuple(final for final, _ in written)
    result = Result(
        paths,
        opened.framework.name,
        to.name,
        report,
        notes,
        split,
        steps if split_preprocess else None,
    )
    if report is not None:
        report.require()
    return result


def compare(
    a: Files,
    b: Files,
    *,
    frameworks: tuple[str | None, str | None] = (None, None),
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    phase: str = "test",
    trust: bool = False,
    steps: Steps | None = None,
    tolerance: Tolerance | None = None,
    progress: Silent | None = None,
) -> Report:
    """Run two models on the same inputs and compare every layer that both know.

        report = mmdnn.compare(["net.prototxt", "net.caffemodel"], "net.onnx")
        print(report.ok, report.first_fault)

    Values are matched by name; inputs and outputs of other names by their order. Where preprocessing was
    taken out of one of them, and its files say so, it is done to that one's inputs.

    Args:
        a: The files of the one model, which says what is right.
        b: The files of the other.
        frameworks: Whose files they are; found from the files where None.
        input_shapes: See `load`; for both.
        phase: See `load`.
        trust: Whether files may be executed: Python source, and files that hold programs.
        steps: Preprocessing that was taken out of b, where its files do not say so.
        tolerance: What floats may differ by.
        progress: Told how far the work is.

    Raises:
        UsageError: A file would have to be executed, or neither model can be read.
        MissingExtraError: The engine for one of them is not installed.
    """
    progress = progress or Silent()
    two = [
        open_model(paths_of(files), framework, input_shapes, Source(phase=phase))
        for files, framework in zip((a, b), frameworks, strict=True)
    ]
    for side in two:
        _check_trust(side, trust)
    models = [side.model() if side.readable else None for side in two]
    model = next((model for model in models if model is not None), None)
    if model is None:
        raise UsageError("mmdnn can read neither of the two, so it does not know what to feed them")
    own, other = _preprocessing(models, steps)
    found = verification.run_source(
        sides.of_opened(two[0], models[0], own), model, progress=progress
    )
    rename = _rename(models[1], model)
    names = _output_names(model)
    renamed = (
        (side and replace(sides.named_by_order(side, names), rename=rename), note)
        for side, note in sides.of_opened(two[1], models[1], other)
    )
    target, notes = sides.first_that_runs(renamed, found.results[0][0])
    found = replace(found, notes=(*found.notes, *notes))
    return verification.verify(found, target, model, tolerance=tolerance, progress=progress)


def _preprocessing(
    models: list[ir.Model | None], said: Steps | None
) -> tuple[Steps | None, Steps | None]:
    """What is done to each model's inputs; nothing where the same was taken out of both."""
    one, other = (preprocessing.recorded(each) if each is not None else {} for each in models)
    other = said or other
    return (None, None) if one == other else (one, other)


def _check_trust(opened: Opened, trust: bool) -> None:
    if not opened.readable and not trust:
        names = ", ".join(path.name for path in opened.source.files)
        raise UsageError(
            f"to run {names}, the code in it must be executed",
            hint="If you trust it, say so with --trust.",
        )


def _rename(model: ir.Model | None, onto: ir.Model) -> dict[str, str]:
    """A model's inputs and outputs to those of another: by name, else by order."""
    if model is None:
        return {}
    pairs: dict[str, str] = {}
    ends = (
        (inputs(model), inputs(onto)),
        (model.graph.outputs, onto.graph.outputs),
    )
    for own, other in ends:
        names, theirs = [str(v.name) for v in own], [str(v.name) for v in other]
        if set(names) != set(theirs) and len(names) == len(theirs):
            pairs |= {name: new for name, new in zip(names, theirs, strict=True) if name != new}
    return pairs


def _output_names(model: ir.Model) -> list[str]:
    return [str(value.name) for value in model.graph.outputs]
