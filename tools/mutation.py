"""Inject faults into results of conversions and into second models, and count what verification finds.

    python tools/mutation.py [--networks cnn,ssd] [--ways pytorch,compare] [--sample N] [--seed N] [--show]

Every fault of `mutation_faults.py` in every network of `mutation_networks.py`. A fault counts if it changes
any output by more than the tolerance on any of many natural inputs; both models run in onnxruntime to decide
that. Then it is looked for: as the result of a conversion (to PyTorch; to ONNX where PyTorch's exporter
refuses it), and as the second model of `mmcompare`. The networks without a fault must agree. The exit status
is 1 if fewer than 99 % are found, if the layer that has the fault is named in fewer than 95 %, or if there
is a false alarm.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mutation_networks
import numpy as np
import onnx_ir as ir
import onnxruntime
from mutation_faults import Fault, faults

from mmdnn import registry, saving
from mmdnn.errors import Error, MismatchError
from mmdnn.opening import Opened
from mmdnn.progress import Silent
from mmdnn.registry import Source
from mmdnn.verify import conversion
from mmdnn.verify.check import Check
from mmdnn.verify.compare import difference
from mmdnn.verify.comparison import compared
from mmdnn.verify.feeds import Feeds, Filler, Sizes
from mmdnn.verify.kinds import KINDS
from mmdnn.verify.report import Report

FOUND, NAMED = 0.99, 0.95
WAYS = ("pytorch", "onnx", "compare")
SEEDS = 3
"""How many inputs of each kind decide whether a fault counts."""
NATURAL = [kind for kind in KINDS if kind not in ("huge", "very tiny", "enormous", "not numbers")]


@dataclass
class Score:
    """What was counted.

    Attributes:
        faults: How many count.
        found: How many were found.
        named: In how many the layer that has the fault was named first.
        missed: What was not found, or named wrong, in words.
        alarms: Networks without a fault that do not agree, in words.
    """

    faults: int = 0
    found: int = 0
    named: int = 0
    missed: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


class Network:
    """A network on file, run by brute force."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        path = folder / f"{name}.onnx"
        ir.save(mutation_networks.model(name), path)
        self.opened = Opened(registry.framework("onnx"), Source(network=path))
        self.model = ir.external_data.load_to_model(self.opened.model())
        self.feeds = list(self._feeds())
        self.wanted = [run(self.model, feed) for feed in self.feeds]

    def _feeds(self) -> Iterator[Feeds]:
        filler = Filler(self.model)
        for seed in range(SEEDS):
            for kind in NATURAL:
                yield filler.feed(f"{kind} {seed}", Sizes(1 + seed, 16)).values

    def is_changed(self, faulty: ir.Model) -> bool | None:
        """Whether an output changes by more than the tolerance; None where the model does not run."""
        try:
            run_faulty = session(faulty)
            for feed, wanted in zip(self.feeds, self.wanted, strict=True):
                found = run_faulty(feed)
                if found.keys() != wanted.keys():
                    return None
                if any(not difference(wanted[name], found[name]).ok for name in wanted):
                    return True
        except Exception:  # noqa: BLE001 - onnxruntime raises classes of its own
            return None
        return False


