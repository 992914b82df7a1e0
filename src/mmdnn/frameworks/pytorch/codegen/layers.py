"""Which expression of the source is which layer: a map that travels with the weights.

Expressions are counted in the syntax tree of each class's `forward`, so the map holds however the file is
laid out, and for a file whose code was changed it is not used at all. Running the source with every
marked expression wrapped in `record(self, index, expression)` gives every layer's output.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from mmdnn.frameworks.pytorch.codegen.naming import name_members
from mmdnn.frameworks.pytorch.graph import Program, Variable

Map = dict[str, Any]
MARK = "mark"


def layer_map(program: Program, recorded: str, variables: list[Variable]) -> Map:
    """The map for a program.

    Args:
        program: What the exporter made.
        recorded: Its source with every expression recorded.
        variables: The variables by their index in the recorded source.

    Returns:
        `inputs` and `outputs`: the IR's names in order; `classes`: for each the number of nodes of
        `forward` and the marks, pairs of node and index; `names`: for each module path, index to names;
        `modules`: the names of what a module gives, by its path, for those inside `nn.Sequential`.
    """
    assert program.model is not None
    name_members(program.main)
    names = {"": {str(i): _names(v) for i, v in enumerate(variables) if _names(v)}}
    for member in program.main.members:
        if member.block is not None:
            standing = [(i, member.originals.get(v)) for i, v in enumerate(variables)]
            names[member.name] = {str(i): _names(v) for i, v in standing if v is not None}
    tree = _Strip().visit(ast.parse(recorded))
    return {
        "inputs": [str(value.name) for value in program.model.graph.inputs],
        "outputs": [str(value.name) for value in program.model.graph.outputs],
        "classes": {name: _marks(function) for name, function in _forwards(tree).items()},
        "names": names,
        "modules": _inside_sequences(program),
    }


def instrument(text: str, classes: Mapping[str, Any]) -> ast.Module:
    """The syntax tree of a source file: marked expressions are recorded, what was read is let go of."""
    tree = ast.parse(text)
    for name, function in _forwards(tree).items():
        nodes = list(ast.walk(function))
        known = classes.get(name)
        if known is not None and known["nodes"] == len(nodes):
            for position, index in known["marks"]:
                setattr(nodes[position], MARK, index)
        _let_go(function)
    wrapped: ast.Module = _Wrap().visit(tree)
    return ast.fix_missing_locations(wrapped)


def _let_go(function: ast.FunctionDef) -> None:
    """Delete variables behind the statement that reads them last: a large network's do not all fit."""
    kinds = (ast.FunctionDef, ast.Lambda)
    if any(isinstance(node, kinds) for part in function.body for node in ast.walk(part)):
        return
    last: dict[str, int] = {}
    own: set[str] = set()
    for place, statement in enumerate(function.body):
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        last |= {node.id: place for node in names}
        if isinstance(statement, ast.Assign):
            own |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    body: list[ast.stmt] = []
    for place, statement in enumerate(function.body):
        body.append(statement)
        done = sorted(name for name in own if last[name] == place)
        if done and not isinstance(statement, ast.Return):
            body.append(ast.Delete([ast.Name(name, ast.Del()) for name in done]))
    function.body = body


def _inside_sequences(program: Program) -> dict[str, list[str]]:
    return {
        f"{member.name}.{part.name}.{index}": _names(child.result)
        for member in program.main.members
        if member.block is not None
        for part, own in zip(member.block.members, member.children, strict=True)
        for index, child in enumerate(own.children)
        if child.result is not None
    }


def _names(variable: Variable) -> list[str]:
    values = [variable.value, *variable.aliases]
    return [str(value.name) for value in values if value is not None]


def _forwards(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {
        item.name: part
        for item in tree.body
        if isinstance(item, ast.ClassDef)
        for part in item.body
        if isinstance(part, ast.FunctionDef) and part.name == "forward"
    }


def _marks(function: ast.FunctionDef) -> dict[str, Any]:
    nodes = list(ast.walk(function))
    marks = [(i, node.mark) for i, node in enumerate(nodes) if hasattr(node, "mark")]
    return {"nodes": len(nodes), "marks": marks}


def _is_record(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record"
    )


class _Strip(ast.NodeTransformer):
    """Takes the calls of `record` out and marks what they recorded."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not _is_record(node):
            return self.generic_visit(node)
        inner: ast.AST = self.visit(node.args[2])
        inner.mark = ast.literal_eval(node.args[1])  # type: ignore[attr-defined]
        return inner

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for part in ("body", "orelse"):
            statements = getattr(node, part, None)
            if isinstance(statements, list):
                setattr(node, part, self._without_records(statements))
        return super().generic_visit(node)

    @staticmethod
    def _without_records(statements: list[ast.stmt]) -> list[ast.stmt]:
        """A record that stands alone names a target of the assignment before it."""
        kept: list[ast.stmt] = []
        for statement in statements:
            if isinstance(statement, ast.Expr) and _is_record(statement.value):
                call = statement.value
                assert isinstance(call, ast.Call)
                wanted = ast.unparse(call.args[2])
                for node in ast.walk(kept[-1]):
                    if isinstance(node, ast.Name) and (node.id, type(node.ctx)) == (
                        wanted,
                        ast.Store,
                    ):
                        setattr(node, MARK, ast.literal_eval(call.args[1]))
            else:
                kept.append(statement)
        return kept


class _Wrap(ast.NodeTransformer):
    """Puts the calls of `record` back in."""

    def visit(self, node: ast.AST) -> Any:
        visited = super().visit(node)
        if isinstance(node, ast.Assign):
            return [visited, *_late_records(node)]
        if hasattr(node, "mark") and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return _record(node.mark, visited)
        return visited


def _late_records(node: ast.Assign) -> list[ast.stmt]:
    names = [n for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    marked = [(n.id, getattr(n, "mark", None)) for n in names]
    return [
        ast.Expr(_record(mark, ast.Name(name, ast.Load())))
        for name, mark in marked
        if mark is not None
    ]


def _record(index: int, value: ast.expr) -> ast.Call:
    name = ast.Name("record", ast.Load())
    return ast.Call(name, [ast.Name("self", ast.Load()), ast.Constant(index), value], [])
