"""`mmdownload`: pre-trained models from their makers' servers."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    from mmdnn import zoo

EXAMPLES = """
  mmdownload -f caffe                            the models there are
  mmdownload -f caffe -n vgg16 -o models
  mmdownload -f mxnet -n vgg16 -i cat.jpg        and what it sees in a picture
"""
STEP = 1 << 20
"""Bytes between two lines about the progress."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmdownload",
        "Download a pre-trained model. Models are their makers', and under their makers' licences.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    made.flag(
        source, "-f", "--framework", metavar="NAME", required=True, help="for which framework"
    )
    made.flag(
        source, "-n", "--network", metavar="NAME", help="which; without it, all of them are listed"
    )
    made.flag(
        source,
        "--mirror",
        metavar="URL",
        default="",
        help="look for the files here instead, under their names",
    )
    target = made.add_argument_group("the result")
    made.flag(
        target,
        "-p",
        "-o",
        "--path",
        metavar="FOLDER",
        default="./",
        help="where its files go (default %(default)s)",
    )
    made.flag(
        target,
        "-i",
        "--image",
        metavar="FILE",
        help="then show it a picture, and print what it sees",
    )
    made.flag(
        target, "-l", "--label", metavar="FILE", help="labels, one a line (default ImageNet's)"
    )
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """List the models, or download one."""
    from mmdnn import zoo
    from mmdnn.cli import words
    from mmdnn.errors import UsageError

    names = [model.name for model in zoo.models(args.framework)]
    supported = f"Supported models: {names}"
    if args.network is None:
        command.say(args, supported)
        return {"ok": True, "models": names}
    try:
        model = zoo.model(args.framework, args.network)
    except UsageError:
        command.say(args, supported)
        raise
    files = zoo.download(model, args.path, mirror=args.mirror, told=told(args))
    command.say(args, model.saved.format(name=model.name, files=words.listed(files)))
    open_ = [file.name for file in model.files if file.is_open and not args.mirror]
    plain = ", ".join(open_)
    unchecked = f"Not checked: nothing public says what {plain} must be, and it came over HTTP."
    note = "" if files == [os.path.join(args.path, model.built)] else model.note
    command.warn(args, *filter(None, [note, unchecked if open_ else ""]))
    result: dict[str, Any] = {"ok": True, "model": model.name, "files": files, "note": note}
    if args.image:
        result |= _look(model, files, args)
    return result


def _look(model: zoo.Model, files: list[str], args: Namespace) -> dict[str, Any]:
    """What the model sees in a picture."""
    from mmdnn.conversion.examples import _imagenet

    network, weights = (*files, None)[:2]
    given = Namespace(
        network=network,
        weights=weights,
        image=args.image,
        preprocess=model.name,
        srcFramework=model.framework,
        size=None,
        label=args.label,
        trust=False,
        dump=None,
        detect=None,
        tuples=True,
        json=args.json,
    )
    return _imagenet.work(model.framework, given)


def told(args: Namespace) -> zoo.Told:
    """What prints the old tool's lines."""
    from mmdnn import zoo

    class Lines(zoo.Told):
        shown = 0

        def existing(self, path: str) -> None:
            command.say(args, f"File [{path}] existed!")

        def begin(self, path: str, url: str) -> None:
            self.shown = 0
            command.say(args, f"Downloading file [{path}] from [{url}]")

        def received(self, count: int, total: int | None) -> None:
            if not args.json and sys.stdout.isatty() and count - self.shown >= STEP:
                self.shown = count
                part = f", {count * 100 // total}%" if total else ""
                print(f"\rprogress: {count / 1024:.1f} KB downloaded{part}", end="", flush=True)

        def end(self, count: int) -> None:
            line_start = "\r" if self.shown else ""
            command.say(args, f"{line_start}progress: {count / 1024:.1f} KB downloaded, 100%")

    return Lines()


if __name__ == "__main__":
    raise SystemExit(main())
