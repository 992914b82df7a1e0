"""`mmtocode`: from the intermediate representation to a framework's source code."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from mmdnn.cli import arguments, command
from mmdnn.errors import UsageError

EXAMPLES = """
  mmtocode -f pytorch -n net.pb -w net.npy -d net.py                 weights in net.safetensors
  mmtocode -f pytorch -n net.pb -w net.npy -d net.py -dw net.pth
  mmtocode -f pytorch -n net.pb -d net.py                            source code alone
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmtocode",
        "Write a framework's source code, and the weights it loads, from the intermediate "
        "representation (see mmtoir) or any ONNX model.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    made.flag(
        source,
        "-n",
        "-in",
        "--IRModelPath",
        metavar="FILE",
        required=True,
        help="its structure, NAME.pb; or an ONNX file",
    )
    made.flag(source, "-w", "-iw", "--IRWeightPath", metavar="FILE", help="its weights, NAME.npy")
    target = made.add_argument_group("the result")
    name = {"metavar": "NAME", "required": True, "help": "for which framework"}
    made.flag(target, "-f", "-df", "--dstFramework", **name)
    made.flag(
        target, "-d", "-o", "--dstModelPath", metavar="FILE", required=True, help="the source code"
    )
    made.flag(
        target,
        "-dw",
        "-ow",
        "--dstWeightPath",
        metavar="FILE",
        help="the weights; beside the source code, if -w is given and this is not",
    )
    made.flag(
        target,
        "--phase",
        type=arguments.phase,
        default="test",
        metavar="{test,train}",
        help="the code serves both: it trains and tests as its framework's own modules do",
    )
    arguments.add_clobber(made, target)
    arguments.add_fork(made, target)
    arguments.add_layout(made, target)
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Read the IR, write code and weights, and say so."""
    from mmdnn import opening, progress, registry, saving
    from mmdnn.ir import preprocessing
    from mmdnn.outputs import outputs

    to = registry.framework(args.dstFramework)
    if not to.has("codegen"):
        raise UsageError(
            f"there is no source code for {to.title}",
            hint=f"The model itself: mmtomodel -f {to.name} -in {args.IRModelPath} -o FILE"
            if to.writes
            else "It is read, and not written yet: 'mmlist' shows which frameworks are.",
        )
    codegen = to.room("codegen")
    files = arguments.paths(args.IRModelPath, args.IRWeightPath)
    model = opening.open_model(files, "onnx").model()
    command.say(args, f"Parse file [{args.IRModelPath}] with binary format successfully.")
    target = arguments.target(args.dstModelPath, Path(args.IRModelPath), ".py")
    options = arguments.options(args, to.name)
    weighted = args.IRWeightPath or args.dstWeightPath
    read = [*files, *saving.files_of(model)]
    with outputs(read, clobber=not args.noClobber) as place:
        if weighted:
            written = saving.write(
                model, to, target, args.dstWeightPath, place, progress.bars(), options
            )
        else:
            native = to.room("exporter").from_ir(model, **options)
            place(target).write_text(codegen.source(native), encoding="utf-8")
            written = [(target, target)]
    code, *weights = (str(final) for final, _ in written)
    command.say(args, f"Target network code snippet is saved as [{code}].")
    for name in weights:
        command.say(args, f"Target weights are saved as [{name}].")
    command.warn(args, *place.said())
    command.say(args, *preprocessing.reminders(model))
    return {"ok": True, "files": [code, *weights], "target": to.name}


if __name__ == "__main__":
    raise SystemExit(main())
