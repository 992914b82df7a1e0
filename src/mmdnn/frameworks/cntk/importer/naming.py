"""What values are called in the IR: as in CNTK, by the user's name where it is one value's, else by uid."""

from __future__ import annotations

from collections import Counter

from mmdnn.frameworks.cntk.graph import Kind, Model, Variable
from mmdnn.frameworks.cntk.importer.flattening import Flat


class Names:
    """The names of a model's values."""

    def __init__(self, model: Model, flat: Flat) -> None:
        functions = list(model.walk())
        named = Counter(one.name for one in functions if one.name)
        named.update(
            one.name
            for one in model.variables.values()
            if one.name and one.kind in (Kind.INPUT, Kind.PARAMETER, Kind.CONSTANT)
        )
        self._unique = {name for name, count in named.items() if count == 1}
        self._outer = flat.outer

    def is_unique(self, name: str) -> bool:
        """Whether it is the name of one thing only."""
        return name in self._unique

    def of(self, variable: Variable) -> str:
        """A variable's name: that of the outermost block's output that it is, where it is one."""
        seen = variable
        while seen in self._outer:
            seen = self._outer[seen]
        name = seen.owner.name if seen.owner is not None else seen.name
        single = seen.owner is None or len(seen.owner.results) == 1
        return name if name in self._unique and single else seen.uid
