"""Run ONNX's backend test suite through generated PyTorch source.

    python tools/backend_suite.py [--only PATTERN] [--jobs N] [--show wrong] [--source]

Every case of `onnx.backend.test` (node, simple, pytorch-converted, pytorch-operator) is read as a file,
converted, printed as source, executed, and compared by the suite's own tolerances, dtype and shape exactly.
A case passes, or is *refused* (an `mmdnn.Error` before any result), or is *wrong*: another result, or any
other exception. Cases in `backend_suite_excluded.toml` are not run; the reason stands beside each.
The exit status is 1 if any case is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import select
import signal
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
SECONDS = 30
"""For one case."""
BATCH = 40
"""Cases that a process runs, one after the other."""
MEMORY = 12 << 30
"""Address space of a case's process, in bytes; torch alone maps several GB."""


@dataclass(frozen=True)
class Result:
    """What became of a case: "pass", "refused", "wrong" or "excluded", and why."""

    name: str
    operator: str
    outcome: str
    reason: str = ""


def excluded() -> list[tuple[re.Pattern[str], str]]:
    """Cases that are not run: a pattern of their names, and the reason."""
    path = Path(__file__).with_name("backend_suite_excluded.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [(re.compile(entry["cases"]), entry["reason"]) for entry in table["excluded"]]


def load_cases(pattern: str = "") -> list[Any]:
    """The suite's cases whose names match."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [case for kind in KINDS for case in load_model_tests(kind=kind)]
    return [case for case in cases if re.search(pattern, case.name)]


def operator_of(case: Any) -> str:
    """The operator that a case is about: its node's, or the commonest of many."""
    nodes = Counter(node.op_type for node in _model(case).graph.node)
    return nodes.most_common(1)[0][0] if nodes else "-"


def run_case(case: Any, folder: Path) -> Result:
    """Convert and run one case in this process."""
    from mmdnn.errors import Error

    name, operator = case.name, operator_of(case)
    try:
        program = convert(case, folder)
        outputs = [(execute(program, inputs), wanted) for inputs, wanted in data_sets(case)]
    except Error as error:
        return Result(name, operator, "refused", str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure of the case
        frames = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(frames) if "mmdnn" in f.filename), frames[-1])
        where = f"{Path(place.filename).name}:{place.lineno}"
        return Result(name, operator, "wrong", f"{type(error).__name__} at {where}: {error}")
    try:
        for found, wanted in outputs:
            compare(wanted, found, case)
    except AssertionError as error:
        return Result(name, operator, "wrong", " ".join(str(error).split()))
    return Result(name, operator, "pass")


def convert(case: Any, folder: Path) -> Any:
    """The case's model as a PyTorch program."""
    import onnx

    from mmdnn.frameworks.pytorch import exporter

    path = folder / "model.onnx"
    onnx.save(_model(case), path)
    return exporter.from_ir(_read(path))


def _model(case: Any) -> Any:
    import onnx

    return case.model if case.model is not None else onnx.load(Path(case.model_dir) / "model.onnx")


def _read(path: Path) -> Any:
    from mmdnn.frameworks.onnx import importer, reader
    from mmdnn.registry import Source

    return importer.to_ir(reader.read(Source(network=path)))


def data_sets(case: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    """Pairs of inputs and wanted outputs."""
    from onnx.backend.test.runner import Runner, _normalize_tensor

    if case.data_sets is not None:
        for inputs, outputs in case.data_sets:
            yield (
                [_normalize_tensor(item) for item in inputs],
                [_normalize_tensor(item) for item in outputs],
            )
        return
    model = _model(case)
    for folder in sorted(Path(case.model_dir).glob("test_data_set*")):
        sides: list[list[Any]] = []
        for side, declared in (("input", model.graph.input), ("output", model.graph.output)):
            values: list[Any] = []
            for i in range(len(list(folder.glob(f"{side}_*.pb")))):
                Runner._load_proto(Runner, str(folder / f"{side}_{i}.pb"), values, declared[i].type)
            sides.append(values)
        yield sides[0], sides[1]


def execute(program: Any, inputs: Sequence[Any]) -> list[Any]:
    """Run the generated source."""
    import torch

    from mmdnn.frameworks.pytorch.engine import as_numpy, as_tensor
    from mmdnn.frameworks.pytorch.writer import instantiate

    def back(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [back(item) for item in value]
        return as_numpy(value) if isinstance(value, torch.Tensor) else value

    module = instantiate(program)
    with torch.no_grad():
        results = module(*[as_tensor(value) for value in inputs])
    return [back(r) for r in (results if len(program.main.outputs) > 1 else (results,))]


def compare(wanted: Sequence[Any], found: Sequence[Any], case: Any) -> None:
    """The suite's own comparison, with the type of every array.

    Raises:
        AssertionError: They differ.
    """
    from onnx.backend.test.runner import Runner

    assert _form(wanted) == _form(found), f"{_form(wanted)} became {_form(found)}"
    pairs = [(w, f) for w, f in zip(_leaves(wanted), _leaves(found), strict=True) if w is not None]
    left, right = [np.asarray(w) for w, _ in pairs], [np.asarray(f) for _, f in pairs]
    Runner.assert_similar_outputs(left, right, case.rtol, case.atol)


def _form(value: Any) -> str:
    """How lists are nested, and what is None."""
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(_form, value))}]"
    return "none" if value is None else "array"


