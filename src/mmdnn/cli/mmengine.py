"""`mmengine`: the environments in which engines run that cannot live in this one."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

from mmdnn.cli import arguments, command
from mmdnn.errors import UsageError

EXAMPLES = """
  mmengine list                what there is, and where
  mmengine install mxnet       MXNet 1.9.1, in an environment of its own
  mmengine remove mxnet
"""
ACTIONS = ("list", "install", "remove")


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmengine",
        "Install the engines that prove conversions and cannot live in this Python: each gets an "
        "environment of its own in your cache folder, and is found from anywhere.",
        EXAMPLES,
    )
    made.add_argument("action", choices=ACTIONS, help="list, install or remove")
    made.add_argument(
        "names", nargs="*", metavar="NAME", help="which: caffe, cntk, keras-old, mxnet"
    )
    made.flag(
        made.general, "--into", metavar="FOLDER", help="make it here instead of in the cache folder"
    )
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Do it."""
    from mmdnn.verify import environments

    known = environments.environments()
    unknown = [name for name in args.names if name not in known]
    if unknown:
        raise UsageError(f"there is no engine '{unknown[0]}'", hint=f"Known: {', '.join(known)}.")
    if args.action == "list":
        return _listed(args, args.names or list(known))
    if not args.names:
        raise UsageError(f"{args.action} which engine?", hint=f"Known: {', '.join(known)}.")
    if args.into and (args.action != "install" or len(args.names) > 1):
        raise UsageError("--into is for installing one engine")
    if args.action == "remove":
        return _removed(args)
    into = Path(args.into) if args.into else None
    made = {
        name: str(environments.install(name, into, lambda line: command.say(args, line)))
        for name in args.names
    }
    return {"ok": True, "engines": made}


def _listed(args: Namespace, names: list[str]) -> dict[str, Any]:
    from mmdnn.verify import environments

    found = {name: environments.found(name) for name in names}
    for name, python in found.items():
        title = environments.environments()[name].title
        where = python or f"not there; mmengine install {name}"
        command.say(args, f"{name:<10} {title:<32} {where}")
    return {"ok": True, "engines": found}


def _removed(args: Namespace) -> dict[str, Any]:
    from mmdnn.verify import environments

    for name in args.names:
        place = environments.folder() / name
        if not place.is_dir():
            raise UsageError(f"{name} is not in {environments.folder()}")
        shutil.rmtree(place)
        command.say(args, f"{place} is removed.")
    return {"ok": True, "removed": args.names}


if __name__ == "__main__":
    raise SystemExit(main())
