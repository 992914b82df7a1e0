"""Running PyTorch programs, keeping every layer's output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.graph import Program, Variable
from mmdnn.frameworks.pytorch.writer import import_torch, instantiate

Arrays = dict[str, np.ndarray]


def run(program: Program, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Run a program and return the value of each of its variables, by the IR's names.

    Args:
        program: What the exporter made.
        feeds: An array for each input, by name.
    """
    torch = import_torch()
    kept: Arrays = {}
    variables: dict[str, Variable] = {}

    def record(variable: Variable, text: str) -> str:
        if variable.value is None:
            return text
        variables[str(variable.value.name)] = variable
        return f"record({str(variable.value.name)!r}, {text})"

    def keep(name: str, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            array = as_numpy(value)
            for alias in [variables[name].value, *variables[name].aliases]:
                kept[str(alias.name)] = array  # type: ignore[union-attr]
        return value

    module = instantiate(program, codegen.source(program, record=record), record=keep)
    inputs = [torch.from_numpy(np.array(feeds[str(v.value.name)])) for v in program.main.inputs]  # type: ignore[union-attr]
    with torch.no_grad():
        results = module(*inputs)
    results = results if len(program.main.outputs) > 1 else (results,)
    assert program.model is not None
    for output, result in zip(program.model.graph.outputs, results, strict=True):
        if isinstance(result, torch.Tensor):
            kept[str(output.name)] = as_numpy(result)
    return kept


def as_numpy(tensor: Any) -> np.ndarray:
    """A tensor as an array of its own memory."""
    return np.array(tensor.detach().cpu().numpy())


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
