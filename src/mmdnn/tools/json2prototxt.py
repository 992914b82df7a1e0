"""`python -m mmdnn.tools.json2prototxt`: an MXNet symbol to a Caffe prototxt."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    from mmdnn.opening import Opened

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
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Convert the structure, and say what was made."""
    from mmdnn.frameworks.caffe import reader
    from mmdnn.outputs import outputs
    from mmdnn.registry import Source

    target = Path(args.cf_prototxt)
    opened = _open(Path(args.mx_json), arguments.shapes(args.inputShape))
    text = _text(opened, arguments.options(args, "caffe"))
    with outputs() as place:
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
    return {
        "ok": True,
        "files": [str(target)],
        "layers": count,
        "inputs": sizes,
        "parameters": weights and str(weights),
    }


def _text(opened: Opened, options: dict[str, str]) -> str:
    """The prototxt; where there are no parameters, by stand-ins."""
    from mmdnn.frameworks.caffe import exporter
    from mmdnn.frameworks.caffe.writer import prototxt
    from mmdnn.frameworks.mxnet import reader
    from mmdnn.tools import standins

    source = opened.source
    if source.weights is not None:
        return prototxt.text(exporter.from_ir(opened.model(), **options))
    return standins.converted(
        lambda value: prototxt.text(
            exporter.from_ir(standins.in_mxnet(reader.read(source), value), **options)
        ),
        Path(str(source.network)),
    )


def _open(symbol: Path, shapes: dict[str, tuple[int, ...]]) -> Opened:
    """The symbol with the parameters beside it; of several epochs', the last."""
    from mmdnn import opening, registry

    files = [symbol, *_epochs(symbol)[-1:]]
    return opening.open_model(files, "mxnet", shapes, registry.Source())


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
