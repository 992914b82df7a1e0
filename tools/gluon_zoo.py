"""Convert Gluon's model zoo: each family's smallest network, and larger ones, to everything.

    python tools/gluon_zoo.py [--only PATTERN] [--small]

MXNet 1.9.1 makes the networks, with random numbers that matter (`gluon_models.py`), exports them, and runs
them. Each is then converted to ONNX, PyTorch and Caffe, and every layer compared; and to MXNet again, which
must give the same layers, names and weights, bit for bit, and outputs that do not differ at all. The exit
status is 1 if anything is wrong; what is refused is shown with its reason. The figures are the worst
layer's difference, in units of what is allowed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir
from rich.console import Console
from rich.table import Table

from mmdnn import api, opening, registry
from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.mxnet import engine, reader
from mmdnn.frameworks.mxnet.graph import Model, Node
from mmdnn.frameworks.mxnet.importer.table import IGNORED
from mmdnn.tensors import references
from mmdnn.verify import run as verification
from mmdnn.verify import runners
from mmdnn.verify.run import Found

MAKER = Path(__file__).with_name("gluon_models.py")
NETWORKS = {
    "alexnet": (224, 63),
    "densenet121": (224, 221),
    "densenet201": (224, 221),
    "inception_v3": (299, 299),
    "mobilenet0_25": (224, 32),
    "mobilenet1_0": (224, 32),
    "mobilenet_v2_0_25": (224, 32),
    "mobilenet_v2_1_0": (224, 32),
    "resnet18_v1": (224, 32),
    "resnet50_v1": (224, 32),
    "resnet18_v2": (224, 32),
    "resnet50_v2": (224, 32),
    "resnet101_v2": (224, 32),
    "squeezenet1_0": (224, 213),
    "squeezenet1_1": (224, 213),
    "vgg11": (224, 32),
    "vgg16": (224, 32),
    "vgg11_bn": (224, 32),
    "vgg16_bn": (224, 32),
}
"""Each network's usual pixels, and fewer that it takes."""
TARGETS = {"mxnet": "-symbol.json", "onnx": ".onnx", "pytorch": ".py", "caffe": ".prototxt"}
MEANT = {
    "stride": (1, 1),
    "dilate": (1, 1),
    "pad": (0, 0),
    "layout": "NCHW",
    "count_include_pad": True,
}
"""What MXNet takes for parameters that are left out, for pictures."""
WINDOW = {"kernel", "stride", "pad", "pooling_convention", "count_include_pad"}
"""What global pooling does not read."""


@dataclass(frozen=True)
class Outcome:
    """What became of one conversion: "right", "refused" or "wrong", and figures or the reason."""

    kind: str
    words: str


def make(root: Path, jobs: dict[str, tuple[str, int, int]]) -> None:
    """Make networks, each in a folder of its own.

    Args:
        root: The folder for all.
        jobs: Folder name to the network's function in Gluon, its pixels and its classes.

    Raises:
        MissingExtraError: There is no MXNet.
    """
    root.mkdir(parents=True, exist_ok=True)
    (root / "job.json").write_text(json.dumps(jobs))
    command = [engine.interpreter(), "-W", "ignore", str(MAKER), str(root)]
    subprocess.run(command, check=True, capture_output=True)


def outcomes(folder: Path, pixels: int) -> Iterator[tuple[str, Outcome]]:
    """What becomes of a network's conversion to each framework."""
    files = [folder / "net-symbol.json", folder / "net-0000.params"]
    shapes = {"data": (3, pixels, pixels)}
    opened = opening.open_model(files, "mxnet", shapes)
    model = opened.model()
    own = iter([(runners.engine(opened.framework, opened.source), "")])
    found = verification.run_source(own, model)
    for name, suffix in TARGETS.items():
        target = folder / f"{name}{suffix}"
        try:
            yield name, convert(model, found, registry.framework(name), target)
        except UnsupportedError as error:
            yield name, Outcome("refused", " ".join(str(error).split()))
        except Error as error:
            yield name, Outcome("wrong", " ".join(str(error).split()))


