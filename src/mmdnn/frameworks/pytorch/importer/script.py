"""Running TorchScript on its way in: its code is data, each node of the syntax tree being read here.

What Python decides (ranks, options, lists, loops over known numbers) is decided; what the numbers of
tensors decide becomes If and Loop. https://docs.pytorch.org/docs/stable/jit_language_reference.html
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Script
from mmdnn.frameworks.pytorch.importer import control_flow, scalars
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.control_flow import Nothing
from mmdnn.frameworks.pytorch.importer.expressions import Expressions
from mmdnn.frameworks.pytorch.importer.inputs import given_to
from mmdnn.frameworks.pytorch.importer.table import GraphImporter

MOST_STEPS = 1 << 18
"""Statements that are run at most."""
MOST_NESTED = 150


def run(program: Script, graph: GraphImporter) -> list[Tensor]:
    """The outputs of `forward`.

    Raises:
        ShapeError: No file says the shape of an input.
    """
    runner = Runner(program, graph)
    given = given_to(program, graph)
    found = runner.call(f"{program.root.type}.forward", [program.root, *given])
    return [
        leaf if isinstance(leaf, Tensor) else Tensor(control_flow.as_value(graph, leaf))
        for leaf in control_flow.flattened(found)
        if leaf is not None
    ]


class _Returned(Exception):  # noqa: N818 - a signal, not an error
    def __init__(self, value: Any) -> None:
        self.value = value


class Runner:
    """Runs functions of an archive.

    Attributes:
        program: The archive.
        graph: What it becomes.
    """

    def __init__(self, program: Script, graph: GraphImporter) -> None:
        self.program = program
        self.graph = graph
        self.steps = 0
        self.depth = 0

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """What a function gives.

        Raises:
            FormatError: There is no such function, or it does not take these arguments.
        """
        function = self.program.functions.get(name)
        if function is None:
            raise FormatError(f"there is no function {name} in the archive", file=self.graph.file)
        names = [arg.arg for arg in function.args.args]
        variables = dict(zip(names, args, strict=False)) | dict(kwargs or {})
        defaults = dict(zip(names[::-1], function.args.defaults[::-1], strict=False))
        frame = Frame(self, variables)
        for key in names:
            if key not in variables:
                if key not in defaults:
                    raise FormatError(f"{name} is not given its {key}", file=self.graph.file)
                variables[key] = frame.value(defaults[key])
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise FormatError("its functions call each other too deeply", file=self.graph.file)
        try:
            frame.run(function.body)
        except _Returned as returned:
            return returned.value
        finally:
            self.depth -= 1
        return None


class Frame(Expressions):
    """A function that runs."""

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Run statements."""
        for statement in body:
            self.runner.steps += 1
            if self.runner.steps > MOST_STEPS:
                raise UnsupportedError("its code runs too long", file=self.graph.file)
            method = _STATEMENTS.get(type(statement))
            if method is None:
                raise FormatError(
                    f"its code has a {type(statement).__name__}", file=self.graph.file
                )
            method(self, statement)

    def _assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self._store(target, value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._store(node.target, self.value(node.value))

    def _store(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.variables[target.id] = value
            self._name(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = list(value.values()) if isinstance(value, dict) else list(value)
            if len(items) != len(target.elts):
                raise FormatError(
                    f"{len(items)} values for {len(target.elts)}", file=self.graph.file
                )
            for part, item in zip(target.elts, items, strict=True):
                self._store(part, item)
        elif isinstance(target, ast.Attribute):
            self.value(target.value).attributes[target.attr] = value
        else:
            raise FormatError(f"its code sets a {type(target).__name__}", file=self.graph.file)

    def _name(self, name: str, value: Any) -> None:
        """Let a tensor have the name of its variable, unless that was made up."""
        if name.startswith("_") or not isinstance(value, Tensor):
            return
        made = value.value
        producer = made.producer()
        if (
            producer is not None
            and producer.graph is self.graph.root.graph
            and made not in self.graph.named
        ):
            self.graph.rename(made, name)

    def _if(self, node: ast.If) -> None:
        test = self._truth(self.value(node.test))
        if isinstance(test, bool):
            self.run(node.body if test else node.orelse)
            return
        names = _assigned([*node.body, *node.orelse])

        def branch(body: Sequence[ast.stmt]) -> Callable[[], Any]:
            def make() -> Any:
                before = dict(self.variables)
                self.run(body)
                found = {name: self.variables.get(name, Nothing()) for name in names}
                self.variables = before
                return found

            return make

        found = self._branched(test, branch(node.body), branch(node.orelse))
        self.variables.update({k: v for k, v in found.items() if not isinstance(v, Nothing)})

    def _branched(
        self, test: ir.Value, then: Callable[[], Any], otherwise: Callable[[], Any]
    ) -> Any:
        try:
            return control_flow.branch(self.graph, test, then, otherwise)
        except _Returned:
            raise UnsupportedError("a branch returns", file=self.graph.file) from None

    def _truth(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return scalars.of_tensor(self.graph, value, bool)
        return value if isinstance(value, ir.Value) else bool(value)

    def _for(self, node: ast.For) -> None:
        items = self.value(node.iter)
        if not isinstance(items, range):
            raise UnsupportedError("it loops over what is known when it runs", file=self.graph.file)
        for item in items:
            self._store(node.target, item)
            self.run(node.body)

    def _while(self, node: ast.While) -> None:
        while True:
            test = self._truth(self.value(node.test))
            if not isinstance(test, bool):
                self._loop(node, test)
                return
            if not test:
                return
            self.run(node.body)

    def _loop(self, node: ast.While, test: ir.Value) -> None:
        names = [name for name in _assigned(node.body) if name in self.variables]
        kept = [name for name in names if not isinstance(self.variables[name], Nothing)]
        carried = {name: self.variables[name] for name in kept}

        def step(_number: ir.Value, now: Any) -> tuple[Any, Any, Sequence[Any]]:
            before = dict(self.variables)
            self.variables.update(now)
            self.run(node.body)
            after = {name: self.variables[name] for name in kept}
            more = self._truth(self.value(node.test))
            self.variables = before
            return more, after, ()

        last, _ = control_flow.loop(self.graph, None, test, carried, step)
        self.variables.update(last)

    def _return(self, node: ast.Return) -> None:
        raise _Returned(None if node.value is None else self.value(node.value))


def _assigned(body: Sequence[ast.stmt]) -> list[str]:
    """The variables that statements set."""
    found: dict[str, None] = {}
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = None
    return list(found)


_STATEMENTS: dict[type, Callable[[Frame, Any], None]] = {
    ast.Assign: Frame._assign,
    ast.AnnAssign: Frame._annotated,
    ast.If: Frame._if,
    ast.For: Frame._for,
    ast.While: Frame._while,
    ast.Return: Frame._return,
    ast.Expr: lambda frame, node: frame.value(node.value) and None,
    ast.Pass: lambda _frame, _node: None,
}
