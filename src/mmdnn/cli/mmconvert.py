"""`mmconvert`: from one framework's files to another's, and the proof."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from mmdnn.cli import arguments, command, proving
from mmdnn.errors import MismatchError, UsageError

EXAMPLES = """
  mmconvert net.prototxt net.caffemodel -om net.onnx
  mmconvert net.prototxt net.caffemodel -om net.py           source code and net.safetensors
  mmconvert -sf caffe -in net.prototxt -iw net.caffemodel -df pytorch -om net.pth
  mmconvert net.onnx -om net.pt2 --inputShape 3,224,224
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmconvert",
        "Convert a trained model from one framework to another, and prove it: source and result "
        "run on the same inputs, and every layer is compared.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model to convert")
    source.add_argument("files", nargs="*", metavar="FILE", help="its files, in any order")
    made.flag(
        source, "-in", "-n", "--inputNetwork", "--network", metavar="FILE", help="its structure"
    )
    made.flag(source, "-iw", "-w", "--inputWeight", "--weights", metavar="FILE", help="its weights")
    made.flag(
        source, "-sf", "--srcFramework", metavar="NAME", help="whose it is; seen from the files"
    )
    arguments.add_source(made, source)
    target = made.add_argument_group("the result")
    made.flag(target, "-om", "-o", "--outputModel", metavar="FILE", required=True, help="its file")
    made.flag(
        target, "-df", "--dstFramework", metavar="NAME", help="for whom; seen from -om's suffix"
    )
    made.flag(
        target,
        "-ow",
        "-dw",
        "--dstWeightPath",
        metavar="FILE",
        help="its weights, for source code: .safetensors (default) or .pth",
    )
    arguments.add_clobber(made, target)
    arguments.add_fork(made, target)
    arguments.add_layout(made, target)
    arguments.add_split(made, target)
    check = made.add_argument_group("proof")
    made.flag(check, "--noVerify", action="store_true", help="do not run and compare the two")
    proving.add(made, check)
    proving.add_require(made, check)
    proving.add_report(made, check)
    made.flag(
        check,
        "--keep",
        action="store_true",
        help="leave a result that disagrees in its place, for a closer look",
    )
    arguments.add_refused(made, "--dump_tag", "--darknetStart")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Convert, verify, and say what was made."""
    from mmdnn import api, progress, registry
    from mmdnn.cli import words
    from mmdnn.ir import preprocessing

    if args.report and args.noVerify:
        raise UsageError("--report shows the comparison, and --noVerify leaves it out")
    given = arguments.paths(*args.files, args.inputNetwork, args.inputWeight)
    opened = arguments.opened(args, given, args.srcFramework)
    named = registry.framework(args.dstFramework) if args.dstFramework else None
    target = arguments.target(args.outputModel, opened.network, named.suffix if named else "")
    to = named or registry.writer_of(target)
    request = api.Request(
        weights=args.dstWeightPath,
        verify=not args.noVerify,
        keep=args.keep,
        options=arguments.options(args, to.name),
        split_preprocess=args.splitPreprocess,
        require=args.require,
        inputs=proving.inputs(args, lambda: opened),
        feeds=args.feeds,
        closely=bool(args.report),
        clobber=not args.noClobber,
        progress=progress.bars(),
    )
    try:
        result = api.convert_opened(opened, to, target, request)
    except MismatchError as error:
        proving.write_report(args, error.report, opened.source.files)
        raise
    proving.write_report(args, result.report, [*opened.source.files, *result.paths])
    command.say(args, *words.saved(to, result.paths, target, words.temporaries()), words.REMOVED)
    if result.preprocessing is not None:
        command.say(args, *preprocessing.sentences(result.preprocessing))
    return {
        **proving.told(args, result),
        "source": result.source,
        "target": result.target,
        "preprocessing": preprocessing.to_json(result.preprocessing or {}),
    }


if __name__ == "__main__":
    raise SystemExit(main())
