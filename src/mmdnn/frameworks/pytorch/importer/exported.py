"""Running an exported program on its way in: its nodes one after the other.

Sizes that are symbols there have those names here. What is mutated besides its outputs (buffers, inputs) is
not returned. https://docs.pytorch.org/docs/stable/export/ir_spec.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Exported
from mmdnn.frameworks.pytorch.importer import control_flow, numbers
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.higher_order import higher_order
from mmdnn.frameworks.pytorch.importer.table import GraphImporter, importer
from mmdnn.frameworks.pytorch.reader.exported import dtype
from mmdnn.ir.builder import Dimension
from mmdnn.shapes import OpenShape

_MUTATIONS = ("buffer_mutation", "user_input_mutation", "parameter_mutation", "token")


def run(program: Exported, graph: GraphImporter) -> list[Tensor]:
    """The user's outputs."""
    _check(program, graph)
    runner = Runner(graph, program.graph)
    names = [_name(each) for each in program.graph["inputs"]]
    specs = program.signature["input_specs"]
    graph.reserve(node["name"] for node in program.graph["nodes"] if node.get("name"))
    shapes = program.files.shapes_of(_user_inputs(program))
    users_first = sorted(
        zip(names, specs, strict=True), key=lambda pair: "user_input" not in pair[1]
    )
    for name, spec in users_first:
        (kind, said), *_ = spec.items()
        runner.values[name] = _input(program, graph, kind, said, name, shapes)
    runner.nodes()
    outputs = []
    for spec, argument in zip(
        program.signature["output_specs"], program.graph["outputs"], strict=True
    ):
        if not spec.keys() & set(_MUTATIONS):
            outputs.append(runner.argument(argument))
    return [
        each if isinstance(each, Tensor) else Tensor(control_flow.as_value(graph, each))
        for each in outputs
        if each is not None and not isinstance(each, str)
    ]


def _name(argument: Mapping[str, Any]) -> str:
    (_, said), *_ = argument.items()
    return str(said.get("name", said.get("as_name", ""))) if isinstance(said, dict) else ""


def _user_inputs(program: Exported) -> list[str]:
    return [
        _name(spec["user_input"]["arg"])
        for spec in program.signature["input_specs"]
        if "user_input" in spec and "as_tensor" in spec["user_input"]["arg"]
    ]


def shapes(program: Exported) -> dict[str, OpenShape | None]:
    """The shapes of the inputs, None where a size is open."""
    metas = program.graph["tensor_values"]
    return {
        name: tuple(size.get("as_int") for size in metas[name]["sizes"])
        for name in _user_inputs(program)
    }


def _input(
    program: Exported, graph: GraphImporter, kind: str, said: Mapping[str, Any], name: str,
    shapes: Mapping[str, Sequence[Dimension]],
) -> Any:  # fmt: skip
    """The value of one input: a weight, a user's tensor, a number."""
    keys = {"parameter": "parameter_name", "buffer": "buffer_name"}
    keys["tensor_constant"] = "tensor_constant_name"
    if kind in keys:
        key = said[keys[kind]]
        if key not in program.tensors:
            raise FormatError(f"there is no tensor '{key}'", file=program.files.network)
        return graph.weight(program.tensors[key], key)
    if kind == "constant_input":
        (form, value), *_ = said["value"].items()
        return None if form == "as_none" else value
    if kind == "user_input" and "as_tensor" in said["arg"]:
        meta = program.graph["tensor_values"][name]
        dims = shapes.get(name) or [dimension(size) for size in meta["sizes"]]
        value = graph.builder.input(name, dims, dtype(meta["dtype"]))
        graph.named.add(value)
        return Tensor(value)
    if kind == "user_input" and "as_none" in said["arg"]:
        return None
    raise UnsupportedError(f"its input '{name}' is a {kind}", file=program.files.network)


def dimension(size: Mapping[str, Any]) -> Dimension:
    """A size of a file: a number, or its symbol."""
    if "as_int" in size:
        return int(size["as_int"])
    text = str(size["as_expr"]["expr_str"])
    return text if text.isidentifier() else None


def _check(program: Exported, graph: GraphImporter) -> None:
    layers = []
    for node in _nodes(program.graph):
        name, _ = _target(node)
        if name is not None:
            plain = name[:-1] if name.endswith("_") and not name.endswith("__") else name
            layers.append((plain, str(node.get("name") or name)))
    importer.check(layers, graph.file)


def _nodes(graph: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node in graph["nodes"]:
        yield node
        for each in node["inputs"]:
            if "as_graph" in each["arg"]:
                yield from _nodes(each["arg"]["as_graph"]["graph"])


def _target(node: Mapping[str, Any]) -> tuple[str | None, str]:
    """The operator and overload of a node; None of what is no operator of a namespace."""
    target = str(node["target"])
    if not target.startswith("torch.ops.") or target.startswith("torch.ops.higher_order."):
        return None, target
    namespace, name, which = target.removeprefix("torch.ops.").split(".")
    name = name if namespace == "aten" else f"{namespace}::{name}"
    return name, "" if which == "default" else which


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "as_tensor": lambda v: v["name"],
    "as_dtype": dtype,
}


