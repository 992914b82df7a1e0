"""`mmlist`: the formats, and the operators that are read from and written to each framework."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    from mmdnn.registry import Framework

EXAMPLES = """
  mmlist                     the frameworks, and what can be done with each
  mmlist caffe               the operators read from Caffe
  mmlist pytorch --json
"""
ROOMS = {"read": "reader", "write": "writer", "source": "codegen", "run": "engine"}
"""What can be done with a framework, and the room that does it."""
TABLES = {"from": "importer", "to": "exporter"}
"""Directions, and the room (and the name in it) of the table of operators."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmlist",
        "List the frameworks, or the operators that are read from and written to one.",
        EXAMPLES,
    )
    made.add_argument("framework", nargs="?", metavar="NAME", help="list this one's operators")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Gather from the registry, and print."""
    from mmdnn import registry

    if args.framework is None:
        found = {one.name: _abilities(one) for one in registry.frameworks().values()}
        if not args.json:
            _show_frameworks(found)
        return found
    chosen = registry.framework(args.framework)
    tables = _tables(chosen)
    if not args.json:
        _show_operators(chosen, tables)
    return {"framework": chosen.name, **tables}


def _abilities(framework: Framework) -> dict[str, Any]:
    return {
        "title": framework.title,
        **{verb: framework.has(room) for verb, room in ROOMS.items()},
        "files": framework.help,
        "writes": list(framework.writes),
        "aliases": list(framework.aliases),
        "engine": _engine(framework),
    }


def _engine(framework: Framework) -> str:
    """What installs the framework's engine."""
    from mmdnn.verify.environments import environments

    if framework.extra:
        return f"mmdnn[{framework.extra}]"
    return f"mmengine install {framework.name}" if framework.name in environments() else ""


def _tables(framework: Framework) -> dict[str, list[dict[str, str]]]:
    """Operators by direction, with the page where their semantics are written."""
    found = {}
    for direction, room in TABLES.items():
        table = getattr(framework.room(room), room, ()) if framework.has(room) else ()
        found[direction] = [{"operator": entry.type, "doc": entry.doc} for entry in table]
    return found


def _show_frameworks(found: dict[str, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("framework", *ROOMS, "files", "engine from")
    for name, abilities in found.items():
        marks = ["yes" if abilities[verb] else "-" for verb in ROOMS]
        table.add_row(name, *marks, abilities["files"], abilities["engine"].replace("[", r"\["))
    console = Console()
    console.print(table)
    console.print("'mmlist NAME' lists a framework's operators.", markup=False, highlight=False)


def _show_operators(framework: Framework, tables: dict[str, list[dict[str, str]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for direction, operators in tables.items():
        if not operators:
            continue
        title = f"{len(operators)} operators {direction} {framework.title}"
        table = Table("operator", "semantics", title=title, title_justify="left")
        for operator in operators:
            table.add_row(operator["operator"], operator["doc"])
        console.print(table)
    if not any(tables.values()):
        console.print(
            f"{framework.title}'s operators are those of the intermediate representation,"
        )
        console.print("standard ONNX: https://onnx.ai/onnx/operators/", highlight=False)


if __name__ == "__main__":
    raise SystemExit(main())
