"""The flags that say how a result is to be proved, and what the commands say of the proof."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import command
from mmdnn.cli.arguments import Parser
from mmdnn.errors import FormatError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from mmdnn.api import Result


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
        "--feeds",
        type=_count,
        default=0,
        metavar="N",
        help="compare on so many further random inputs",
    )


def add_require(parser: Parser, group: Any) -> None:
    """Add `--require`."""
    parser.flag(
        group,
        "--require",
        choices=("engines", "reference", "written"),
        metavar="{engines,reference,written}",
        help="end with 3, and leave nothing, if less is proved: both ran in engines that are not ours; "
        "one in the independent reference; the source in the intermediate representation",
    )


def inputs(args: Namespace) -> dict[str, np.ndarray] | None:
    """The inputs that `--npy` gives, by name; those without one by their place: "", "1", "2", ...

    Raises:
        FormatError: A file is no array.
    """
    if not args.npy:
        return None
    import numpy as np

    found: dict[str, np.ndarray] = {}
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
            found |= {key: loaded[key] for key in loaded.files}
    return found


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
