"""The flags that say how a result is to be proved, and what the commands say of the proof."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import command
from mmdnn.cli.arguments import Parser
from mmdnn.errors import FormatError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from mmdnn.api import Result
    from mmdnn.opening import Opened
    from mmdnn.verify.report import Report


def add(parser: Parser, group: Any) -> None:
    """Add the flags that say what is fed."""
    parser.flag(
        group,
        "--npy",
        nargs="+",
        metavar="FILE",
        default=[],
        help="inputs of your own: .npy files, [NAME:]FILE, one an input, or one .npz with all by name",
    )
    parser.flag(
        group,
        "--image",
        metavar="FILE",
        help="a picture of your own for the first input, scaled to its size, from 0 to 255, red first",
    )
    parser.flag(
        group,
        "--feeds",
        type=_count,
        default=0,
        metavar="N",
        help="compare on so many further random inputs",
    )


def add_report(parser: Parser, group: Any) -> None:
    """Add the flag that writes what was found as a page."""
    parser.flag(
        group,
        "--report",
        metavar="FILE.html",
        help="write what was found as one page, with plots and every layer, to be opened in a browser",
    )


def write_report(args: Namespace, report: Report | None, models: Iterable[Path]) -> None:
    """Write the page that was asked for, over none of the models' files."""
    if not args.report or report is None:
        return
    from mmdnn.outputs import outputs
    from mmdnn.verify.page import page

    with outputs(models) as place:
        text = page(report)
        place(args.report).write_bytes(text.encode("utf-8", "backslashreplace"))
    command.say(args, f"The report is saved as [{args.report}].")


def add_require(parser: Parser, group: Any, then: str = "end with 3, and leave nothing") -> None:
    """Add `--require`; `then` is what happens where less is proved."""
    parser.flag(
        group,
        "--require",
        choices=("engines", "reference", "written"),
        metavar="{engines,reference,written}",
        help=f"{then}, if less is proved. engines: both ran in engines that are not ours; reference: "
        "or in the independent reference for Caffe; written: or the intermediate representation stood "
        "in for the source",
    )


def inputs(args: Namespace, opened: Callable[[], Opened]) -> dict[str, np.ndarray] | None:
    """The inputs that `--npy` and `--image` give, by name; those without one by place: "", "1", "2", ...

    Args:
        args: The command line.
        opened: Gives the model whose inputs they are.

    Raises:
        FormatError: A file is no array, or no picture.
        UsageError: The model's first input is no picture.
    """
    if not args.npy and not args.image:
        return None
    import numpy as np

    found: dict[str, np.ndarray] = {}
    if args.image:
        found[""] = _picture(Path(args.image), opened())
    for place, item in enumerate(args.npy):
        name, _, path = item.rpartition(":") if not Path(item).exists() else ("", "", item)
        try:
            loaded = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise FormatError(f"holds no array that can be read: {error}", file=path) from None
        if isinstance(loaded, np.ndarray):
            key = name or (str(place) if place else "")
            if key in found:
                raise UsageError(f"--npy: the input '{key}' is given twice")
            found[key] = loaded
        else:
            with loaded:
                found |= {key: loaded[key] for key in loaded.files}
    return found


def _picture(path: Path, opened: Opened) -> np.ndarray:
    """A picture as the first input takes it: [batch, channels, height, width], or channels last."""
    import numpy as np

    from mmdnn.conversion.examples import _pictures
    from mmdnn.verify.tables import inputs

    value = next(iter(inputs(opened.model())), None)
    dims = [d if isinstance(d, int) else None for d in (value.shape if value else None) or ()]
    last = len(dims) == 4 and dims[3] in (1, 3) and dims[1] not in (1, 3)
    if value is None or len(dims) != 4 or (dims[3] if last else dims[1]) not in (1, 3):
        raise UsageError("--image: the model's first input is no picture of 1 or 3 channels")
    picture = _pictures.read(path)
    height, width = dims[1:3] if last else dims[2:]
    picture = _pictures.resized(picture, width or picture.shape[1], height or picture.shape[0])
    if (dims[3] if last else dims[1]) == 1:
        picture = picture.mean(2, keepdims=True)
    array = picture if last else picture.transpose(2, 0, 1)
    array = np.repeat(array[None], dims[0] or 1, 0)
    return np.ascontiguousarray(array, value.dtype.numpy() if value.dtype else np.float32)


def told(args: Namespace, result: Result) -> dict[str, Any]:
    """Say what is proved; what `--json` prints of a conversion."""
    command.warn(args, *result.notes)
    report = result.report
    if report is not None:
        colour = "" if not report.ok else _GREEN if report.proof else _YELLOW
        command.say(args, _coloured(report.summary(), colour))
        if report.hint and report.proof is None:
            command.say(args, f"To prove it: {report.hint}, then convert again.")
    return {
        "ok": True,
        "files": [str(path) for path in result.paths],
        "proof": report.proof if report is not None else None,
        "notes": list(result.notes),
        "report": report and report.to_json(),
    }


_GREEN, _YELLOW, _PLAIN = "\033[32m", "\033[33m", "\033[0m"


def _coloured(text: str, colour: str) -> str:
    import os

    wanted = colour and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"{colour}{text}{_PLAIN}" if wanted else text


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
