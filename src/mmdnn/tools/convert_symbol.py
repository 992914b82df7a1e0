"""`python -m mmdnn.tools.convert_symbol`: a Caffe prototxt to an MXNet symbol."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    from mmdnn.registry import Source

EXAMPLES = """
  python -m mmdnn.tools.convert_symbol deploy.prototxt net-symbol.json
"""


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The tool's flags."""
    made = arguments.Parser(
        "python -m mmdnn.tools.convert_symbol",
        "Write the MXNet symbol of a Caffe prototxt. No weights are needed; convert_model writes "
        "symbol and parameters.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    source.add_argument("prototxt", help="the network's structure")
    arguments.add_source(made, source)
    target = made.add_argument_group("the result")
    target.add_argument("output", help="the symbol to write, e.g. net-symbol.json")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Convert the structure, and say what was made."""
    from mmdnn.outputs import outputs
    from mmdnn.tools import standins

    structure, target = Path(args.prototxt), Path(args.output)
    opened = arguments.opened(args, [structure], "caffe")
    text = standins.converted(lambda value: _text(opened.source, value), structure)
    with outputs([structure]) as place:
        place(target).write_text(text, encoding="utf-8")
    nodes = sum(node["op"] != "null" for node in json.loads(text)["nodes"])
    command.say(args, f"MXNet symbol is saved as [{target}]: {nodes} operators.")
    return {"ok": True, "files": [str(target)], "operators": nodes}


def _text(source: Source, value: float) -> str:
    """The symbol, where weights are stand-ins."""
    from mmdnn.frameworks.caffe import importer, reader
    from mmdnn.frameworks.mxnet import exporter, writer
    from mmdnn.tools import standins

    network = standins.in_caffe(reader.read(source), value)
    native = exporter.from_ir(importer.to_ir(network))
    return writer.text(native.symbol)


if __name__ == "__main__":
    raise SystemExit(main())