def session(model: ir.Model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    made = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    names = [each.name for each in made.get_outputs()]
    return lambda feed: dict(zip(names, made.run(None, feed), strict=True))


def run(model: ir.Model, feed: Feeds) -> dict[str, np.ndarray]:
    return session(model)(feed)


def judged(network: Network, model: ir.Model, way: str) -> Report | str | None:
    """What verification says of a model in the original's place; None where it cannot be written."""
    with tempfile.TemporaryDirectory(dir=network.folder) as folder:
        if way == "compare":
            path = Path(folder, "other.onnx")
            ir.save(model, path)
            other = Opened(registry.framework("onnx"), Source(network=path))
            try:
                return compared(network.opened, other, Check(), steps=None, progress=Silent())
            except MismatchError as error:
                return str(error)
        to = registry.framework(way)
        target = Path(folder, f"{network.name}{to.writes[0]}")
        try:
            written = saving.write(model, to, target, None, Path, Silent(), None)
        except Error:
            return None
        staged = to.arrange([path for _, path in written])
        try:
            report, notes = conversion.verified(
                network.opened,
                network.model,
                to,
                staged,
                steps={},
                check=Check(),
                progress=Silent(),
            )
        except MismatchError as error:
            return str(error)
        return report or " ".join(notes)


def is_named(report: Report, node: ir.Node) -> bool:
    """Whether the first fault is the node's, or of the nearest values after it that both know."""
    names = {str(value.name) for value in near(report, node)}
    first = report.first_fault
    if first is not None:
        return first.value in names
    own = {str(value.name) for value in node.outputs} | names
    return any(f"'{name}'" in fault for fault in report.faults for name in own)


def near(report: Report, node: ir.Node) -> set[ir.Value]:
    known = {layer.value for layer in report.layers}
    found, todo = set(), list(node.outputs)
    while todo:
        value = todo.pop()
        if str(value.name) in known or value.is_graph_output():
            found.add(value)
        else:
            todo.extend(out for user, _ in value.uses() for out in user.outputs)
    return found


def count(network: Network, fault: Fault, model: ir.Model, ways: list[str], score: Score) -> None:
    node = list(network.model.graph)[fault.place]
    at = f"{network.name}: {fault.what} at '{node.outputs[0].name}'"
    for way in ways:
        report = judged(network, model, way)
        if report is None:
            continue
        score.faults += 1
        if isinstance(report, str):
            score.found += 1
            score.named += 1
            continue
        if report.ok:
            said = "untested" if report.proof is None and way != "onnx" else "ok"
            score.missed.append(f"{way}: {at}: {said}")
            continue
        score.found += 1
        if is_named(report, node) or fault.what.startswith("graph"):
            score.named += 1
        else:
            first = report.first_fault
            score.missed.append(f"{way}: {at}: named {first.value if first else report.faults[:1]}")
        if way == "pytorch":
            return  # what can be written as PyTorch need not be as ONNX


def unmutated(network: Network, ways: list[str], score: Score) -> None:
    for way in ways:
        report = judged(network, network.model, way)
        if isinstance(report, str):
            score.alarms.append(f"{way}: {network.name}: {report}")
        elif report is not None and not report.ok:
            score.alarms.append(f"{way}: {network.name}: {report.summary()}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--networks", default=",".join(mutation_networks.NETWORKS))
    parser.add_argument("--ways", default=",".join(WAYS), help="pytorch, onnx, compare")
    parser.add_argument("--sample", type=int, default=0, help="faults of each network; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--show", action="store_true", help="what was not found, at once")
    chosen = parser.parse_args()
    ways = chosen.ways.split(",")
    score, kinds = Score(), Counter()
    per_network: dict[str, Counter] = defaultdict(Counter)
    with tempfile.TemporaryDirectory(prefix="mmdnn-mutation-") as folder:
        for name in chosen.networks.split(","):
            began, before = time.monotonic(), score.faults
            network = Network(name, Path(folder))
            unmutated(network, ways, score)
            todo = list(faults(network.model))
            if chosen.sample:
                random.Random(chosen.seed).shuffle(todo)
                todo = todo[: chosen.sample]
            for fault in todo:
                try:
                    model = fault.made(network.model)
                    changed = network.is_changed(model)
                except Exception:  # noqa: BLE001 - a fault that makes no model
                    changed = None
                what = {True: "shows", False: "shows nowhere", None: "does not run"}[changed]
                per_network[name][what] += 1
                kinds[what] += 1
                shown = len(score.missed)
                if changed:
                    count(network, fault, model, ways, score)
                if chosen.show:
                    print(*score.missed[shown:], sep="\n", end="\n" * (len(score.missed) > shown))
            print(
                f"{name}: {dict(per_network[name])}, {score.faults - before} looked for, "
                f"{time.monotonic() - began:.0f} s", flush=True,
            )  # fmt: skip
    print(*(score.missed if not chosen.show else ()), *score.alarms, sep="\n")
    share = score.found / max(score.faults, 1)
    named = score.named / max(score.found, 1)
    print(
        f"{score.faults} faults: {share:.1%} found, the layer named in {named:.1%} of these; "
        f"{len(score.alarms)} false alarms"
    )
    return int(share < FOUND or named < NAMED or bool(score.alarms))


if __name__ == "__main__":
    sys.exit(main())
