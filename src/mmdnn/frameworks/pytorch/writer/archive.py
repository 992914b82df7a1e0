"""One self-contained file: `net.pt2` by `torch.export`, `net.pt` by TorchScript.

Open dimensions stay open. What torch has recorded is run beside the module it was recorded from, on
inputs of two sizes, so that nothing is frozen that may vary.
https://docs.pytorch.org/docs/stable/export.html, https://docs.pytorch.org/docs/stable/jit.html
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.graph import Program
from mmdnn.frameworks.pytorch.writer.weights import as_torch, import_torch, instantiate
from mmdnn.python.statements import Statement

SIZES = (2, 3, 5, 16, 33, 512, 4096, 1)
"""What open dimensions are tried with; a network may need big ones."""

RTOL, ATOL = 1e-4, 1e-5

Inputs = tuple[Any, ...]


def write(program: Program, target: Path) -> None:
    """Write a program with its weights as one file that needs no source code.

    Args:
        program: What the exporter made.
        target: A `.pt2` or `.pt` file.

    Raises:
        MissingExtraError: torch is not installed.
        UnsupportedError: torch cannot record the program, or what it records computes something else.
    """
    torch = import_torch()
    module = instantiate(program)
    samples = _samples(program, module)
    if not samples:
        raise UnsupportedError("the program runs on none of the sizes tried", file=target)
    ways = [_export] if target.suffix == ".pt2" else [_trace, _script]
    reasons = []
    for way in ways:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                recorded, save = way(program, module, samples)
                _check(module, recorded, samples)
                save(target)
            return
        except Exception as error:  # noqa: BLE001 - torch raises whatever it likes
            words = str(error).strip().splitlines() or [type(error).__name__]
            reasons.append(f"{way.__name__.strip('_')}: {words[0]}")
    del torch
    raise UnsupportedError(
        "torch cannot put the program into one file: " + "; ".join(reasons),
        file=target,
        hint="Source code with weights (.py) holds every program.",
    )


def _samples(program: Program, module: Any) -> list[Inputs]:
    """Inputs that the module takes, of two sizes where dimensions are open, else of other numbers."""
    torch = import_torch()
    found: list[Inputs] = []
    for size in SIZES:
        inputs = _inputs(program, size)
        try:
            with torch.no_grad():
                module(*inputs)
        except Exception:  # noqa: BLE001, S112 - a size that does not fit
            continue
        found.append(inputs)
        if len(found) == 2:
            break
    return found


def _open(program: Program) -> Iterator[tuple[int, int]]:
    """The open dimensions: input and axis."""
    for index, variable in enumerate(program.main.inputs):
        for axis, dim in enumerate(variable.shape or ()):
            if not isinstance(dim, int):
                yield index, axis


def _inputs(program: Program, size: int) -> Inputs:
    torch = import_torch()
    generator = torch.Generator().manual_seed(size)
    made = []
    for variable in program.main.inputs:
        if variable.shape is None or variable.dtype is None:
            raise UnsupportedError(f"the type or rank of the input '{variable.hint}' is not known")
        shape = [dim if isinstance(dim, int) else size for dim in variable.shape]
        dtype = getattr(torch, codegen.TORCH_TYPES[variable.dtype.name])
        if dtype.is_floating_point:
            made.append(torch.randn(shape, generator=generator).to(dtype))
        else:
            made.append(torch.ones(shape, dtype=dtype))
    return tuple(made)


def _has_branches(statements: list[Statement]) -> bool:
    return any(statement.bodies for statement in statements)


def _export(
    program: Program, module: Any, samples: list[Inputs]
) -> tuple[Any, Callable[[Path], Any]]:
    torch = import_torch()
    dynamic: list[dict[int, Any]] = [{} for _ in program.main.inputs]
    for index, axis in _open(program):
        dynamic[index][axis] = torch.export.Dim.AUTO
    exported = torch.export.export(module, samples[0], dynamic_shapes=tuple(dynamic))
    return exported.module(), lambda target: torch.export.save(exported, target)


def _trace(
    program: Program, module: Any, samples: list[Inputs]
) -> tuple[Any, Callable[[Path], Any]]:
    torch = import_torch()
    if _has_branches(program.main.statements):
        raise UnsupportedError("the program has branches or loops")
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)  # it would freeze what it met
        traced = torch.jit.trace(module, samples[0], check_trace=False)
    return traced, lambda target: torch.jit.save(traced, str(target))


def _script(
    program: Program, module: Any, samples: list[Inputs]
) -> tuple[Any, Callable[[Path], Any]]:
    """TorchScript from the source, which must lie in a file for that."""
    del module, samples
    torch = import_torch()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "generated.py"
        path.write_text(codegen.source(program), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("mmdnn_generated", path)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        live = getattr(loaded, program.main.name)()
        live.load_state_dict({name: as_torch(tensor) for name, tensor in program.state()})
        scripted = torch.jit.script(live.eval())
    return scripted, lambda target: torch.jit.save(scripted, str(target))


def _check(module: Any, recorded: Any, samples: list[Inputs]) -> None:
    torch = import_torch()
    for inputs in samples:
        with torch.no_grad():
            wanted, found = module(*inputs), recorded(*inputs)
        torch.testing.assert_close(found, wanted, rtol=RTOL, atol=ATOL, equal_nan=True)
