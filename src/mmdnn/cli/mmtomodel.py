"""`mmtomodel`: from the intermediate representation, or code made from it, to a model file.

The old tool imported the generated source code and ran it. Here nothing that is read is run: code
and model file are printed from the same intermediate representation, so that is what is converted,
and source code is only held against what the representation gives.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from mmdnn.cli import arguments, command, proving

EXAMPLES = """
  mmtomodel -f onnx -in net.pb -iw net.npy -o net.onnx
  mmtomodel -f pytorch -in net.pb -iw net.npy -o net.pt2
  mmtomodel -f pytorch -in net.py -iw net.npy -o net.pth     net.pb lies beside net.npy
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmtomodel",
        "Write a framework's model file from the intermediate representation (see mmtoir), or from "
        "source code that mmtocode made of it.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    made.flag(
        source,
        "-in",
        "-n",
        "--inputNetwork",
        metavar="FILE",
        required=True,
        help="its structure, NAME.pb; or the source code made from it",
    )
    made.flag(source, "-iw", "-w", "--inputWeight", metavar="FILE", help="its weights, NAME.npy")
    target = made.add_argument_group("the result")
    made.flag(
        target,
        "-f",
        "-df",
        "--framework",
        metavar="NAME",
        required=True,
        help="for which framework",
    )
    made.flag(
        target, "-o", "-om", "--outputModel", metavar="FILE", required=True, help="the model file"
    )
    arguments.add_clobber(made, target)
    made.flag(target, "--noVerify", action="store_true", help="do not run and compare the two")
    proving.add_require(made, target)
    arguments.add_fork(made, target)
    arguments.add_layout(made, target)
    arguments.add_refused(made, "--dump_tag")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Read the IR, check code against it, write the model."""
    from mmdnn import api, opening, progress, registry
    from mmdnn.cli import generated, words
    from mmdnn.ir import preprocessing

    to = registry.framework(args.framework)
    network = Path(args.inputNetwork)
    target = arguments.target(args.outputModel, network, to.suffix)
    given = arguments.paths(args.inputNetwork, args.inputWeight)
    options = arguments.options(args, to.name)
    if network.suffix == ".py":
        weights = Path(args.inputWeight) if args.inputWeight else None
        opened = generated.opened(network, weights, to, options)
    else:
        opened = opening.open_model(given)
    request = api.Request(
        verify=not args.noVerify, options=options, progress=progress.bars(), require=args.require,
        clobber=not args.noClobber,
    )  # fmt: skip
    result = api.convert_opened(opened, to, target, request)
    command.say(args, *words.saved(to, result.paths, target, given))
    command.say(args, *preprocessing.reminders(result.model))
    files = [str(path) for path in sorted(result.paths, key=lambda path: path != target)]
    return {**proving.told(args, result), "files": files, "target": to.name}


if __name__ == "__main__":
    raise SystemExit(main())
