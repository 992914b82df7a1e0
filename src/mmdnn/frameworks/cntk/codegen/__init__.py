"""Python source that builds a CNTK model, as a person would write it.

The source has a function for the network, with CNTK's own layers where blocks are these, one that reads
the weights, and one that trains. It needs CNTK and numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.codegen import training
from mmdnn.frameworks.cntk.codegen.network import Network
from mmdnn.frameworks.cntk.codegen.printing import Scope, print_body, returned
from mmdnn.frameworks.cntk.codegen.units import Folding, Unit
from mmdnn.frameworks.cntk.codegen.weights import load
from mmdnn.frameworks.cntk.graph import Model
from mmdnn.ir.storage.files import write_record
from mmdnn.python import arrays
from mmdnn.python.layout import lay_out
from mmdnn.python.literals import docstring, string

_RESTORED = '''def restored(layer, weights, *inputs):
    """What a layer gives, with these weights as its parameters and statistics."""
    output = layer(*inputs)
    variables = {one.name: one for one in layer.parameters + layer.constants}
    for name, value in weights.items():
        variables[name].value = value
    return output'''


def source(model: Model, *, weights: str = "") -> str:
    """A module's text.

    Args:
        model: What the exporter made, or the reader read.
        weights: The name of the file with its parameters, for the module's docstring.

    Raises:
        UnsupportedError: CNTK's Python has no function for a part of it.
    """
    network, found, folding = _prepared(model)
    tensors = network.weights.tensors
    parts = [_RESTORED] if network.restores else []
    parts += ["\n".join(_unit(one, folding.taken)) for one in folding.units]
    parts.append("\n".join(_network(network, found, folding)))
    parts += [load(tensors, trains=bool(found))] if tensors else []
    parts += [training.FIT] if found else []
    body = "\n\n\n".join(parts)
    about = "A network for CNTK."
    if weights and tensors:
        about += f"\n\nIts weights are in {weights}:\n\n    z = load({string(weights)})"
    imports = "import cntk as C" + ("\nimport numpy as np" if "np." in body else "")
    return f"{docstring(about)}\n\n{imports}\n\n\n{body}\n"


def _prepared(model: Model) -> tuple[Network, list[training.Loss], Folding]:
    network = Network(model)
    found = training.losses(model) if network.weights.tensors else []
    kept = [*network.results, *(loss.source for loss in found)]
    folding = Folding(network.statements, kept, network.weights)
    folding.run()
    return network, found, folding


def _unit(unit: Unit, taken: set[str]) -> Iterator[str]:
    names = {*taken, *(one.name for one in unit.parameters)}
    scope = Scope(names, None if unit.root is None else unit.root.group)
    given = [scope.name(unit.x, "x"), *(["weights"] if unit.root else [])]
    given += [one.declared for one in unit.parameters]
    result = unit.body[-1].target
    yield from lay_out(f"def {unit.name}({', '.join(given)}):")
    yield docstring(unit.about, 4)
    yield from print_body(unit.body, [result], scope, 4)
    yield from returned([result], scope, 4)


def _network(network: Network, found: list[training.Loss], folding: Folding) -> list[str]:
    parameters = ["weights"] if network.weights.tensors else []
    parameters += ["train=False"] if found else []
    scope = Scope(set(folding.taken))
    kept = folding.results
    about = "The network as a function."
    if found:
        about = "The network as a function; to train it, with its loss and its error."
    lines = [f"def network({', '.join(parameters)}):", docstring(about, 4)]
    lines += print_body(network.statements, kept, scope, 4)
    if found:
        lines += training.statements(found, network.results, scope)
    return lines + returned(network.results, scope, 4)


def save(
    model: Model,
    target: Path,
    *,
    weights: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Path]:
    """Write a module and, where it does not read those it was made from, its weights.

    Args:
        model: What the exporter made, or the reader read.
        target: The module.
        weights: The file of the weights, `net_weights.npy` for `net.py` unless given.
        progress: Told of the bytes of weights written.

    Returns:
        The files written, the module first.

    Raises:
        UnsupportedError: CNTK's Python has no function for a part of it, or numpy no room for it.
    """
    tensors = _prepared(model)[0].weights.tensors
    found = arrays.shared(tensors)
    own = weights or target.with_name(f"{target.stem}_weights.npy")
    if not tensors or (found is not None and weights is None):
        target.write_text(source(model), encoding="utf-8")
        return [target]
    target.write_text(source(model, weights=own.name), encoding="utf-8")
    if found is None:
        named = {".".join(path): tensor for path, tensor in tensors.items()}
    else:
        named = {one.field: one.tensor for one in found.values() if one.tensor is not None}
    if sum(tensor.nbytes for tensor in named.values()) > arrays.LIMIT:
        raise UnsupportedError(
            "its weights have more than 2 GB, which numpy does not read from one record",
            file=target,
            hint="Write a .dnn in place of source code.",
        )
    write_record(list(named.items()), own, progress)
    return [target, own]
