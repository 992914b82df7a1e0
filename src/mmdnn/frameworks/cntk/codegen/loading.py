"""Where the source finds its weights: in the `.npy` of the intermediate representation, or its own.

A model that was made from an intermediate representation, and uses its tensors as they stand there, but
for their shapes and the order of their axes, reads them there. Any other model has a file of its own, a
record of the same form, with the network's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from mmdnn.python.arrays import shared
from mmdnn.python.layout import lay_out
from mmdnn.python.literals import Raw, literal

Tensors = Mapping[tuple[str, ...], ir.TensorProtocol]

OWN = '''def load(path{parameter}):
    """The network with the weights of a file."""
    arrays = np.load(path, mmap_mode="r")
    weights = {{}}
    for name in arrays.dtype.names:
        *groups, parameter = name.split(".")
        group = weights
        for each in groups:
            group = group.setdefault(each, {{}})
        group[parameter] = arrays[name]
    return network(weights{argument})'''


def load(tensors: Tensors, *, trains: bool) -> str:
    """The function that reads the weights."""
    parameter, argument = (", train=False", ", train") if trains else ("", "")
    found = shared(tensors)
    if found is None:
        return OWN.format(parameter=parameter, argument=argument)
    tree: dict[str, Any] = {}
    for (*groups, name), taken in found.items():
        place = tree
        for one in groups:
            place = place.setdefault(one, {})
        place[name] = Raw(taken.written)
    return "\n".join(
        [
            f"def load(path{parameter}):",
            '    """The network with the weights of a file."""',
            '    arrays = np.load(path, mmap_mode="r")',
            *lay_out(f"    weights = {literal(tree)}"),
            f"    return network(weights{argument})",
        ]
    )
