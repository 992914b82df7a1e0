"""Running TorchScript on its way in: its code is data, each node of the syntax tree being read here.

What Python decides (ranks, options, lists, loops over known numbers) is decided; what the numbers of
tensors decide becomes If and Loop. https://docs.pytorch.org/docs/stable/jit_language_reference.html
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Instance, Sample, Script, Stored
from mmdnn.frameworks.pytorch.importer import control_flow, scalars
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.control_flow import Nothing
from mmdnn.frameworks.pytorch.importer.table import GraphImporter
from mmdnn.shapes import OpenShape

MOST_STEPS = 1 << 20
"""Statements that are run at most."""
MOST_NESTED = 150


def _inputs(program: Script) -> list[ast.arg]:
    return _forward(program).args.args[1:]


def _forward(program: Script) -> ast.FunctionDef:
    found = program.functions.get(f"{program.root.type}.forward")
    if found is None:
        raise FormatError("its module has no forward", file=program.files.network)
    return found


def shapes(program: Script) -> dict[str, OpenShape | None]:
    """The shapes of the inputs that it was traced with."""
    names = [arg.arg for arg in _inputs(program)]
    samples = control_flow.flattened(program.samples)
    known = [each.shape if isinstance(each, Sample) else None for each in samples]
    return dict(zip(names, known, strict=False)) if known else dict.fromkeys(names)


def run(program: Script, graph: GraphImporter) -> list[Tensor]:
    """The outputs of `forward`.

    Raises:
        ShapeError: No file says the shape of an input.
    """
    runner = Runner(program, graph)
    given = _given(program, graph)
    found = runner.call(f"{program.root.type}.forward", [program.root, *given])
    return [
        leaf if isinstance(leaf, Tensor) else Tensor(control_flow.as_value(graph, leaf))
        for leaf in control_flow.flattened(found)
        if leaf is not None
    ]


def _given(program: Script, graph: GraphImporter) -> list[Any]:
    """The inputs, in the structures that `forward` wants."""
    arguments, defaults = _inputs(program), _forward(program).args.defaults
    samples: list[Any] = list(program.samples)
    names: list[str] = []
    forms = []
    count = max(len(program.files.input_shapes) - len(arguments) + 1, 1)
    for place, argument in enumerate(arguments):
        sample = samples[place] if place < len(samples) else None
        text = ast.unparse(argument.annotation) if argument.annotation is not None else "Tensor"
        forms.append(_form(argument.arg, text, sample, names, count))
    said = program.files.shapes_of(names)
    given: list[Any] = []
    for place, form in enumerate(forms):
        optional = place >= len(arguments) - len(defaults)
        wanted = [name for name, _ in _leaves(form)]
        if (
            optional
            and not any(name in said for name in wanted)
            and not any(s for _, s in _leaves(form))
        ):
            break
        given.append(_filled(form, program, graph, said))
    return given


def _form(name: str, text: str, sample: Any, names: list[str], count: int) -> Any:
    """A leaf (name, sample) for a tensor, a tuple of forms for a tuple."""
    text = (
        text.removeprefix("Optional[").removesuffix("]") if text.startswith("Optional[") else text
    )
    if text.startswith(("Tuple[", "List[Tensor")) or isinstance(sample, (tuple, list)):
        items = _split(text[text.index("[") + 1 : -1]) if "[" in text else []
        if text.startswith("List"):
            items = ["Tensor"] * (len(sample) if isinstance(sample, (list, tuple)) else count)
        parts = list(sample) if isinstance(sample, (tuple, list)) else [None] * len(items)
        kind = list if text.startswith("List") else tuple
        return kind(
            _form(f"{name}_{i}", t, s, names, count)
            for i, (t, s) in enumerate(zip(items, parts, strict=False))
        )
    if text not in {"Tensor"}:
        return _Option(name, text)
    names.append(name)
    return _Leaf(name, sample)


class _Leaf(tuple[str, Any]):
    """An input that is a tensor."""

    def __new__(cls, name: str, sample: Any) -> _Leaf:
        return super().__new__(cls, (name, sample))


class _Option:
    """An input that is no tensor."""

    def __init__(self, name: str, type_: str) -> None:
        self.name, self.type = name, type_


def _leaves(form: Any) -> list[Any]:
    if isinstance(form, _Leaf):
        return [form]
    return (
        [leaf for each in form for leaf in _leaves(each)] if isinstance(form, (tuple, list)) else []
    )


def _split(text: str) -> list[str]:
    found, depth = [""], 0
    for char in text:
        depth += {"[": 1, "]": -1}.get(char, 0)
        if char == "," and not depth:
            found.append("")
        else:
            found[-1] += char
    return [each.strip() for each in found]


def _filled(form: Any, program: Script, graph: GraphImporter, said: Mapping[str, Any]) -> Any:
    if isinstance(form, _Option):
        raise UnsupportedError(
            f"its input '{form.name}' is a {form.type}, no tensor", file=program.files.network
        )
    if not isinstance(form, _Leaf):
        return type(form)(_filled(each, program, graph, said) for each in form)
    name, sample = form
    shape = said.get(name) or (sample.shape if isinstance(sample, Sample) else None)
    if shape is None and name in said:
        shape = ()
    if shape is None:
        raise ShapeError(
            f"no file says the shape of the input '{name}'",
            file=program.files.network,
            hint=f"Give it with --inputShape {name}:1,3,224,224 (or whatever it is).",
        )
    dims = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape)]
    kind = graph.integers_wanted.get(name) or (
        sample.dtype if isinstance(sample, Sample) else ir.DataType.FLOAT
    )
    value = graph.builder.input(name, dims, kind)
    graph.named.add(value)
    return Tensor(value)


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


class Function:
    """A function of the archive, as a value."""

    def __init__(self, name: str) -> None:
        self.name = name


class Frame:
    """A function that runs.

    Attributes:
        runner: What runs it.
        variables: Its local variables.
    """

    def __init__(self, runner: Runner, variables: dict[str, Any]) -> None:
        self.runner = runner
        self.graph = runner.graph
        self.variables = variables

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

    def value(self, node: ast.expr) -> Any:
        """The value of an expression."""
        method = _EXPRESSIONS.get(type(node))
        if method is None:
            raise FormatError(f"its code has a {type(node).__name__}", file=self.graph.file)
        return method(self, node)

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

    def _variable(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in _NAMES:
            return _NAMES[node.id]
        raise FormatError(f"there is no variable {node.id}", file=self.graph.file)

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "CONSTANTS":
            return self._constant(int(node.attr[1:]))
        path = _path(node)
        if path[:1] == ["__torch__"]:
            return Function(".".join(path))
        owner = self.value(node.value)
        return self._member(owner, node.attr)

    def _constant(self, place: int) -> Any:
        """A constant; of rank 0, its number is known."""
        value = self.runner.program.constants[place]
        if not isinstance(value, Stored) or value.tensor.shape.rank():
            return self._held(value, f"constant_{place}")
        found = scalars.Counted(self.graph, value.tensor.numpy())
        if found.number.dtype == np.float64:
            found.wrapped = float(found.number)
        return found

    def _member(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Tensor):
            return scalars.attribute(self.graph, owner, name)
        if not isinstance(owner, Instance):
            raise FormatError(f"a {type(owner).__name__} has no {name}", file=self.graph.file)
        if name in owner.attributes:
            path = f"{owner.path}.{name}" if owner.path else name
            return self._held(owner.attributes[name], path)
        described = self.runner.program.classes.get(owner.type)
        for part in described.body if described is not None else ():
            if (
                isinstance(part, ast.AnnAssign)
                and part.value is not None
                and ast.unparse(part.target) == name
            ):
                return self.value(part.value)
        raise FormatError(f"a {owner.type} has no {name}", file=self.graph.file)

    def _held(self, value: Any, name: str) -> Any:
        """An attribute: tensors of the file as weights."""
        if isinstance(value, Stored):
            return self.graph.weight(value, str(value.tensor.name or name))
        if isinstance(value, (list, tuple)) and any(isinstance(x, Stored) for x in value):
            return type(value)(self._held(x, f"{name}.{i}") for i, x in enumerate(value))
        return value

    def _subscript(self, node: ast.Subscript) -> Any:
        owner, index = self.value(node.value), self.value(node.slice)
        if isinstance(owner, Instance):
            return list(owner.attributes.values())[index]
        try:
            return owner[index]
        except (KeyError, IndexError, TypeError):
            raise FormatError(f"there is no [{index}]", file=self.graph.file) from None

    def _negative(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, ast.Not):
            return not value
        raise FormatError("its code has an operator", file=self.graph.file)

    def _dict(self, node: ast.Dict) -> Any:
        keys = [self.value(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(self.value, node.values), strict=True))

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and isinstance(
            self.variables.get(node.func.id), Function
        ):
            return self._function(self.variables[node.func.id].name, *self._arguments(node))
        if isinstance(node.func, ast.Name):
            return self._builtin(node.func.id, node)
        if not isinstance(node.func, ast.Attribute):
            raise FormatError("its code calls an expression", file=self.graph.file)
        path = _path(node.func)
        root = path[0] if path else ""
        if root in {"torch", "ops", "__torch__"} and root not in self.variables:
            args, kwargs = self._arguments(node)
            if root == "__torch__":
                return self._function(".".join(path), args, kwargs)
            return self._operator(path, args, kwargs)
        owner = self.value(node.func.value)
        args, kwargs = self._arguments(node)
        if isinstance(owner, Instance):
            return self._method(owner, node.func.attr, args, kwargs)
        raise FormatError(
            f"it calls {node.func.attr} of a {type(owner).__name__}", file=self.graph.file
        )

    def _arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        kwargs = {str(each.arg): self.value(each.value) for each in node.keywords}
        return [self.value(each) for each in node.args], kwargs

    def _method(self, owner: Instance, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        type_ = owner.type.rpartition(".")[2]
        with self.graph.builder.layer(owner.path or "forward", type_):
            return self.runner.call(f"{owner.type}.{name}", [owner, *args], kwargs)

    def _function(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        described = self.runner.program.classes.get(name)
        if described is None:
            return self.runner.call(name, args, kwargs)
        fields = [ast.unparse(p.target) for p in described.body if isinstance(p, ast.AnnAssign)]
        return Instance(name, dict(zip(fields, args, strict=False)) | kwargs)

    def _operator(self, path: Sequence[str], args: list[Any], kwargs: dict[str, Any]) -> Any:
        name = path[-1]
        if path[0] == "ops" and path[1] == "prim":
            return scalars.prim(self.graph, name, args)
        if path[0] == "ops" and path[1] != "aten":
            name = f"{path[1]}::{name}"
        return scalars.call(self.graph, name, args, kwargs)

    def _builtin(self, name: str, node: ast.Call) -> Any:
        if name in {"annotate", "unchecked_cast"}:
            value, kind = self.value(node.args[1]), ast.unparse(node.args[0])
            return scalars.implied(self.graph, value, kind) if isinstance(value, Tensor) else value
        if name == "uninitialized":
            return Nothing()
        args, _ = self._arguments(node)
        if name == "getattr":
            return self._member(args[0], args[1])
        if name in {"int", "float", "bool"}:
            return scalars.number(
                self.graph, args[0], {"int": int, "float": float, "bool": bool}[name]
            )
        if name == "range":
            if any(isinstance(each, ir.Value) for each in args):
                raise UnsupportedError(
                    "it loops over what is known when it runs", file=self.graph.file
                )
            return range(*args)
        raise FormatError(f"its code calls {name}", file=self.graph.file)


def _path(node: ast.expr) -> list[str]:
    """The names of a dotted path; none of another expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = _path(node.value)
        return [*before, node.attr] if before else []
    return []


def _assigned(body: Sequence[ast.stmt]) -> list[str]:
    """The variables that statements set."""
    found: dict[str, None] = {}
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = None
    return list(found)


_NAMES: dict[str, Any] = {
    "inf": math.inf,
    "nan": math.nan,
    "None": None,
    "True": True,
    "False": False,
}
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
_EXPRESSIONS: dict[type, Callable[[Frame, Any], Any]] = {
    ast.Name: Frame._variable,
    ast.Constant: lambda _frame, node: node.value,
    ast.Attribute: Frame._attribute,
    ast.Subscript: Frame._subscript,
    ast.UnaryOp: Frame._negative,
    ast.Call: Frame._call,
    ast.List: lambda frame, node: [frame.value(each) for each in node.elts],
    ast.Tuple: lambda frame, node: tuple(frame.value(each) for each in node.elts),
    ast.Dict: Frame._dict,
}
