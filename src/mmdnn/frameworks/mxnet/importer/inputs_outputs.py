"""A model's outputs, and its inputs' open sizes."""

from __future__ import annotations

from mmdnn.errors import ShapeError, UsageError
from mmdnn.frameworks.mxnet import _origins
from mmdnn.frameworks.mxnet.graph import Entry, Model
from mmdnn.ir import notes
from mmdnn.ir.builder import NeedsStatic

SHOWN = 3
"""How many inputs an error lists."""


def unknown(model: Model, missing: NeedsStatic) -> ShapeError:
    """What to say where a shape cannot be told."""
    open_ = [name for name, shape in model.inputs.items() if shape is None or None in shape]
    if len(open_) > SHOWN and not model.params:
        return ShapeError(
            f"the shape of '{missing}' is known from its parameters only, which were not given",
            file=model.files.network,
            hint="Give the .params file too, or put it beside the symbol.",
        )
    example = " ".join(f"{name}:1,3,224,224" for name in open_[:SHOWN]) or "data:1,3,224,224"
    example += " ..." if len(open_) > SHOWN else ""
    return ShapeError(
        f"the shape of '{missing}' cannot be told without those of the inputs",
        file=model.files.network,
        hint=f"Give them with --inputShape {example} (or whatever they are).",
    )


def symbols(model: Model) -> dict[int, str]:
    """A name for each size of a first axis: inputs that agree there share their batch."""
    sizes = dict.fromkeys(
        dims[0]
        for name, dims in model.inputs.items()
        if dims and dims[0] is not None and not is_fixed(model, name)
    )
    return {size: f"batch_{size}" if place else "batch" for place, size in enumerate(sizes)}


def is_fixed(model: Model, name: str) -> bool:
    """Whether an input's first axis has one size only: as that of a recurrent layer's states."""
    if (model.needed.get(name) or (None,))[0] is not None:
        return True
    return any(node.name == name and _origins.is_fixed(node) for node in model.symbol.variables)


def heads(model: Model) -> list[Entry]:
    """The outputs: the model's own, or those that the user named."""
    wanted = model.files.outputs
    if not wanted:
        return model.symbol.heads
    known: dict[str, Entry] = {}
    for node in model.symbol.nodes:
        for index in range(len(node.outputs)):
            known[node.output_name(index)] = Entry(node, index)
        known.setdefault(node.name, Entry(node))
    for name in wanted:
        if name not in known:
            raise UsageError(f"the model has no value '{name}'", file=model.files.network)
    return [known[name] for name in wanted]


def check_arrays(model: Model) -> None:
    """Refuse a file without the arrays that layers have of their own.

    Raises:
        UsageError: Some are missing, and the user has not said that they are inputs.
    """
    if model.weights is None:
        return
    own = {node.name for node in model.symbol.parameters if _origins.INPUT not in node.attrs}
    own = (own | model.auxiliary) - model.files.input_shapes.keys()
    lost = [name for name in model.inputs if name in own]
    if lost:
        more = f"; no variable is called {notes.listed(model.unused)}" if model.unused else ""
        raise UsageError(
            f"it has no array for {notes.missing(lost, model.unused)}{more}",
            file=model.weights,
            hint="Are these the parameters of this network? What is to be fed is said with "
            f"--inputShape {lost[0]}:....",
        )
