"""The inputs of TorchScript, in the structures that `forward` wants.

The user says their shapes, or the trace that was made.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Sample, Script
from mmdnn.frameworks.pytorch.importer import control_flow
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.table import GraphImporter
from mmdnn.shapes import OpenShape


def parameters(program: Script) -> list[ast.arg]:
    return forward(program).args.args[1:]


def forward(program: Script) -> ast.FunctionDef:
    found = program.functions.get(f"{program.root.type}.forward")
    if found is None:
        raise FormatError("its module has no forward", file=program.files.network)
    return found


def shapes(program: Script) -> dict[str, OpenShape | None]:
    """The shapes of the inputs that it was traced with."""
    names = [arg.arg for arg in parameters(program)]
    samples = control_flow.flattened(program.samples)
    known = [each.shape if isinstance(each, Sample) else None for each in samples]
    return dict(zip(names, known, strict=False)) if known else dict.fromkeys(names)


def given_to(program: Script, graph: GraphImporter) -> list[Any]:
    """The inputs, in the structures that `forward` wants."""
    arguments, defaults = parameters(program), forward(program).args.defaults
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
