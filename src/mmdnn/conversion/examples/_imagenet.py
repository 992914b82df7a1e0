"""`python -m mmdnn.conversion.examples.<framework>.imagenet_test`: what a network says of a picture.

The old tool imported the generated source code. Here nothing is executed: see `mmdnn.cli.generated`.
Its check of five recorded figures is left out: they were for one picture, and `mmcompare` compares
every layer.
"""

from __future__ import annotations

import re
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command
from mmdnn.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from mmdnn.conversion.examples._preprocessing import Preparation
    from mmdnn.conversion.examples._running import Answer, Network, Size

EXAMPLES = """
  {prog} -n net.py -w net.npy --dump net
  {prog} -n net.py -w net.npy -s keras -p resnet50 -i cat.jpg
  {prog} -n net.py -w net.npy -p torch --size 224 -i cat.jpg
"""


def main(framework: str, argv: list[str] | None = None) -> int:
    """Run the command for a framework; returns its exit code."""
    return command.run(parser(framework), lambda args: work(framework, args), argv)


def parser(framework: str) -> arguments.Parser:
    """The command's flags."""
    prog = f"python -m mmdnn.conversion.examples.{framework}.imagenet_test"
    made = arguments.Parser(
        prog,
        "Show a picture to a converted network and print the five likeliest classes; or write its "
        "model file (--dump), or all its outputs (--detect).",
        EXAMPLES.format(prog=prog),
    )
    source = made.add_argument_group("the network")
    made.flag(
        source,
        "-n",
        "--network",
        metavar="FILE",
        help="source code that mmtocode made, or a model file",
    )
    made.flag(source, "-w", "--weights", metavar="FILE", help="its weights")
    made.flag(
        source,
        "--trust",
        action="store_true",
        help="execute the file, where it cannot be read",
    )
    _add_picture(made, framework)
    result = made.add_argument_group("the result")
    made.flag(result, "--dump", metavar="FILE", help="write the model file, and run no picture")
    made.flag(result, "--noVerify", action="store_true", help="do not compare what --dump wrote")
    made.flag(
        result,
        "--detect",
        metavar="FOLDER",
        help="save every output there, as finalconv_SIZE.npy; levels that -p leaves from 0 to 255 "
        "come as 0 to 1, as YOLO has them",
    )
    arguments.add_refused(made, "--dump_tag")
    arguments.add_json(made)
    return made


def _add_picture(made: arguments.Parser, framework: str) -> None:
    picture = made.add_argument_group("the picture")
    made.flag(
        picture,
        "-i",
        "--image",
        metavar="FILE",
        help="a picture, or an array (.npy) that is fed as it is",
    )
    made.flag(
        picture,
        "-p",
        "--preprocess",
        metavar="NAME",
        help="how it is prepared: as for the pre-trained model of that name, or a mode such as caffe, "
        "tf, torch, identity",
    )
    made.flag(
        picture,
        "-s",
        "--srcFramework",
        metavar="NAME",
        default=framework,
        help="the framework whose pre-trained models -p names (default %(default)s); a number is "
        "taken for --size",
    )
    made.flag(
        picture, "--size", metavar="SIZE", help="scale it to 224, or 320x180 (width x height)"
    )
    made.flag(
        picture,
        "-l",
        "--label",
        metavar="FILE",
        help="labels, one a line (default ImageNet's 1,000)",
    )


def work(framework: str, args: Namespace) -> dict[str, Any]:
    """Find the network and do with it what is asked."""
    from mmdnn.conversion.examples import _running

    if re.fullmatch(r"\d+(x\d+)?", args.srcFramework):
        args.size, args.srcFramework = args.size or args.srcFramework, framework
    network, weights = (Path(name) if name else None for name in (args.network, args.weights))
    if network is None and weights is None:
        raise UsageError("there is no network", hint="Give -n, -w or both.")
    found = _running.find(framework, network, weights)
    if args.dump:
        return dump(found, args)
    return show(found, args)