def _leaves(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _leaves(value)
        else:
            yield value


def run_all(cases: Sequence[Any], jobs: int) -> Iterator[Result]:
    """Every case, in processes with bounds on time and memory; one that dies fails a single case."""
    import torch

    from mmdnn.frameworks.onnx import importer, reader
    from mmdnn.frameworks.pytorch import exporter, writer

    del importer, reader, exporter, writer
    torch.set_num_threads(1)
    skipped = excluded()
    waiting: list[Any] = []
    for case in cases:
        reason = next((why for pattern, why in skipped if pattern.search(case.name)), None)
        if reason is None:
            waiting.append(case)
        else:
            yield Result(case.name, operator_of(case), "excluded", reason)
    running: dict[int, tuple[list[Any], int]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            pipe, process = _start(batch)
            running[pipe] = (batch, process)
        for pipe in select.select(list(running), [], [])[0]:
            batch, process = running.pop(pipe)
            with os.fdopen(pipe, encoding="utf-8") as file:
                done = [Result(*json.loads(line)) for line in file if line.endswith("\n")]
            status = os.waitpid(process, 0)[1]
            yield from done
            if len(done) < len(batch):
                case = batch[len(done)]
                yield Result(case.name, operator_of(case), "wrong", f"the process died: {status}")
                waiting = [*batch[len(done) + 1 :], *waiting]


def _start(batch: Sequence[Any]) -> tuple[int, int]:
    """A process that runs these cases; its results come through the pipe, a line each."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return reading, process
    status = 1
    try:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
        with tempfile.TemporaryDirectory() as folder, os.fdopen(writing, "w") as file:
            for case in batch:
                signal.alarm(SECONDS)
                result = run_case(case, Path(folder))
                file.write(json.dumps(list(vars(result).values())) + "\n")
                file.flush()
        status = 0
    finally:
        os._exit(status)


def report(results: Sequence[Result], show: Sequence[str]) -> str:
    """The figures, by operator where not all pass, and the cases asked for."""
    lines = [
        f"{result.outcome:8} {result.name} [{result.operator}] {result.reason}"
        for result in results
        if result.outcome in show
    ]
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        table[result.operator][result.outcome] += 1
    lines.append(f"{'operator':28} {'pass':>5} {'refused':>8} {'wrong':>6} {'excluded':>9}")
    for operator, counts in sorted(table.items()):
        if counts.keys() - {"pass"}:
            lines.append(
                f"{operator:28} {counts['pass']:5} {counts['refused']:8} {counts['wrong']:6} "
                f"{counts['excluded']:9}"
            )
    totals = Counter(result.outcome for result in results)
    share = 100 * totals["pass"] / max(len(results), 1)
    lines.append(
        f"{len(results)} cases: {totals['pass']} pass ({share:.1f} %), {totals['refused']} refused, "
        f"{totals['wrong']} wrong, {totals['excluded']} excluded"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose names match")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--show", nargs="*", default=["wrong"], metavar="OUTCOME")
    parser.add_argument("--source", action="store_true", help="print the generated source as well")
    parser.add_argument("--json", type=Path, help="write every result to this file")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    cases = load_cases(options.only)
    if options.source:
        _print_sources(cases)
    results = list(run_all(cases, options.jobs))
    print(report(results, options.show))
    print(f"{time.monotonic() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps([vars(result) for result in results], indent=1))
    return int(any(result.outcome == "wrong" for result in results))


def _print_sources(cases: Sequence[Any]) -> None:
    from mmdnn.errors import Error
    from mmdnn.frameworks.pytorch import codegen

    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"# {case.name}\n{codegen.source(convert(case, Path(folder)))}")
            except Error as error:
                print(f"# {case.name}: {error}")


if __name__ == "__main__":
    sys.exit(main())
