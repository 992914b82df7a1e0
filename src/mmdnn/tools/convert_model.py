"""`python -m mmdnn.tools.convert_model`: a Caffe network to an MXNet checkpoint, and the proof."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command, proving

if TYPE_CHECKING:
    from mmdnn.api import Result
    from mmdnn.opening import Opened

EXAMPLES = """
  python -m mmdnn.tools.convert_model deploy.prototxt net.caffemodel net
                                     writes net-symbol.json and net-0000.params
"""


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The tool's flags."""
    made = arguments.Parser(
        "python -m mmdnn.tools.convert_model",
        "Convert a Caffe network to MXNet; then run both and compare every layer.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    source.add_argument("prototxt", help="the network's structure")
    source.add_argument("caffemodel", help="its weights")
    arguments.add_source(made, source)
    target = made.add_argument_group("the result")
    target.add_argument(
        "output_prefix", help="its checkpoint: PREFIX-symbol.json and PREFIX-0000.params"
    )
    made.flag(
        target,
        "--rgb",
        action="store_true",
        help="let it take pictures red first, as the old tool did: the first convolution's channels "
        "are turned; else it takes them as the Caffe network does, which is mostly blue first",
    )
    made.flag(target, "--noVerify", action="store_true", help="do not run and compare the two")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Convert, verify, and say what was made."""
    from mmdnn import api, progress, registry

    opened = arguments.opened(args, [Path(args.prototxt), Path(args.caffemodel)], "caffe")
    target = Path(f"{args.output_prefix}-symbol.json")
    request = api.Request(verify=not args.noVerify, progress=progress.bars())
    convert = partial(api.convert_opened, opened, registry.framework("mxnet"), request=request)
    result = _turned(opened, convert, target) if args.rgb else convert(target)
    command.say(args, *(f"Saved as [{path}]." for path in result.paths))
    told = proving.told(args, result)
    if args.rgb:
        command.say(args, "The first convolution's channels were turned after that: red first.")
    return {**told, "channels": "rgb" if args.rgb else "as in Caffe"}


def _turned(opened: Opened, convert: Callable[[Path], Result], target: Path) -> Result:
    """The conversion, proved as it is, then written with the first convolution's channels turned."""
    from mmdnn import api
    from mmdnn.tools import channels

    model = opened.model()
    channels.turn_input(model)
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as folder:
        proved = convert(Path(folder, target.name))
    return replace(proved, paths=tuple(api.save(model, target, framework="mxnet")), model=model)


if __name__ == "__main__":
    raise SystemExit(main())
