"""Running PyTorch programs, keeping every layer's output."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mmdnn.errors import FormatError, MissingExtraError, UnsupportedError
from mmdnn.frameworks.pytorch import codegen, reader
from mmdnn.frameworks.pytorch._programs import Exported, Script
from mmdnn.frameworks.pytorch.graph import Program
from mmdnn.frameworks.pytorch.writer.weights import LAYERS, import_torch, instantiate, read_layers
from mmdnn.registry import Source
from mmdnn.verify.spill import Values

Arrays = Mapping[str, np.ndarray]

FOREIGN = frozenset(
    {"bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"}
)
"""torch's types that numpy has from ml_dtypes."""


def run(model: Program | Source, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Run a program, or the files of one, and return every layer's output by the IR's names.

    Source code is executed: whoever calls this trusts it.

    Args:
        model: What the exporter made, or source and weights, or a `.pt2` or `.pt` file.
        feeds: An array for each input, by name; by order where the files do not say the names.

    Raises:
        MissingExtraError: torch is not installed.
        FormatError: A file is damaged or does not fit the other.
    """
    return load(model)(feeds)


def load(model: Program | Source) -> Callable[[Mapping[str, np.ndarray]], Arrays]:
    """A program that is loaded once, to be run on several inputs; see `run`."""
    if isinstance(model, Program):
        recorder, module = _load_program(model)
    else:
        assert model.network is not None
        code = model.network.suffix == ".py"
        if not code:
            return _load_whole(model.network)
        recorder, module = _load_source(model.network, model.weights)
    recorder.watch(module)
    return lambda feeds: recorder.run(module, feeds)


def _load_program(program: Program) -> tuple[_Recorder, Any]:
    text, variables = codegen.recorded(program)
    recorder = _Recorder(codegen.layer_map(program, text, variables))
    return recorder, instantiate(program, text, record=recorder)


def _load_source(code: Path, weights: Path | None) -> tuple[_Recorder, Any]:
    torch = import_torch()
    layers = read_layers(weights) if weights is not None else {}
    recorder = _Recorder(layers)
    try:
        tree = codegen.instrument(code.read_text(encoding="utf-8-sig"), layers.get("classes", {}))
        namespace: dict[str, Any] = {"__name__": code.stem, "record": recorder}
        exec(compile(tree, str(code), "exec"), namespace)  # noqa: S102 - the caller trusts it
    except (SyntaxError, ValueError) as error:
        raise FormatError(f"is no Python source: {error}", file=code) from None
    classes = [c for c in namespace.values() if isinstance(c, type) and c.__module__ == code.stem]
    if not classes:
        raise FormatError("defines no class", file=code)
    module = classes[-1]().eval()
    if weights is not None:
        module.load_state_dict(_load_state(torch, weights))
    return recorder, module


def _load_state(torch: Any, weights: Path) -> dict[str, Any]:
    if weights.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError:
            raise MissingExtraError("safetensors", "pytorch") from None
        return dict(load_file(weights))
    return dict(torch.load(weights, weights_only=True))


def _load_whole(file: Path) -> Callable[[Mapping[str, np.ndarray]], Arrays]:
    """A file in one piece; of a program that is not ours, the values have the nodes' names."""
    torch = import_torch()
    extra = {f"{LAYERS}.json": ""}
    exported = isinstance(_checked(file), Exported)
    if exported:
        module = torch.export.load(file, extra_files=extra).module()
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(file), _extra_files=extra)
    layers = json.loads(extra[f"{LAYERS}.json"] or "{}")
    if exported and not layers:
        return lambda feeds: _run_nodes(module, feeds)
    recorder = _Recorder(layers)
    recorder.watch(module)
    return lambda feeds: recorder.run(module, feeds)


_FILES = {"save", "from_file"}
"""Operators that touch files."""


def _checked(file: Path) -> Exported | Script:
    """What a file holds, once nothing in it is seen that would run or unpickle anything.

    Raises:
        UnsupportedError: There is.
    """
    found = reader.read(Source(file))
    for function in found.functions.values() if isinstance(found, Script) else ():
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and node.attr in _FILES:
                raise UnsupportedError(f"its code calls {node.attr}", file=file)
    if isinstance(found, Exported):
        reader.check_samples(file)
    return found


