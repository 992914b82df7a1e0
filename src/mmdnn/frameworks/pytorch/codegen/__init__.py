"""PyTorch source code: what an engineer would write by hand and keep."""

from __future__ import annotations

import re

from mmdnn.frameworks.pytorch.codegen.layers import Map, instrument, layer_map
from mmdnn.frameworks.pytorch.codegen.printing import print_module
from mmdnn.frameworks.pytorch.graph import TORCH_TYPES, Program, Variable
from mmdnn.python.expressions import Record
from mmdnn.python.literals import docstring, string

__all__ = ["TORCH_TYPES", "instrument", "layer_map", "layers", "recorded", "source"]


def recorded(program: Program) -> tuple[str, list[Variable]]:
    """The source with every expression `record(self, index, expression)`, and the variables by index."""
    variables: list[Variable] = []

    def record(variable: Variable, text: str) -> str:
        variables.append(variable)
        return f"record(self, {len(variables) - 1}, {text})"

    return source(program, record=record), variables


def layers(program: Program) -> Map:
    """The map from the source's expressions to the IR's values; see `layer_map`."""
    return layer_map(program, *recorded(program))


def source(program: Program, *, weights: str = "", record: Record | None = None) -> str:
    """The source of a program: one file, importable with nothing but torch.

    Args:
        program: What the exporter made.
        weights: The file name of the weights, for the words at the top.
        record: See `print_module`.
    """
    blocks = [print_module(block, record) for block in program.blocks]
    main = print_module(program.main, record)
    body = "\n\n\n".join("\n".join(lines) for lines in [*blocks, main])
    helpers = _helpers(program)
    text = f"{helpers}\n\n\n{body}" if helpers else body
    return f"{_header(program, weights)}\n\n{_imports(text)}\n\n\n{text}\n"


def _header(program: Program, weights: str) -> str:
    name = program.main.name
    if not weights:
        return f'"""{name}, a PyTorch module."""'
    safe = weights.endswith(".safetensors")
    load = f"{'safetensors.torch.load_file' if safe else 'torch.load'}({string(weights)})"
    lines = [
        f"{name}, a PyTorch module.",
        "",
        f"model = {name}()",
        f"model.load_state_dict({load})",
    ]
    return docstring("\n".join(lines))


def _imports(text: str) -> str:
    plain = [f"import {name}" for name in ("math",) if re.search(rf"\b{name}\.", text)]
    lines = ["import torch"] if re.search(r"(?<![\w.])torch\.", text) else []
    lines += ["import torch.nn.functional as F"] if re.search(r"\bF\.", text) else []
    lines += ["from torch import nn"]
    return "\n".join([*plain, *([""] if plain else []), *lines])


def _helpers(program: Program) -> str:
    if not program.helpers:
        return ""
    from mmdnn.frameworks.pytorch.codegen.helpers import sources

    return "\n\n\n".join(sources(program.helpers))
