"""What every command does around its work: errors in plain words, exit codes, JSON.

Exit codes: 0 done; 1 an `mmdnn.Error` (a disagreement found by verification is one); 2 the command
line is wrong; 3 less is proved than `--require` demands; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from mmdnn.cli.arguments import Parser
from mmdnn.errors import Error, MismatchError

Work = Callable[[Namespace], dict[str, Any]]
WAITING = "PASSIVE"
"""How the threads of engines wait for work: asleep, where they would else use up the other cores."""


class Failed(Exception):  # noqa: N818 - not a mistake: the work is done and its answer is no
    """The result of a command that ends with 1, e.g. of a comparison that found a difference."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


def run(parser: Parser, work: Work, argv: list[str] | None) -> int:
    """Parse the command line, do the work, and answer with the exit code.

    Args:
        parser: The command's parser.
        work: Does it, and returns what `--json` prints.
        argv: The arguments, or None for those of the process.
    """
    _fill_closed()
    os.environ.setdefault("OMP_WAIT_POLICY", WAITING)
    args = parser.parse(argv)
    try:
        result, code = _result(work, args)
        if args.json:
            print(json.dumps(result, indent=2))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {error.strerror or error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _fill_closed() -> None:
    """Have standard streams that were closed lead nowhere, and not to the next file that is opened."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115


def _result(work: Work, args: Namespace) -> tuple[dict[str, Any], int]:
    try:
        return work(args), 0
    except Failed as failed:
        return failed.result, 1
    except Error as error:
        if not args.json:
            print(f"error: {error}", file=sys.stderr)
        return _described(error), error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        if not args.json:
            print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return {"ok": False, "error": {"type": "OSError", "message": f"{where}{error}"}}, 1
    except MemoryError:
        if not args.json:
            print("error: not enough memory", file=sys.stderr)
        return {"ok": False, "error": {"type": "MemoryError", "message": "not enough memory"}}, 1


def say(args: Namespace, *lines: str) -> None:
    """Print lines for people; with `--json`, nothing."""
    if not args.json:
        for line in lines:
            print(line)


def warn(args: Namespace, *lines: str) -> None:
    """Print lines for people on standard error; with `--json`, nothing."""
    if not args.json:
        for line in lines:
            print(line, file=sys.stderr)


def _described(error: Error) -> dict[str, Any]:
    described = {
        "type": type(error).__name__,
        "message": error.message,
        "file": None if error.file is None else str(error.file),
        "layer": error.layer,
        "operator": error.operator,
        "hint": error.hint,
    }
    report = error.report if isinstance(error, MismatchError) else None
    found = {} if report is None else {"report": report.to_json()}
    return {"ok": False, "error": described, **found}
