"""`python -m mmdnn.conversion.examples.<framework>.imagenet_test`: what a network says of a picture.

The old tool imported the generated source code. Here nothing is executed: see `mmdnn.cli.generated`.
Its check of five recorded figures is left out: they were for one picture, and `mmcompare` compares
every layer.
"""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command, proving
from mmdnn.errors import UsageError

if TYPE_CHECKING:
    from mmdnn.conversion.examples._running import Network

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
    made.set_defaults(tuples=False)
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
    from mmdnn.conversion.examples import _running, _showing

    if re.fullmatch(r"\d+(x\d+)?", args.srcFramework):
        args.size, args.srcFramework = args.size or args.srcFramework, framework
    network, weights = (Path(name) if name else None for name in (args.network, args.weights))
    if network is None and weights is None:
        raise UsageError("there is no network", hint="Give -n, -w or both.")
    found = _running.find(framework, network, weights, trust=args.trust)
    if args.dump:
        return dump(found, args)
    return _showing.show(found, args)


def dump(network: Network, args: Namespace) -> dict[str, Any]:
    """Write the network's model file."""
    from mmdnn import api, progress
    from mmdnn.cli import words

    target = Path(args.dump)
    request = api.Request(verify=not args.noVerify, progress=progress.bars())
    result = api.convert_opened(network.opened, network.framework, target, request)
    command.say(args, *words.saved(network.framework, result.paths, target, network.given))
    return proving.told(args, result)
