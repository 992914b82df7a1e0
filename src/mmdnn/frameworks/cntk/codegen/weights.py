"""What the source reads from its file of weights, and under which names.

The network has names of its own: `conv1.W`, which it takes as `weights["conv1"]["W"]`. A model that was
made from an intermediate representation, and uses its tensors as they stand there, reads them there; any
other has a file of its own, a record of the same form, with the network's names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Kind, Variable
from mmdnn.names import take
from mmdnn.python.arrays import SMALL, nested, shared
from mmdnn.python.expressions import Operand, named
from mmdnn.python.layout import lay_out
from mmdnn.python.literals import literal
from mmdnn.python.names import variable as identifier
from mmdnn.tensors import references

_NO_WORD = re.compile(r"\W", re.ASCII)


@dataclass(eq=False)
class Group:
    """A layer's arrays, or those of several layers.

    Attributes:
        name: What they are called together.
        kind: What it is that they belong to, for a name where the layer's own is of no use.
    """

    name: str
    kind: str
    parent: Group | None = None
    taken: set[str] = field(default_factory=set)

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it."""
        return (*(self.parent.path if self.parent is not None else ()), self.name)


@dataclass(frozen=True)
class Weight:
    """A group of arrays in an expression, or one array of it."""

    group: Group
    name: str | None = None


def weights_of(x: Operand) -> Iterator[Group]:
    """The groups of arrays that an expression names, in order."""
    return (one.group for one in named(x) if isinstance(one, Weight))


class Weights:
    """The arrays that a network takes.

    Attributes:
        arrays: Group, name and numbers of each.
    """

    def __init__(self) -> None:
        self.arrays: list[tuple[Group, str, ir.TensorProtocol]] = []
        self._known: dict[Variable, Weight] = {}
        self._taken: set[str] = set()

    @property
    def tensors(self) -> dict[tuple[str, ...], ir.TensorProtocol]:
        """The arrays by their paths."""
        return {(*group.path, name): tensor for group, name, tensor in self.arrays}

    def group(self, wish: str, kind: str) -> Group:
        """A new group."""
        return Group(identifier(wish, self._taken), kind)

    def array(self, variable: Variable, group: Group, wish: str) -> Weight:
        """The array of a variable, new or known, as it is taken from the weights."""
        if variable not in self._known:
            name = take(_NO_WORD.sub("_", wish), group.taken, 2)
            assert variable.value is not None
            self._known[variable] = Weight(group, name)
            self.arrays.append((group, name, variable.value))
        return self._known[variable]

    def together(self, groups: Sequence[Group], whole: Group) -> None:
        """Make groups parts of another one, with names that only say what they are."""
        for group in groups:
            group.parent = whole
            group.name = take(group.kind, whole.taken, 2)

    def number(self, groups: Sequence[Group]) -> None:
        """Give groups of the same kind numbers in their order."""
        kinds = Counter(one.kind for one in groups)
        others = {one.path[0] for one, _, _ in self.arrays} - {one.name for one in groups}
        counts: Counter[str] = Counter()
        for one in groups:
            counts[one.kind] += 1
            name = f"{one.kind}_{counts[one.kind]}" if kinds[one.kind] > 1 else one.kind
            one.name = take(name, others, 2)


def inline(variable: Variable) -> np.ndarray | None:
    """The numbers of a constant that is small enough to stand in the source."""
    value = variable.value
    if variable.kind != Kind.CONSTANT or value is None or value.size > SMALL:
        return None
    return references.read(value)


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


def load(tensors: Mapping[tuple[str, ...], ir.TensorProtocol], *, trains: bool) -> str:
    """The function that reads the weights."""
    parameter, argument = (", train=False", ", train") if trains else ("", "")
    found = shared(tensors)
    if found is None:
        return OWN.format(parameter=parameter, argument=argument)
    return "\n".join(
        [
            f"def load(path{parameter}):",
            '    """The network with the weights of a file."""',
            '    arrays = np.load(path, mmap_mode="r")',
            *lay_out(f"    weights = {literal(nested(found))}"),
            f"    return network(weights{argument})",
        ]
    )