def dump(network: Network, args: Namespace) -> dict[str, Any]:
    """Write the network's model file."""
    from mmdnn import api, progress
    from mmdnn.cli import words

    target = Path(args.dump)
    result = api.convert_opened(
        network.opened,
        network.framework,
        target,
        verify=not args.noVerify,
        progress=progress.bars(),
    )
    sources = [_with_suffix(name) for name in (args.network, args.weights) if name]
    command.say(args, *words.saved(network.framework, result.paths, target, sources))
    command.warn(args, *result.notes)
    if result.report is not None:
        command.say(args, result.report.summary())
    return {
        "ok": True,
        "files": [str(path) for path in result.paths],
        "verified": result.report is not None,
        "notes": list(result.notes),
    }


def _with_suffix(name: str) -> str:
    """Source code may be given without its suffix."""
    return name if Path(name).exists() else f"{name}.py"


def show(network: Network, args: Namespace) -> dict[str, Any]:
    """Run the network on the picture, and print or save what it says."""
    from mmdnn.conversion.examples import _labels, _running

    if not args.image:
        raise UsageError("there is no picture", hint="Give it with -i.")
    labels = _labels.read(Path(args.label) if args.label else _labels.IMAGENET)
    picture, size = _picture(args)
    if network.opened.readable:
        with tempfile.TemporaryDirectory(prefix="mmdnn-") as folder:
            answer = _running.ask(network, Path(folder), picture, size)
    elif args.trust:
        answer = _running.ask_trusted(network, picture, size)
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


def _picture(args: Namespace) -> tuple[Any, Size | None]:
    """What makes the input of a size, and the size that is asked for."""
    import numpy as np

    from mmdnn.conversion.examples import _preprocessing

    image = Path(args.image)
    size = _preprocessing.parse_size(args.size) if args.size else None
    if image.suffix == ".npy":
        array = _array(image)
        return lambda _: array, (array.shape[3], array.shape[2])
    how = _preparation(args.preprocess, args.srcFramework.lower())

    def prepared(wanted: Size) -> np.ndarray:
        made = how(image, wanted)
        plain = how.mode in (_preprocessing.IDENTITY, _preprocessing.MODES["identity-bgr"])
        return made / np.float32(255) if args.detect and plain else made

    return prepared, size or how.size


def _preparation(name: str | None, source: str) -> Preparation:
    from mmdnn.conversion.examples import _preprocessing

    if name is None:
        raise UsageError(
            "it is not said how the picture is prepared",
            hint=f"Give -p with a pre-trained model's name, or {', '.join(_preprocessing.MODES)}.",
        )
    return _preprocessing.preparation(source, name)


def _array(path: Path) -> np.ndarray:
    """An input as it is: float32[1, channels, height, width], or without the batch."""
    import numpy as np

    from mmdnn.errors import FormatError

    if not path.is_file():
        raise UsageError("there is no such file", file=path)
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(f"is no array: {error}", file=path) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise FormatError("is no array of numbers", file=path)
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or len(array) != 1:
        raise FormatError(
            f"is {list(array.shape)}, not one picture of channels x height x width", file=path
        )
    return array.astype(np.float32)


def tell(answer: Answer, labels: list[str], args: Namespace) -> list[dict[str, Any]]:
    """Print the likeliest classes of each output, or the output where it has no classes."""
    import numpy as np

    from mmdnn.conversion.examples import _labels

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
            command.say(
                args, *(" ".join(f"{label} {at} {score}".split()) for label, at, score in top)
            )
        else:
            command.say(args, str(scores))
        told.append(found)
    return told


def _save(network: Network, answer: Answer, args: Namespace) -> dict[str, Any]:
    """Save every output, named by its height as the old tool named those of YOLO."""
    import numpy as np

    from mmdnn.cli import words
    from mmdnn.outputs import outputs

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
    given = [_with_suffix(name) for name in (args.network, args.weights) if name]
    command.say(args, f"generated by {words.listed([*given, args.image])}.")
    return {"ok": True, "engine": answer.title, "files": [str(path) for path in files]}
