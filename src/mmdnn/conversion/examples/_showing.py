"""What a network says of a picture: the likeliest classes printed, or every output saved."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmdnn.cli import command, words
from mmdnn.conversion.examples import _labels, _preprocessing, _running
from mmdnn.conversion.examples._preprocessing import Preparation
from mmdnn.conversion.examples._running import Answer, Fit, Network, Size
from mmdnn.errors import FormatError, UsageError
from mmdnn.outputs import outputs

PICTURE = 4
"""Dimensions of an input that is a picture: batch, channels, height, width."""


def show(network: Network, args: Namespace) -> dict[str, Any]:
    """Run the network on the picture, and print or save what it says.

    Args:
        network: As `_running.find` gives it.
        args: The command's; see `_imagenet.parser`.
    """
    if not args.image:
        raise UsageError("there is no picture", hint="Give it with -i.")
    labels = _labels.read(Path(args.label) if args.label else _labels.IMAGENET)
    fit, size = _fit(args)
    if network.opened.readable:
        with tempfile.TemporaryDirectory(prefix="mmdnn-") as folder:
            answer = _running.ask(network, Path(folder), fit, size)
    elif args.trust:
        answer = _running.ask_trusted(network, fit)
    else:
        raise UsageError(
            "would have to be executed",
            file=network.opened.source.network,
            hint="If you trust it, say so with --trust.",
        )
    command.warn(args, *answer.notes)
    if args.detect:
        return _save(network, answer, args)
    return {"ok": True, "engine": answer.title, "outputs": tell(answer, labels, args)}


def _fit(args: Namespace) -> tuple[Fit, Size | None]:
    """What makes the input, and the size that is asked for."""
    image = Path(args.image)
    size = _preprocessing.parse_size(args.size) if args.size else None
    if image.suffix == ".npy":
        array = _array(image)
        return lambda dims: _checked(array, dims), size
    how = _preparation(args.preprocess, args.srcFramework.lower())
    wanted = size or how.size

    def fit(dims: Sequence[int | None] | None) -> np.ndarray:
        made = how(image, picture_size(dims, wanted))
        plain = how.mode in (_preprocessing.IDENTITY, _preprocessing.MODES["identity-bgr"])
        return made / np.float32(255) if args.detect and plain else made

    return fit, wanted


def picture_size(dims: Sequence[int | None] | None, wanted: Size | None) -> Size:
    """The width and height of pictures for a network.

    Args:
        dims: What its input's dimensions are, where they are known.
        wanted: What is asked for.

    Raises:
        UsageError: It takes others, or no coloured pictures, or it is not known which.
    """
    dims = [None] * PICTURE if dims is None else dims
    if len(dims) != PICTURE or dims[1] not in (3, None):
        text = "x".join("?" if dim is None else str(dim) for dim in dims) or "a single number"
        raise UsageError(f"the network's input is {text}, no coloured picture")
    height, width = dims[2:]
    if wanted is None:
        if width is None or height is None:
            raise UsageError(
                "the network takes pictures of any size", hint="Give --size, e.g. 224."
            )
        return width, height
    if (width or wanted[0], height or wanted[1]) != wanted:
        own = f"{width or 'any'}x{height or 'any'}"
        raise UsageError(
            f"the network takes pictures of {own}, and these are {wanted[0]}x{wanted[1]}",
            hint="--size says how large they are made.",
        )
    return wanted


def _checked(array: np.ndarray, dims: Sequence[int | None] | None) -> np.ndarray:
    """An array as the network's input, with the batch it may lack."""
    if dims is None:
        return array
    if array.ndim == len(dims) - 1:
        array = array[None]
    fits = array.ndim == len(dims) and all(
        own in (None, given) for own, given in zip(dims[1:], array.shape[1:], strict=True)
    )
    if not fits or len(array) != 1:
        text = "x".join("?" if dim is None else str(dim) for dim in dims)
        raise UsageError(
            f"the network's input is {text}, the array {'x'.join(map(str, array.shape))}"
        )
    return array


def _preparation(name: str | None, source: str) -> Preparation:
    if name is None:
        raise UsageError(
            "it is not said how the picture is prepared",
            hint=f"Give -p with a pre-trained model's name, or {', '.join(_preprocessing.MODES)}.",
        )
    return _preprocessing.preparation(source, name)


def _array(path: Path) -> np.ndarray:
    """An array of any shape, as float32."""
    if not path.is_file():
        raise UsageError("there is no such file", file=path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(f"is no array: {error}", file=path) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise FormatError("is no array of numbers", file=path)
    return array.astype(np.float32)


def tell(answer: Answer, labels: list[str], args: Namespace) -> list[dict[str, Any]]:
    """Print the likeliest classes of each output, or the output where it has no classes."""
    line = _tuple if args.tuples else _words
    told = []
    for name, value in answer.outputs.items():
        scores = np.squeeze(value)
        found: dict[str, Any] = {"name": name, "shape": list(value.shape)}
        if len(answer.outputs) > 1:
            command.say(args, f"{name}:")
        if scores.ndim == 1:
            top = _labels.best(scores, labels)
            found["top"] = [
                {"label": label, "index": place, "score": float(score)}
                for label, place, score in top
            ]
            command.say(args, *(line(label, place, score) for label, place, score in top))
        else:
            command.say(args, str(scores))
        told.append(found)
    return told


def _words(label: str, place: int, score: object) -> str:
    return f"{label} {place} {score!s}".strip()


def _tuple(label: str, place: int, score: object) -> str:
    return f"({label!r}, {place}, {score!s})"


def _save(network: Network, answer: Answer, args: Namespace) -> dict[str, Any]:
    """Save every output, named by its height as the old tool named those of YOLO."""
    place_asked = Path(args.detect)
    folder = place_asked.parent if place_asked.suffix else place_asked
    command.say(args, f"Found {len(answer.outputs)} outputs")
    files: list[Path] = []
    with outputs() as place:
        for value in answer.outputs.values():
            size = value.shape[1] if value.ndim > 1 else value.size
            stem = f"finalconv_{size}"
            again = sum(path.stem.split("-")[0] == stem for path in files)
            files.append(folder / f"{stem}-{again}.npy" if again else folder / f"{stem}.npy")
            np.save(place(files[-1]), value[None], allow_pickle=False)
    title = network.framework.title
    for path in files:
        command.say(args, f"The output of {title} model file is saved as [{path}].")
    command.say(args, f"generated by {words.listed([*network.given, args.image])}.")
    return {"ok": True, "engine": answer.title, "files": [str(path) for path in files]}
