"""Source of CNTK models, run in CNTK together; and models put together by hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.cntk import codegen, engine, graph
from mmdnn.frameworks.cntk.graph import Attribute, Block, Function, Kind, Model, Shape, Variable

PROGRAM = Path(__file__).with_name("generated_program.py")
AXIS = graph.Axis(0)


def interpreter() -> str:
    """The Python that has CNTK; the test is skipped where there is none."""
    try:
        return engine.interpreter()
    except MissingExtraError as error:
        pytest.skip(str(error))


class Sources:
    """Sources that wait to be run.

    Args:
        root: A folder for their files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jobs: dict[str, dict[str, Any]] = {}

    def add(self, key: str, model: Model, original: Path | None = None, **job: Any) -> None:
        """Print a model's source.

        Args:
            key: What the result is found by.
            model: It.
            original: A file that CNTK is to give the same numbers from.
            job: What else is to be done (`generated_program.py`).
        """
        number = len(self.jobs)
        code, *weights = codegen.save(model, self.root / f"net{number}.py")
        given = {"model": str(original)} if original is not None else {}
        given |= {"weights": str(weights[0])} if weights else {}
        saved = {"saved": str(self.root / f"net{number}.model")}
        self.jobs[key] = {"source": str(code), **saved, **given, **job}

    def saved(self, key: str) -> Path:
        """Where CNTK saved a network."""
        return Path(self.jobs[key]["saved"])

    def run(self) -> dict[str, dict[str, Any]]:
        """What became of each."""
        path = self.root / "jobs.json"
        path.write_text(json.dumps(self.jobs))
        command = [interpreter(), "-W", "ignore", str(PROGRAM), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, dict[str, Any]] = json.loads(done.stdout[done.stdout.index("{") :])
        return found


def exact(found: Mapping[str, Any]) -> bool:
    """Whether a source gave CNTK's own numbers, to the last bit, under the same names."""
    same = found.get("equal") and found["names"] and found["arguments"]
    return bool(same) or "refused" in found


class Graphs:
    """Makes variables and functions with uids of their own."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.count = 0

    def uid(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def input(
        self, name: str, *shape: int, axes: tuple[graph.Axis, ...] = (graph.BATCH,)
    ) -> Variable:
        return self._add(Kind.INPUT, name, Shape(shape), axes=axes)

    def parameter(self, name: str, *shape: int, kind: Kind = Kind.PARAMETER) -> Variable:
        numbers = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) / 8
        value = ir.tensor(numbers, name=name)
        return self._add(kind, name, Shape(shape), value=value, trained=kind == Kind.PARAMETER)

    def constant(self, number: float, name: str = "", shape: tuple[int, ...] = ()) -> Variable:
        value = ir.tensor(np.full(shape, number, np.float32))
        return self._add(Kind.CONSTANT, name, Shape(shape), value=value)

    def placeholder(self, like: Variable) -> Variable:
        return Variable(self.uid("Placeholder"), Kind.PLACEHOLDER, shape=like.shape, axes=like.axes)

    def _add(self, kind: Kind, name: str, shape: Shape, **fields: Any) -> Variable:
        uid = self.uid(kind.name.capitalize())
        self.variables[uid] = Variable(uid, kind, shape=shape, name=name, **fields)
        return self.variables[uid]

    def call(self, op: str, *inputs: Variable, name: str = "", **attributes: Attribute) -> Variable:
        return Function(op, self.uid(op), name, list(inputs), attributes).output()

    def block(
        self, type_: str, inside: Variable, arguments: dict[Variable, Variable], name: str = ""
    ) -> Variable:
        assert inside.owner is not None
        made = Block(type_, inside.owner, arguments)
        function = Function(graph.BLOCK, self.uid("Block"), name, list(arguments.values()))
        function.block = made
        return function.output()

    def model(self, *outputs: Variable, name: str = "") -> Model:
        root = outputs[0].owner
        if len(outputs) > 1 or name:
            root = Function(graph.COMBINE, self.uid("Combine"), name, list(outputs))
        assert root is not None
        return Model(root, graph.reachable([root]), dict(self.variables))


def dense(graphs: Graphs, x: Variable, size: tuple[int, int], name: str = "") -> Variable:
    """The block that CNTK's Dense makes."""
    inside = graphs.placeholder(x)
    weight, bias = graphs.parameter("W", *size), graphs.parameter("b", size[1])
    times = graphs.call("Times", weight, inside, outputRank=1, inferInputRankToMap=0)
    return graphs.block("Dense", graphs.call("Plus", times, bias), {inside: x}, name)
