"""`mmcompare`: two models on the same inputs, every layer compared."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command, proving
from mmdnn.errors import UsageError

if TYPE_CHECKING:
    from mmdnn.verify.report import Report

EXAMPLES = """
  mmcompare net.prototxt net.caffemodel net.onnx
  mmcompare net.h5 net-symbol.json net-0000.params --image cat.jpg --report report.html
  mmcompare -a net.prototxt net.caffemodel -b net.py net.safetensors --trust
  mmcompare old.onnx new.onnx --inputShape 3,224,224 --json
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmcompare",
        "Run two models on the same random and edge-case inputs, and compare every layer that both "
        "know, element by element. Ends with 1 if they disagree.",
        EXAMPLES,
    )
    models = made.add_argument_group("the models")
    models.add_argument(
        "models",
        nargs="*",
        metavar="A B",
        help="the files of the two, one model's after the other's",
    )
    made.flag(models, "-a", nargs="+", metavar="FILE", default=[], help="the one that is right")
    made.flag(models, "-b", nargs="+", metavar="FILE", default=[], help="the one to be judged")
    made.flag(models, "-af", "--aFramework", metavar="NAME", help="whose A is; seen from the files")
    made.flag(models, "-bf", "--bFramework", metavar="NAME", help="whose B is; seen from the files")
    made.flag(
        models,
        "--trust",
        action="store_true",
        help="execute files that are programs, such as PyTorch source",
    )
    made.flag(
        models,
        "--inputShape",
        nargs="+",
        metavar="SHAPE",
        default=[],
        help=arguments.SHAPE_HELP,
    )
    check = made.add_argument_group("proof")
    proving.add(made, check)
    proving.add_require(made, check, "end with 3")
    show = made.add_argument_group("what is shown")
    made.flag(show, "--layer", metavar="NAME", help="one layer: where it is worst, and the values")
    made.flag(show, "--csv", metavar="FILE", help="write a line for each layer")
    proving.add_report(made, show)
    rule = made.add_argument_group("the rule: |error| <= atol * max(1, rms) + rtol * |value|")
    made.flag(rule, "--atol", type=_number, default=1e-5, metavar="X", help="default 1e-5")
    made.flag(rule, "--rtol", type=_number, default=1e-4, metavar="X", help="default 1e-4")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Compare, and print the table."""
    from mmdnn import api, opening, progress
    from mmdnn.verify import proof
    from mmdnn.verify.compare import Tolerance

    a, b = _two(args)
    report = api.compare(
        a,
        b,
        frameworks=(args.aFramework, args.bFramework),
        input_shapes=arguments.shapes(args.inputShape),
        trust=args.trust,
        tolerance=Tolerance(args.atol, args.rtol),
        inputs=proving.inputs(args, lambda: opening.open_model(a, args.aFramework)),
        feeds=args.feeds,
        closely=bool(args.report or args.layer),
        progress=progress.bars(),
    )
    shown = _show(args, report, [*a, *b])
    if not report.ok:
        raise command.Failed(shown)
    proof.require(args.require, report.proof, report.notes)
    return shown


def _show(args: Namespace, report: Report, models: list[Path]) -> dict[str, Any]:
    """Print and write what was asked for; what `--json` prints."""
    from mmdnn.cli import layers

    shown = layers.named(report, args.layer) if args.layer else []
    if not args.json:
        console = layers.console()
        for layer in shown:
            layers.show_one(layer, console)
        if not args.layer:
            layers.show(report, console)
    if args.csv:
        from mmdnn.outputs import outputs

        with (
            outputs(models) as place,
            place(args.csv).open("w", encoding="utf-8", newline="") as file,
        ):
            layers.write_csv(report, file)
    proving.write_report(args, report, models)
    found = report.to_json()
    return found | {"layers": layers.to_json(shown)} if args.layer else found


def _two(args: Namespace) -> tuple[list[Path], list[Path]]:
    groups = [re.split(r"[,\s]+", group.strip(", ")) for group in args.models]
    given = [group for group in (args.a, args.b) if group]
    models = [*given[:1], *groups, *given[1:]] if args.a else [*groups, *given]
    if len(models) == 2:
        return arguments.paths(*models[0]), arguments.paths(*models[1])
    ways = _ways(arguments.paths(*args.models)) if not given else []
    if len(ways) != 1:
        several = "it is not clear which of these files are one model's"
        raise UsageError(
            several if ways else f"there must be two models, not {len(models)}",
            hint="Write commas between the files of one: mmcompare net.prototxt,net.caffemodel "
            "net.onnx",
        )
    return ways[0]


def _ways(files: list[Path]) -> list[tuple[list[Path], list[Path]]]:
    """How files can be those of one model and then those of another."""
    from mmdnn import registry

    found = ((files[:at], files[at:]) for at in range(1, len(files)))
    return [pair for pair in found if all(registry.belongs(side) for side in pair)]


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


if __name__ == "__main__":
    raise SystemExit(main())
