"""`python -m mmdnn.tools.json2prototxt`: an MXNet symbol to a Caffe prototxt."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    import onnx_ir as ir

    from mmdnn.ir.preprocessing import Steps
    from mmdnn.opening import Opened
    from mmdnn.shapes import Given

EXAMPLES = """
  python -m mmdnn.tools.json2prototxt --mx-json model-symbol.json --cf-prototxt deploy.prototxt
  python -m mmdnn.tools.json2prototxt --mx-json model-symbol.json --cf-prototxt deploy.prototxt \\
      --inputShape 3,112,112                         from the symbol alone, without parameters
"""


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The tool's flags."""
    made = arguments.Parser(
        "python -m mmdnn.tools.json2prototxt",
        "Write the Caffe prototxt of an MXNet symbol. Sizes come from the parameters beside it "
        "(model-0000.params), or from --inputShape. mxnet2caffe then writes the weights.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    made.flag(
        source, "--mx-json", metavar="FILE", required=True, help="the symbol, NAME-symbol.json"
    )
    made.flag(
        source,
        "--inputShape",
        nargs="+",
        metavar="SHAPE",
        default=[],
        help=arguments.SHAPE_HELP,
    )
    target = made.add_argument_group("the result")
    made.flag(target, "--cf-prototxt", metavar="FILE", required=True, help="the prototxt to write")
    arguments.add_fork(made, target)
    arguments.add_split(made, target)
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Convert the structure, and say what was made."""
    from mmdnn.frameworks.caffe import reader
    from mmdnn.ir import preprocessing
    from mmdnn.outputs import outputs
    from mmdnn.registry import Source

    target = Path(args.cf_prototxt)
    opened = _open(Path(args.mx_json), arguments.shapes(args.inputShape))
    text, steps = _converted(opened, arguments.options(args, "caffe"), split=args.splitPreprocess)
    with outputs(opened.source.files) as place:
        staged = place(target)
        staged.write_text(text, encoding="utf-8", errors="surrogateescape")
        network = reader.read(Source(network=staged))
    weights = opened.source.weights
    sized = f"sizes from [{weights}]" if weights else "sizes from the inputs' shapes"
    count = len(network.layers)
    command.say(args, f"Caffe prototxt is saved as [{target}]: {count} layers, {sized}.")
    sizes = {name: list(shape or ()) for name, shape in network.inputs.items()}
    for name, shape in sizes.items():
        command.say(args, f"Input '{name}': {','.join(map(str, shape))}.")
    if args.splitPreprocess:
        command.say(args, *preprocessing.sentences(steps))
    return {
        "ok": True,
        "files": [str(target)],
        "preprocessing": preprocessing.to_json(steps),
        "layers": count,
        "inputs": sizes,
        "parameters": weights and str(weights),
    }


def _converted(opened: Opened, options: dict[str, str], *, split: bool) -> tuple[str, Steps]:
    """The prototxt, and what was taken out of the model; where there are no parameters, by stand-ins."""
    from mmdnn.frameworks.caffe import exporter
    from mmdnn.frameworks.caffe.writer import prototxt
    from mmdnn.frameworks.mxnet import reader
    from mmdnn.ir import preprocessing
    from mmdnn.tools import standins

    taken: Steps = {}

    def convert(model: ir.Model) -> str:
        nonlocal taken
        if split:
            model, taken = preprocessing.split(model)
        return prototxt.text(exporter.from_ir(model, **options))

    source = opened.source
    if source.weights is not None:
        return convert(opened.model()), taken
    text = standins.converted(
        lambda value: convert(standins.in_mxnet(reader.read(source), value)),
        Path(str(source.network)),
        beside=lambda: preprocessing.sentences(taken),
    )
    return text, taken


def _open(symbol: Path, shapes: dict[str, Given]) -> Opened:
    """The symbol with the parameters beside it; of several epochs', the last."""
    from mmdnn import opening

    files = [symbol, *_epochs(symbol)[-1:]]
    return opening.open_model(files, "mxnet", shapes)


def _epochs(symbol: Path) -> list[Path]:
    prefix = re.escape(symbol.name.removesuffix("-symbol.json"))
    if not symbol.parent.is_dir():
        return []
    names = [
        p for p in symbol.parent.iterdir() if re.fullmatch(rf"{prefix}-\d{{4}}\.params", p.name)
    ]
    return sorted(names)


if __name__ == "__main__":
    raise SystemExit(main())