def _run_nodes(module: Any, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Run an exported program node by node; each has its name."""
    torch = import_torch()
    kept = Values()

    class Keeper(torch.fx.Interpreter):  # type: ignore[misc, name-defined]
        def run_node(self, node: Any) -> Any:
            value = super().run_node(node)
            if node.op == "call_function" and _is_tensor(value):
                kept[node.name] = as_numpy(value)
            return value

    places = [node for node in module.graph.nodes if node.op == "placeholder"]
    given = [
        as_tensor(feeds[node.name]) if node.name in feeds else node.meta.get("val")
        for node in places
    ]
    with torch.no_grad():
        results = Keeper(module).run(*given, enable_io_processing=False)
    flat = results if isinstance(results, (tuple, list)) else (results,)
    for place, result in enumerate(each for each in flat if each is not None):
        kept[f"output_{place}"] = as_numpy(result) if _is_tensor(result) else np.asarray(result)
    return kept


class _Recorder:
    """Keeps what `record(self, index, value)` is told, under the names of the map."""

    def __init__(self, layers: dict[str, Any]) -> None:
        self.layers = layers
        self.kept = Values()
        self.paths: dict[Any, str] = {}

    def __call__(self, module: Any, index: int, value: Any) -> Any:
        names = self.layers["names"].get(self.paths.get(module, ""), {})
        if _is_tensor(value):
            for name in names.get(str(index), ()):
                self.kept[name] = as_numpy(value)
        return value

    def _keeper(self, names: list[str]) -> Callable[..., None]:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            for name in names:
                self.kept[name] = as_numpy(output)

        return keep

    def watch(self, module: Any) -> None:
        """Be told of what the module's parts give."""
        self.paths = {part: path for path, part in module.named_modules()}
        for path, names in self.layers.get("modules", {}).items():
            module.get_submodule(path).register_forward_hook(self._keeper(names))

    def run(self, module: Any, feeds: Mapping[str, np.ndarray]) -> Arrays:
        """Run a module that is watched; what it gave by name."""
        torch = import_torch()
        self.kept = Values()
        names = self.layers.get("inputs", list(feeds))
        with torch.no_grad():
            results = module(*[as_tensor(feeds[name]) for name in names])
        if "outputs" not in self.layers:
            results = tuple(_leaves(results))
        results = results if isinstance(results, tuple) else (results,)
        outputs = self.layers.get("outputs", [f"output_{i}" for i in range(len(results))])
        for name, result in zip(outputs, results, strict=True):
            if _is_tensor(result):
                self.kept[name] = as_numpy(result)
            elif isinstance(result, (int, float)):
                self.kept[name] = np.asarray(result)
        return self.kept


def _leaves(value: Any) -> list[Any]:
    """What is in a structure, in order, but None."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in _leaves(each)]
    return [] if value is None else [value]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, import_torch().Tensor)


_WIDTHS = {1: "uint8", 2: "int16"}


def as_numpy(tensor: Any) -> np.ndarray:
    """A tensor as an array of its own memory; numpy's missing types are those of ml_dtypes."""
    torch = import_torch()
    tensor = tensor.detach().cpu()
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in FOREIGN:
        return np.array(tensor.numpy())
    bits = tensor.contiguous().view(getattr(torch, _WIDTHS[tensor.itemsize]))
    return np.array(bits.numpy()).view(np.dtype(getattr(ml_dtypes, name)))


def as_tensor(value: Any) -> Any:
    """An array as a tensor, a list as a list, None as None.

    Raises:
        UnsupportedError: torch has no such type.
    """
    torch = import_torch()
    if value is None or isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (list, tuple)):
        return [as_tensor(item) for item in value]
    array = np.array(value)
    name = array.dtype.name
    if name in FOREIGN:
        bits = torch.from_numpy(array.view(_WIDTHS[array.itemsize]))
        return bits.view(getattr(torch, name))
    if array.dtype.kind not in "biufc":
        raise UnsupportedError(f"torch has no tensors of {name}")
    return torch.from_numpy(array)


def example_inputs(program: Program) -> tuple[Any, ...]:
    """An input for each of the program's, of its dtype and shape; open dimensions are 1."""
    torch = import_torch()
    made = []
    for variable in program.main.inputs:
        shape = [dim if isinstance(dim, int) else 1 for dim in variable.shape or ()]
        dtype = getattr(
            torch, codegen.TORCH_TYPES[variable.dtype.name if variable.dtype else "FLOAT"]
        )
        made.append(torch.zeros(shape, dtype=dtype))
    return tuple(made)