class Runner:
    """Runs a graph, or one within a node of it.

    Attributes:
        graph: What it becomes.
        program: The graph's JSON.
        values: What is known, by name.
    """

    def __init__(self, graph: GraphImporter, program: Mapping[str, Any]) -> None:
        self.graph = graph
        self.program = program
        self.values: dict[str, Any] = {}

    def nodes(self) -> None:
        """Run all nodes."""
        for node in self.program["nodes"]:
            layer, type_ = _layer(node)
            with self.graph.builder.layer(layer, type_):
                found = self._run(node)
            self._store(node["outputs"], found)

    def inner(self, program: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """What a graph within this one returns for some inputs."""
        runner = Runner(self.graph, program)
        names = [_name(each) for each in program["inputs"]]
        runner.values.update(zip(names, given, strict=True))
        runner.nodes()
        return [runner.argument(each) for each in program["outputs"]]

    def _run(self, node: Mapping[str, Any]) -> Any:
        name, which = _target(node)
        args, kwargs = [], {}
        for each in node["inputs"]:
            value = self.argument(each["arg"])
            if each.get("kind", 1) == 2:
                kwargs[each["name"]] = value
            else:
                args.append(value)
        if name is None:
            if which.startswith("torch.ops.higher_order."):
                return higher_order(self, which.rpartition(".")[2], args, node)
            return numbers.call(self.graph, which, args)
        if which == "" and args == [] and name == "sym_size":
            raise FormatError("a size of nothing", file=self.graph.file)
        by_name = {each["name"]: value for each, value in zip(node["inputs"], args, strict=False)}
        if all(each.get("kind", 1) == 1 and each["name"] for each in node["inputs"]):
            return self.graph.call(name, [], by_name, which)
        positional = [e for e in node["inputs"] if e.get("kind", 1) == 1]
        named = {e["name"]: v for e, v in zip(positional, args, strict=True)}
        return self.graph.call(name, [], {**named, **kwargs}, which)

    def argument(self, argument: Mapping[str, Any]) -> Any:
        """The value of an argument."""
        (kind, said), *_ = argument.items()
        match kind:
            case "as_none":
                return None
            case "as_tensor":
                return self._value(said["name"])
            case "as_tensors":
                return [self._value(each["name"]) for each in said]
            case "as_optional_tensors" | "as_nested_tensors":
                return [self._optional(each) for each in said]
            case "as_sym_int" | "as_sym_bool" | "as_sym_float":
                return self._symbol(said)
            case "as_sym_ints" | "as_sym_floats":
                return [self._symbol(each) for each in said]
            case "as_float" | "as_floats":
                return [float(x) for x in said] if isinstance(said, list) else float(said)
            case "as_scalar_type":
                return dtype(said)
            case "as_int" | "as_ints" | "as_bool" | "as_bools" | "as_string" | "as_strings":
                return said
            case "as_memory_format" | "as_layout" | "as_device":
                return None
            case "as_graph":
                return said["graph"]
            case "as_int_lists":
                return said
        raise UnsupportedError(f"an argument of it is {kind}", file=self.graph.file)

    def _optional(self, said: Any) -> Any:
        if isinstance(said, list):
            return [self._optional(each) for each in said]
        if "name" in said:
            return self._value(said["name"])
        return self.argument(said)

    def _symbol(self, said: Mapping[str, Any]) -> Any:
        (kind, value), *_ = said.items()
        return self._value(value) if kind == "as_name" else value

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise FormatError(f"there is no value '{name}'", file=self.graph.file)
        return self.values[name]

    def _store(self, outputs: Sequence[Mapping[str, Any]], found: Any) -> None:
        if len(outputs) == 1:
            (kind, said), *_ = outputs[0].items()
            if kind in {"as_tensors", "as_optional_tensors", "as_sym_ints"}:
                for each, value in zip(said, found, strict=True):
                    self._keep(each.get("name") or each.get("as_name", ""), value)
                return
            found = found[0] if isinstance(found, list) and len(found) == 1 else found
            self._keep(_name(outputs[0]), found)
            return
        for each, value in zip(outputs, found or [], strict=False):
            self._keep(_name(each), value)

    def _keep(self, name: str, value: Any) -> None:
        self.values[name] = value
        if isinstance(value, Tensor) and name:
            made = value.value
            producer = made.producer()
            inner = producer is not None and producer.graph is self.graph.root.graph
            if inner and made not in self.graph.named:
                self.graph.rename(made, name)
            self._open(name, made)

    def _open(self, name: str, value: ir.Value) -> None:
        """Symbols of the file for sizes that inference has not named."""
        meta = self.program.get("tensor_values", {}).get(name)
        if meta is None:
            return
        said = [dimension(size) for size in meta["sizes"]]
        if value.shape is None:
            value.shape = ir.Shape(said)
        elif len(value.shape) == len(said):
            known = [
                d if isinstance(d, int) else d.value or s
                for d, s in zip(value.shape, said, strict=True)
            ]
            value.shape = ir.Shape(
                [s if isinstance(s, int) else k for k, s in zip(known, said, strict=True)]
            )


def _layer(node: Mapping[str, Any]) -> tuple[str, str]:
    """The module that a node comes from, and its class; of what several give, the node's own name."""
    stack = (node.get("metadata") or {}).get("nn_module_stack") or ""
    name = str(node.get("name") or node["target"])
    parts = [part for part in stack.split(";") if part.count(",") >= 2]
    if not parts:
        return name, str(node["target"]).split(".")[-2]
    _, path, type_ = parts[-1].rsplit(",", 2) if parts[-1].count(",") == 2 else ("", "", "")
    if type_.startswith("torch.nn.modules") and path:
        return path.removeprefix("L['self'].").removeprefix("self."), type_.rpartition(".")[2]
    return (f"{path}.{name}" if path else name), str(node["target"]).split(".")[-2]
