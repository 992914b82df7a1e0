"""Running PyTorch programs, keeping every layer's output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.graph import Member, Program, Variable
from mmdnn.frameworks.pytorch.writer import import_torch, instantiate

Arrays = dict[str, np.ndarray]

FOREIGN = frozenset({"bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"})
"""torch's types that numpy has from ml_dtypes."""


def run(program: Program, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Run a program and return the value of each of its variables, by the IR's names.

    Args:
        program: What the exporter made.
        feeds: An array for each input, by name.
    """
    torch = import_torch()
    kept: Arrays = {}
    variables: list[Variable] = []
    blocks: dict[Any, Member] = {}

    def record(variable: Variable, text: str) -> str:
        variables.append(variable)
        return f"record(self, {len(variables) - 1}, {text})"

    def keep(module: Any, index: int, value: Any) -> Any:
        variable = variables[index]
        if module in blocks:
            variable = blocks[module].originals.get(variable, variable)
        if isinstance(value, torch.Tensor):
            for alias in [variable.value, *variable.aliases]:
                if alias is not None:
                    kept[str(alias.name)] = as_numpy(value)
        return value

    module = instantiate(program, codegen.source(program, record=record), record=keep)
    blocks.update({getattr(module, m.name): m for m in program.main.members if m.block})
    inputs = [as_tensor(feeds[str(v.value.name)]) for v in program.main.inputs]  # type: ignore[union-attr]
    with torch.no_grad():
        results = module(*inputs)
    results = results if len(program.main.outputs) > 1 else (results,)
    assert program.model is not None
    for output, result in zip(program.model.graph.outputs, results, strict=True):
        if isinstance(result, torch.Tensor):
            kept[str(output.name)] = as_numpy(result)
    return kept


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
