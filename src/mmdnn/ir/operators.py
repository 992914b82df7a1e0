"""Tables of operators: the one place where importers and exporters register themselves.

Each framework's importer and exporter has a table. An operator is a function with a decorator:

    @importer("Pooling", doc="https://caffe.berkeleyvision.org/tutorial/layers/pooling.html")
    def pooling(layer, op, x): ...

    @exporter("Elu", doc="Elu")
    def elu(node, torch, x, *, alpha): ...

What is keyword-only in its signature are the attributes that it takes; `unused` names those that do
not change the result.

`mmlist` prints these tables, so what it shows is what there is. The modules of an importer or exporter
are operator families; `load_families` imports them all, so that a new file needs no mention elsewhere.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import onnx_ir as ir

Function: TypeAlias = Callable[..., Any]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Keywords:
    """The attributes that an operator's function takes.

    Attributes:
        names: Their names, and whether the attribute may be absent.
        others: Whether it takes any others too, as `**attributes`, and minds them itself.
        unused: What does not change the result.
    """

    names: Mapping[str, bool]
    others: bool
    unused: frozenset[str]

    @classmethod
    def of(cls, function: Function, unused: str = "") -> Keywords:
        """Those of a function's signature.

        Raises:
            ValueError: One has a default other than None, which says that the attribute may be absent.
        """
        names, others = {}, False
        for parameter in inspect.signature(function).parameters.values():
            others = others or parameter.kind is parameter.VAR_KEYWORD
            if parameter.kind is not parameter.KEYWORD_ONLY:
                continue
            if parameter.default not in (parameter.empty, None):
                raise ValueError(
                    f"{function.__name__} has a default of its own for {parameter.name}"
                )
            names[parameter.name] = parameter.default is None
        return cls(names, others, frozenset(unused.split()))


@dataclass(frozen=True)
class Entry:
    """One registered operator: its type, its function, and where its semantics are written."""

    type: str
    function: Function
    doc: str
    keywords: Keywords


@dataclass
class Operators:
    """Operators by type. Calling the table gives the decorator that registers into it.

    Args:
        verb: What the table does with an operator, as in messages: "read from Caffe".
        entries: What is registered.
    """

    verb: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def __call__(self, *types: str, doc: str = "", unused: str = "") -> Callable[[F], F]:
        """Register a function for one or several operator types.

        Args:
            types: The types.
            doc: Where their semantics are written.
            unused: The attributes that do not change the result, with blanks between them.
        """

        def register(function: F) -> F:
            keywords = Keywords.of(function, unused)
            for type_ in types:
                if type_ in self.entries:
                    raise ValueError(f"{type_} is {self.verb} twice")
                self.entries[type_] = Entry(type_, function, doc, keywords)
            return function

        return register

    def entry(self, type_: str) -> Entry:
        """What is registered for a type."""
        return self.entries[_plain(type_, self.entries)]

    def __getitem__(self, type_: str) -> Function:
        return self.entry(type_).function

    def __contains__(self, type_: object) -> bool:
        return _plain(str(type_), self.entries) in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self.entries.values(), key=lambda entry: entry.type.lower()))

    def __len__(self) -> int:
        return len(self.entries)


def operator(node: ir.Node | ir.Function) -> str:
    """The name under which an operator is registered, with its domain unless it is ONNX's own."""
    name = node.op_type if isinstance(node, ir.Node) else node.name
    return name if node.domain in {"", "ai.onnx"} else f"{node.domain}::{name}"


def _plain(type_: str, known: Container[str]) -> str:
    """The name of a local function, without the number that tells its variants apart."""
    stem, _, number = type_.rpartition("_")
    ours = stem.startswith("mmdnn") and "::" in stem and number.isdigit()
    return stem if ours and type_ not in known else type_


def load_families(package: str, path: list[str]) -> None:
    """Import every module of a package, so that its operators are registered."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


def way_round(
    steps: Iterable[tuple[Sequence[str], Sequence[str], bool]],
    outputs: Iterable[str],
    inner: Container[str] = (),
) -> str:
    """How to leave out what is not known here: by outputs that do without it, or values before it.

    Args:
        steps: Of each layer the values that it reads, those that it makes, and whether it is known.
        outputs: The model's outputs.
        inner: Values that the user's model has not.

    Returns:
        A hint, or "".
    """
    made, beyond, before = set[str](), set[str](), dict[str, None]()
    for reads, makes, known in steps:
        if known and not beyond.intersection(reads):
            made.update(makes)
            beyond.difference_update(makes)
            continue
        if not known:
            before.update(dict.fromkeys(name for name in reads if name in made - beyond))
        beyond.update(makes)
    ends = [name for name in outputs if name in made - beyond] or list(before)
    if not 0 < len(ends) <= MOST_ENDS or any(name in inner for name in ends):
        return ""
    return f"To leave them out, end the model before them: -node {' '.join(ends)}"


MOST_ENDS = 4
"""How many values a hint names."""
