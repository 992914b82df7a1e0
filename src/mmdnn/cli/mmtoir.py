"""`mmtoir`: from a framework's files to the three files of the intermediate representation."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from mmdnn.cli import arguments, command

EXAMPLES = """
  mmtoir -f caffe -n net.prototxt -w net.caffemodel -d net
  mmtoir -f onnx -n net.onnx -d net --inputShape 3,224,224
  mmtoir -f caffe -n train_val.prototxt -w net.caffemodel -d net -node fc7
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The command's flags."""
    made = arguments.Parser(
        "mmtoir",
        "Read a model of any framework into the intermediate representation: NAME.pb, NAME.npy "
        "and NAME.json, together a standard ONNX model.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model to read")
    source.add_argument("files", nargs="*", metavar="FILE", help="its files, in any order")
    made.flag(source, "-n", "-in", "--network", metavar="FILE", help="its structure")
    made.flag(source, "-w", "-iw", "--weights", metavar="FILE", help="its weights")
    made.flag(
        source,
        "-f",
        "-sf",
        "--srcFramework",
        metavar="NAME",
        help="whose it is; seen from the files",
    )
    arguments.add_source(made, source)
    target = made.add_argument_group("the result")
    made.flag(
        target,
        "-d",
        "-o",
        "--dstPath",
        metavar="NAME",
        required=True,
        help="NAME.pb, NAME.npy and NAME.json are written",
    )
    arguments.add_clobber(made, target)
    arguments.add_layout(made, target)
    arguments.add_split(made, target)
    arguments.add_refused(made, "--darknetStart")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Read, write the IR, and say so."""
    from mmdnn import progress, saving
    from mmdnn.ir import notes, preprocessing
    from mmdnn.outputs import outputs

    given = arguments.paths(*args.files, args.network, args.weights)
    opened = arguments.opened(args, given, args.srcFramework)
    target = arguments.target(args.dstPath, opened.network, "")
    with outputs(opened.source.files, clobber=not args.noClobber) as place:
        model, steps = opened.model(), None
        told = notes.of(model)
        command.warn(args, *told)
        place.protect(saving.files_of(model))
        if args.splitPreprocess:
            model, steps = preprocessing.split(model)
        written = saving.write_representation(model, target, place, progress.bars())
    names = {path.suffix: path for path in written}
    for suffix in (".json", ".pb"):
        command.say(args, f"IR network structure is saved as [{names[suffix]}].")
    if ".npy" in names:
        command.say(args, f"IR weights are saved as [{names['.npy']}].")
    else:
        command.say(args, "Warning: weights are not loaded.")
    command.warn(args, *place.said())
    if steps is not None:
        command.say(args, *preprocessing.sentences(steps))
    return {
        "ok": True,
        "files": [str(path) for path in written],
        "source": opened.framework.name,
        "notes": list(told),
        "preprocessing": preprocessing.to_json(steps or {}),
    }


if __name__ == "__main__":
    raise SystemExit(main())
