"""What values are called in the IR: as in CNTK, by the user's name where it is one value's, else by uid."""

from __future__ import annotations

from collections import Counter

from mmdnn.frameworks.cntk.graph import Kind, Model, Variable
from mmdnn.frameworks.cntk.importer.flat import Flat


class Names:
    """The names of a model's values."""

    def __init__(self, model: Model, flat: Flat) -> None:
        self._outer = flat.outer
        things = {self._outermost(one.output()): one.name for one in model.walk() if one.name}
        named = Counter(things.values())
        named.update(
            one.name
            for one in model.variables.values()
            if one.name and one.kind in (Kind.INPUT, Kind.PARAMETER, Kind.CONSTANT)
        )
        self._unique = {name for name, count in named.items() if count == 1}
        outputs = {self._outermost(flat.resolve(one)): None for one in model.outputs}
        shared = Counter(_own(one) for one in outputs)
        fed = {one.name for one in model.variables.values() if one.kind == Kind.INPUT}
        self._outputs = {
            one: _own(one) for one in outputs if shared[_own(one)] == 1 and _own(one) not in fed
        }

    def is_unique(self, name: str) -> bool:
        """Whether it is the name of one thing only."""
        return name in self._unique

    def of(self, variable: Variable) -> str:
        """A variable's name: that of the outermost block's output that it is, where it is one."""
        seen = self._outermost(variable)
        name = self._outputs.get(seen) or _own(seen)
        taken = seen not in self._outputs and name in self._outputs.values()
        free = seen in self._outputs or name in self._unique
        return name if name and not taken and free else seen.uid

    def _outermost(self, variable: Variable) -> Variable:
        while variable in self._outer:
            variable = self._outer[variable]
        return variable


def _own(variable: Variable) -> str:
    """The user's name for a variable; a function of several outputs names none of them."""
    owner = variable.owner
    if owner is None:
        return variable.name
    return owner.name if len(owner.results) == 1 else ""
