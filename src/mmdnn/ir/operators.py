"""Tables of operators: the one place where importers and exporters register themselves.

Each framework's importer and exporter has a table. An operator is a function with a decorator:

    @importer("Pooling", doc="https://caffe.berkeleyvision.org/tutorial/layers/pooling.html")
    def pooling(layer, op, x): ...

`mmlist` prints these tables, so what it shows is what there is. The modules of an importer or exporter
are operator families; `load_families` imports them all, so that a new file needs no mention elsewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    import onnx_ir as ir

F = TypeVar("F", bound=Callable[..., Any])
Test: TypeAlias = "Callable[[ir.Node], bool]"


@dataclass(frozen=True)
class Entry(Generic[F]):
    """One registered operator: its type, its function, and where its semantics are written."""

    type: str
    function: F
    doc: str


@dataclass
class Operators(Generic[F]):
    """Operators by type. Calling the table gives the decorator that registers into it.

    Args:
        verb: What the table does with an operator, as in messages: "read from Caffe".
        entries: What is registered.
        tests: Of an operator, which of its nodes the table is not for.
    """

    verb: str
    entries: dict[str, Entry[F]] = field(default_factory=dict)
    tests: dict[str, Test] = field(default_factory=dict)

    def __call__(self, *types: str, doc: str = "") -> Callable[[F], F]:
        """Register a function for one or several operator types."""

        def register(function: F) -> F:
            for type_ in types:
                if type_ in self.entries:
                    raise ValueError(f"{type_} is {self.verb} twice")
                self.entries[type_] = Entry(type_, function, doc)
            return function

        return register

    def unfit(self, *types: str) -> Callable[[Test], Test]:
        """Register which nodes of these operators are spelled out in simpler ones, as the standard does."""

        def register(test: Test) -> Test:
            self.tests.update(dict.fromkeys(types, test))
            return test

        return register

    def is_unfit(self, node: ir.Node) -> bool:
        """Whether to write a node as its definition by simpler operators; see `unfit`."""
        return not node.domain and node.op_type in self.tests and self.tests[node.op_type](node)

    def __getitem__(self, type_: str) -> F:
        return self.entries[_plain(type_, self.entries)].function

    def __contains__(self, type_: object) -> bool:
        return _plain(str(type_), self.entries) in self.entries

    def __iter__(self) -> Iterator[Entry[F]]:
        return iter(sorted(self.entries.values(), key=lambda entry: entry.type.lower()))

    def __len__(self) -> int:
        return len(self.entries)


def _plain(type_: str, known: Container[str]) -> str:
    """The name of a local function, without the number that tells its variants apart."""
    stem, _, number = type_.rpartition("_")
    ours = stem.startswith("mmdnn") and "::" in stem and number.isdigit()
    return stem if ours and type_ not in known else type_


def load_families(package: str, path: list[str]) -> None:
    """Import every module of a package, so that its operators are registered."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
