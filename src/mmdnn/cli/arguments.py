"""The flags that several commands share, and a parser that refuses what it does not know."""

from __future__ import annotations

import argparse
import os
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mmdnn.errors import UsageError

if TYPE_CHECKING:
    from mmdnn.opening import Opened
    from mmdnn.shapes import Given

NOT_HERE = {
    "--dump_tag": ("", "TensorFlow models are not written yet; it tags a SavedModel"),
    "--darknetStart": ("", "Darknet models are not read yet; it says where their weights begin"),
}
"""Documented flags of frameworks that are not here: the short form, and why they are refused."""

SHAPE_HELP = (
    "the inputs' shapes, one item for each input, in order: 3,224,224 (without batch) or "
    "1,3,224,224 (with it), or by name: data:3,224,224; data:[2,3,4] is the whole shape; sizes "
    "that stay open are ? or have a name: 3,?,? or 3,h,w"
)


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that takes flags only as they are written, and suggests near ones."""

    def __init__(self, prog: str, description: str, examples: str) -> None:
        self.flags: set[str] = set()
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"examples:\n{examples.rstrip()}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        general = self.add_argument_group("general")
        self.flag(general, "-h", "--help", action="help", help="show this and end")
        self.flag(general, "--version", action=_Version, nargs=0, help="show the version and end")
        self.general = general

    def flag(self, group: Any, *names: str, **settings: Any) -> None:
        """Add a flag to a group."""
        self.flags.update(names)
        group.add_argument(*names, **settings)

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parse, refusing every flag that was not added under exactly that name."""
        given = [
            re.sub(r"^-1(?=,)", "?", each) for each in (sys.argv[1:] if argv is None else argv)
        ]
        for token in given:
            if token == "--":  # noqa: S105 - the end of the flags
                break
            name = token.split("=")[0]
            if re.match(r"-[^\d.]", name) and name not in self.flags:
                import difflib

                near = difflib.get_close_matches(name, sorted(self.flags), 1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                self.error(f"unrecognized arguments: {token}{hint}")
        return self.parse_args(given)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in the command and end with 2."""
        self.exit(2, f"{self.prog}: {message}\n  '{self.prog} --help' shows the flags.\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"mmdnn {version('mmdnn')}")
        parser.exit()


class _Refused(argparse.Action):
    def __init__(self, why: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.why = why

    def __call__(
        self, parser: argparse.ArgumentParser, _: Any, __: Any, option_string: str | None = None
    ) -> NoReturn:
        parser.error(f"{option_string} cannot be used: {self.why}")


def add_json(parser: Parser) -> None:
    """Add `--json`, and what goes with it."""
    parser.flag(
        parser.general,
        "--json",
        action="store_true",
        help="print the result as JSON, and nothing else, on standard output",
    )


def add_source(parser: Parser, group: Any) -> None:
    """Add the flags that say how a source model is to be read."""
    parser.flag(group, "--inputShape", nargs="+", metavar="SHAPE", default=[], help=SHAPE_HELP)
    parser.flag(
        group,
        "-node",
        "--dstNodeName",
        nargs="+",
        metavar="NAME",
        default=[],
        help="names of the values to end at, instead of the model's own outputs",
    )
    parser.flag(
        group,
        "-inode",
        "--inNodeName",
        nargs="+",
        metavar="NAME",
        default=[],
        help="names of the nodes to begin at, instead of a TensorFlow model's own inputs",
    )
    parser.flag(
        group,
        "--signature",
        default="",
        metavar="NAME",
        help="which signature of a TensorFlow SavedModel is read (default serving_default)",
    )
    parser.flag(
        group,
        "--customLayers",
        default="",
        metavar="FILE",
        help="Python code of yours, which is run: it says what Keras layers of your own compute",
    )
    _add_phase(parser, group)


def _add_phase(parser: Parser, group: Any) -> None:
    parser.flag(
        group,
        "--caffePhase",
        type=phase,
        default="test",
        metavar="{TEST,TRAIN}",
        help="for which phase a Caffe network's rules are applied (default TEST)",
    )
    parser.flag(
        group,
        "--caffeStage",
        nargs="+",
        default=[],
        metavar="STAGE",
        help="the stages for which a Caffe network's rules are applied",
    )


def opened(args: argparse.Namespace, files: Sequence[Path], framework: str | None) -> Opened:
    """A model's files, to be read as these flags say."""
    from mmdnn import opening, registry

    if args.customLayers:
        _run(Path(args.customLayers))
    said = registry.Source(
        phase=args.caffePhase,
        stages=tuple(args.caffeStage),
        outputs=tuple(args.dstNodeName),
        keep_layout=getattr(args, "keepLayout", False),
        inputs=tuple(args.inNodeName),
        signature=args.signature,
    )
    return opening.open_model(files, framework, shapes(args.inputShape), said)


def _run(file: Path) -> None:
    """Run a file of the user's, which registers what it defines.

    Raises:
        UsageError: It is not there, or fails.
    """
    if not file.is_file():
        raise UsageError("there is no such file", file=file)
    try:
        runpy.run_path(str(file))
    except Exception as error:
        problem = f"it fails: {type(error).__name__}: {error}"
        raise UsageError(problem, file=file) from error


def add_layout(parser: Parser, group: Any) -> None:
    """Add the flag that keeps the order of axes at the inputs and outputs."""
    parser.flag(
        group,
        "--keepLayout",
        action="store_true",
        help="inputs and outputs keep the order of their axes (images channels-last or first), instead of "
        "having that which is usual for the result",
    )


def add_fork(parser: Parser, group: Any) -> None:
    """Add the flag that says which layers a Caffe network may have."""
    parser.flag(
        group,
        "--caffeFork",
        choices=("ssd", "rfcn"),
        default="",
        metavar="{ssd,rfcn}",
        help="a fork of Caffe whose layers the result may have, beside BVLC's own",
    )


def add_split(parser: Parser, group: Any) -> None:
    """Add the flag that takes preprocessing out of a model."""
    parser.flag(
        group,
        "--splitPreprocess",
        action="store_true",
        help="take preprocessing at the inputs out (constants subtracted, multiplied by, ...), and print "
        "it: it must then be done before the model is fed",
    )


def options(args: argparse.Namespace, to: str) -> dict[str, str]:
    """What the target's exporter is told besides.

    Raises:
        UsageError: A flag is for another framework.
    """
    from mmdnn import registry

    if args.caffeFork and to != "caffe":
        raise UsageError(f"--caffeFork is for Caffe, and the result is for {to}")
    kept = {"keep_layout": "yes"} if registry.framework(to).images_last and args.keepLayout else {}
    return {"fork": args.caffeFork} if args.caffeFork else kept


def add_clobber(parser: Parser, group: Any) -> None:
    """Add the flag that keeps what is there."""
    parser.flag(
        group,
        "--noClobber",
        action="store_true",
        help="refuse to replace files that are there already",
    )


def target(text: str, network: Path, suffix: str) -> Path:
    """Where a result goes; into a folder, if a slash says so, under the model's own name.

    Args:
        text: What the user gave.
        network: The model that is converted.
        suffix: That of the result.

    Raises:
        UsageError: It is a folder that is there, and nothing says that the result goes into it.
    """
    if not text.endswith(("/", os.sep)):
        if Path(text).is_dir():
            raise UsageError(
                "is a folder: give a file's name",
                file=text,
                hint=f"Into the folder: {text}{os.sep}",
            )
        return Path(text)
    stem = re.sub(r"(-symbol|-\d{4})$", "", network.stem)
    return Path(text) / f"{stem}{suffix}"


def add_refused(parser: Parser, *names: str) -> None:
    """Accept documented flags that cannot work here only to say why."""
    for name in names:
        short, why = NOT_HERE[name]
        parser.flag(
            parser,
            *filter(None, (short, name)),
            action=_Refused,
            why=why,
            nargs="*",
            help=argparse.SUPPRESS,
        )


def phase(text: str) -> str:
    """`test` or `train`, in either case."""
    if text.lower() not in ("test", "train"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither TEST nor TRAIN")
    return text.lower()


_SIZE = r"(?:[1-9]\d*|-1|\?|[A-Za-z_]\w*)"
_SIZES = re.compile(rf"(?P<whole>\[)?(?P<sizes>{_SIZE}(?:,{_SIZE})*),?(?(whole)\])", re.ASCII)


def shapes(items: Sequence[str]) -> dict[str, Given]:
    """What `--inputShape` says: input name, or "", "1", "2", ... for the place, to dimensions.

    Raises:
        UsageError: An item is not a shape; the message names the flag.
    """
    from mmdnn.shapes import Whole  # not before the arguments are parsed

    found: dict[str, Given] = {}
    for place, item in enumerate(items):
        name, _, dims = item.rpartition(":")
        key = name or (str(place) if place else "")
        match = _SIZES.fullmatch(dims)
        if match is None or match["sizes"].isidentifier():
            raise UsageError(
                f"--inputShape: '{item}' is not a shape",
                hint="Write sizes with commas, one item an input: --inputShape 3,224,224",
            )
        if key in found:
            raise UsageError(f"--inputShape: '{name}' is given twice")
        sizes = tuple(_size(size) for size in match["sizes"].split(","))
        found[key] = Whole(sizes) if match["whole"] else sizes
    return found


def _size(text: str) -> int | str | None:
    return int(text) if text.isdigit() else None if text in ("?", "-1") else text


def paths(*files: str | None) -> list[Path]:
    """The files that were given."""
    return [Path(file) for file in files if file]
