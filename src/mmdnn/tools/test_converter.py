"""`python -m mmdnn.tools.test_converter`: a converted model's accuracy beside its source's.

The model and the labelled pictures are the project's own: handwritten digits that the network has not
seen in training (examples/digits).
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    import numpy as np

    from mmdnn.opening import Opened

__test__ = False
"""Not a test of this project, whatever its name."""

DIGITS = Path(__file__).parents[3] / "examples" / "digits"
"""Where a checkout of the project has them."""
FILES = ("digits.prototxt", "digits.caffemodel", "digits-test.npz")
EXAMPLES = """
  python -m mmdnn.tools.test_converter
  python -m mmdnn.tools.test_converter --cpu
"""


@dataclass(frozen=True)
class Answers:
    """What a model says of pictures.

    Attributes:
        title: What ran it.
        labels: The likeliest label of each picture, int64[pictures].
        notes: Why nothing better ran it.
    """

    title: str
    labels: np.ndarray
    notes: list[str]


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The tool's flags."""
    made = arguments.Parser(
        "python -m mmdnn.tools.test_converter",
        "Convert a Caffe model to MXNet and compare their accuracy on labelled pictures: the project's "
        "digits. Ends with 1 unless both give each picture the same label.",
        EXAMPLES,
    )
    made.flag(made, "--cpu", action="store_true", help="run on the CPU, as is always done")
    made.flag(
        made,
        "--data",
        metavar="FOLDER",
        default=str(DIGITS),
        help=f"where {', '.join(FILES)} are (default: the project's examples/digits)",
    )
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Run source and result on all pictures, and compare."""
    import numpy as np

    from mmdnn import api, opening, registry

    prototxt, caffemodel, data = _files(Path(args.data))
    images, labels = _pictures(data)
    source = opening.open_model([prototxt, caffemodel], "caffe")
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as folder:
        target = Path(folder, "digits-symbol.json")
        made = api.convert_opened(
            source, registry.framework("mxnet"), target, api.Request(verify=False)
        )
        result = opening.open_model(made.paths, "mxnet")
        before, after = (_answers(opened, images) for opened in (source, result))
    different = int(np.count_nonzero(before.labels != after.labels))
    found: dict[str, Any] = {"ok": different == 0, "pictures": len(labels), "different": different}
    for when, answers in (("before", before), ("after", after)):
        right = int(np.count_nonzero(answers.labels == labels))
        command.warn(args, *answers.notes)
        command.say(
            args,
            f"Top-1 accuracy {when}: {right / len(labels):.4f} ({right} of {len(labels)}), "
            f"{answers.title}.",
        )
        found[when] = {"top1": right / len(labels), "right": right, "engine": answers.title}
    if different:
        command.say(args, f"The two disagree on {different} of {len(labels)} pictures.")
        raise command.Failed(found)
    command.say(args, f"Both give each of the {len(labels)} pictures the same label.")
    return found


def _files(folder: Path) -> list[Path]:
    """The model and its pictures.

    Raises:
        UsageError: They are not there.
    """
    from mmdnn.errors import UsageError

    paths = [folder / name for name in FILES]
    for path in paths:
        if not path.is_file():
            raise UsageError(
                "there is no such file",
                file=path,
                hint="Run it in a checkout of the project, or say with --data where its "
                "examples/digits is.",
            )
    return paths


def _pictures(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, float32[n, 1, 8, 8], and labels, int64[n].

    Raises:
        FormatError: The file has others, or none.
    """
    import zipfile

    import numpy as np

    from mmdnn.errors import FormatError

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"has no pictures and labels: {error}", file=path) from None
    if not len(images) or labels.shape != (len(images),):
        raise FormatError(
            f"has {list(labels.shape)} labels for {list(images.shape)} pictures", file=path
        )
    return images, labels


def _answers(opened: Opened, images: np.ndarray) -> Answers:
    """What a model's files say, in its own framework where that runs here."""
    from mmdnn.verify import layouts, runners
    from mmdnn.verify.feeds import Feed
    from mmdnn.verify.tables import inputs

    model = opened.model()
    feed = Feed("pictures", {str(inputs(model)[0].name): images})
    candidates = layouts.of_source(opened.framework, opened.source, model)
    runner, values, notes = runners.first_that_runs(candidates, feed)
    scores = values[str(model.graph.outputs[0].name)]
    return Answers(runner.title, scores.reshape(len(images), -1).argmax(1), notes)


if __name__ == "__main__":
    raise SystemExit(main())
