"""Source code that `mmtocode` made, without running it.

Source code and model file are printed from the same graph, so what is converted is the intermediate
representation that the code was made from; the code, and weights given with it, are only held against
what that gives.
"""

from __future__ import annotations

import ast
import filecmp
import inspect
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmdnn.errors import Error, FormatError, UsageError

if TYPE_CHECKING:
    from mmdnn.opening import Opened
    from mmdnn.registry import Framework

MOST = 32
"""How many other files beside the code are looked at."""


def opened(
    code: Path, weights: Path | None, to: Framework, options: Mapping[str, str] | None = None
) -> Opened:
    """The intermediate representation that source code was made from.

    It is looked for under the weights' name, then the code's, then among the others beside them.

    Args:
        code: Source code.
        weights: Its weights: those of the representation, or those that were made for the code.
        to: For which framework it is.
        options: What that framework's exporter was told.

    Raises:
        FormatError: The code is no Python.
        UsageError: The representation is not there, or gives other code or other weights.
    """
    meaning, names = _read(code)
    names |= {weights.name} if weights is not None else set()
    named = _named(code, weights)
    errors: list[Error] = []
    fitting: list[str] = []
    for path in (*named, *_others(code, weights, named)):
        try:
            found = _opened(path)
            same = meaning in _meanings(found, names, to, options)
        except Error as error:
            errors += [error] if path in named else []
        else:
            if not same:
                continue
            fitting.append(str(path))
            try:
                return _with_weights(found, code, weights, to, options)
            except UsageError as error:
                errors.append(error)
    if errors and len(fitting) <= 1:
        raise errors[0]
    raise _refusal(code, weights, named, fitting, to)


def _refusal(
    code: Path, weights: Path | None, named: list[Path], fitting: list[str], to: Framework
) -> UsageError:
    """Why there is nothing that the code was made from."""
    if len(fitting) > 1:
        return UsageError(
            f"holds the weights of none of {', '.join(fitting)}, each of which gives {code}",
            file=weights,
            hint=f"Save the model from {to.title}, where the code runs.",
        )
    if named:
        return UsageError(
            f"was changed after it was generated, or is of another model than {named[0]}; it would have "
            "to be run to become a model file",
            file=code,
            hint="Save the model from Python, or give the unchanged NAME.pb in place of the code.",
        )
    return UsageError(
        f"is source code, which would have to be run; the intermediate representation it was made "
        f"from, {(weights or code).with_suffix('.pb')}, is not there",
        file=code,
        hint="Give that, NAME.pb and NAME.npy, in place of the code.",
    )


def _named(code: Path, weights: Path | None) -> list[Path]:
    paths = [path.with_suffix(".pb") for path in (weights, code) if path is not None]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def _others(code: Path, weights: Path | None, named: list[Path]) -> Iterator[Path]:
    folders = dict.fromkeys(path.parent for path in (weights, code) if path is not None)
    paths = [path for folder in folders for path in sorted(folder.glob("*.pb"))[:MOST]]
    yield from (path for path in paths if path not in named and path.is_file())


def _opened(path: Path) -> Opened:
    from mmdnn import opening

    return opening.open_model([path])


def _read(code: Path) -> tuple[str, set[str]]:
    """What the code means, and the files that are defaults of its functions: it may load its weights."""
    if not code.is_file():
        raise UsageError("there is no such file", file=code)
    try:
        text = code.read_text(encoding="utf-8-sig")
        defaults = (each for n in ast.walk(ast.parse(text)) for each in getattr(n, "defaults", ()))
        known = {node.value for node in defaults if isinstance(node, ast.Constant)}
        return _meaning(text), {name for name in known if isinstance(name, str) and "." in name}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"is no Python source: {error}", file=code) from None


def _meanings(
    found: Opened, names: set[str], to: Framework, options: Mapping[str, str] | None
) -> Iterator[str]:
    """What the representation gives as source code; it may name the file of its weights, one of these."""
    native = to.room("exporter").from_ir(found.model(), **(options or {}))
    source = to.room("codegen").source
    yield _meaning(source(native))
    if "weights" in inspect.signature(source).parameters:
        yield from (_meaning(source(native, weights=name)) for name in sorted(names))


def _meaning(text: str) -> str:
    """A module's syntax tree without its docstring, which names the weights' file."""
    tree = ast.parse(text)
    if ast.get_docstring(tree) is not None:
        del tree.body[0]
    return ast.dump(tree)


def _with_weights(
    found: Opened,
    code: Path,
    weights: Path | None,
    to: Framework,
    options: Mapping[str, str] | None,
) -> Opened:
    """The representation, once the weights are known to be its own or those made from it."""
    found = replace(found, made=(code,) if weights is None else (code, weights))
    if weights is None:
        return found
    if not weights.is_file():
        raise UsageError("there is no such file", file=weights)
    network = found.source.network
    own = None if network is None else network.with_suffix(".npy")
    if own is not None and own.is_file() and own.samefile(weights):
        return found
    from mmdnn import saving
    from mmdnn.outputs import outputs
    from mmdnn.progress import Silent

    with tempfile.TemporaryDirectory(prefix="mmdnn-") as name:
        folder = Path(name)
        made = folder / weights.name
        with outputs() as place:
            saving.write(found.model(), to, folder / code.name, made, place, Silent(), options)
        if made.is_file() and filecmp.cmp(made, weights, shallow=False):
            return found
    raise UsageError(
        f"holds other weights than {network} has, which {code} was made from",
        file=weights,
        hint=f"Save the model from {to.title}, where the code runs.",
    )