def convert(model: ir.Model, found: Found, to: registry.Framework, target: Path) -> Outcome:
    """Convert to one framework and compare every layer."""
    written = api.save(model, target, framework=to.name)
    staged = to.arrange(written)
    assert staged is not None
    runner, _, notes = runners.of_result(to, staged, found.feed)
    names = [str(value.name) for value in model.graph.outputs]
    report = verification.verify(found, runners.named_by_order(runner, names), model)
    report.require()
    aside = "".join(f" ({note})" for note in notes)
    if to.name == "mxnet":
        changed = differences(
            *(_read(target.with_name(n)) for n in ("net-symbol.json", target.name))
        )
        if changed or report.max_abs:
            return Outcome("wrong", changed or f"the outputs differ by {report.max_abs:.2g}")
        return Outcome("right", f"the same, {len(report.layers)} layers{aside}")
    worst = max(layer.difference.excess for layer in report.layers)
    return Outcome("right", f"{len(report.layers)} layers, {worst:.3f}{aside}")


def _read(symbol: Path) -> Model:
    params = symbol.with_name(symbol.name.replace("-symbol.json", "-0000.params"))
    model: Model = reader.read(registry.Source(symbol, params))
    return model


def differences(before: Model, after: Model) -> str:
    """What is not the same in two models: layers, names, parameters, arrays bit for bit; "" if all is."""
    layers = [
        [(node.op, node.name, _spelled_out(node), _inputs(node)) for node in model.symbol.nodes]
        for model in (before, after)
    ]
    for one, other in zip(*layers, strict=False):
        if one != other:
            return f"{one} became {other}"
    if len(layers[0]) != len(layers[1]) or before.params.keys() != after.params.keys():
        return f"{len(layers[0])} nodes became {len(layers[1])}"
    for name, tensor in before.params.items():
        one, other = references.read(tensor), references.read(after.params[name])
        if one.tobytes() != other.tobytes() or one.dtype != other.dtype:
            return f"the weights of {name} differ"
    return ""


def _spelled_out(node: Node) -> dict[str, object]:
    """An operator's parameters, defaults included, that mean anything."""
    schema = node.schema if not node.is_variable else None
    if schema is None:
        return {}
    said = {name: node.param(name) for name in schema.params if name not in IGNORED}
    if said.get("global_pool"):
        said = {key: value for key, value in said.items() if key not in WINDOW}
    return {key: _usual(key, value) for key, value in said.items()}


def _usual(name: str, value: object) -> object:
    """Left out is what is left out everywhere; floats are MXNet's."""
    if value in (None, ()):
        return MEANT.get(name, value)
    return float(np.float32(value)) if isinstance(value, float) else value


def _inputs(node: Node) -> list[tuple[str, int]]:
    return [(entry.node.name, entry.output) for entry in node.inputs]


def _cell(outcome: Outcome) -> str:
    """The number of layers and the worst; a star where Caffe's engine could not run the result itself."""
    if outcome.kind != "right":
        return outcome.kind.upper()
    words, note, _ = outcome.words.partition(" (")
    return words.replace(" layers", "") + ("*" if note else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a pattern of the networks' names")
    parser.add_argument("--small", action="store_true", help="few pixels, few classes")
    args = parser.parse_args()
    console = Console()
    table = Table("network", "pixels", *TARGETS, "seconds", title="Gluon's model zoo")
    wrong = []
    for network, pixels in NETWORKS.items():
        if not re.search(args.only, network):
            continue
        side, classes = (pixels[1], 10) if args.small else (pixels[0], 1000)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            make(Path(scratch), {network: (network, side, classes)})
            row = dict(outcomes(Path(scratch, network), side))
        for name, outcome in row.items():
            console.print(f"{network} to {name}: {outcome.kind}, {outcome.words}", highlight=False)
        wrong += [network for outcome in row.values() if outcome.kind == "wrong"]
        cells = [_cell(outcome) for outcome in row.values()]
        table.add_row(network, str(side), *cells, f"{time.perf_counter() - start:.0f}")
    console.print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
