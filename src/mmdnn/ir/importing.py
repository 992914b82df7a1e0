"""The way into the IR: the table of an importer, and the layers that its functions are given.

    importer = Importer("MXNet")

    @importer("LeakyReLU", doc=f"{API}/leaky_relu", unused="lower_bound upper_bound")
    def leaky_relu(node, op, x, *gamma, act_type, slope): ...

A function is given the layer, `op` with ONNX's operators, and the layer's inputs. What is keyword-only
in its signature are the layer's parameters, defaults of its framework included. A parameter that the
file sets and that nobody takes is refused, unless `unused` names it: it does not change the result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, ShapeError, UnsupportedError
from mmdnn.ir import values
from mmdnn.ir.builder import Builder, NeedsStatic, rank
from mmdnn.ir.operators import Entry, Operators
from mmdnn.tensors import references

T = TypeVar("T")


class Importer(Operators):
    """The operators that a framework's importer reads; calling it registers a function for some.

    Args:
        framework: Its name, as in messages.
    """

    def __init__(self, framework: str) -> None:
        super().__init__(f"read from {framework}")

    def check(self, layers: Iterable[tuple[str, str]], file: Path | None, hint: str = "") -> None:
        """Refuse a model with layers that the table does not have.

        Args:
            layers: Types and names.
            file: The model's file.
            hint: What else the user can do about it.

        Raises:
            UnsupportedError: There are some; all are listed.
        """
        refused = [(type_, name) for type_, name in layers if type_ not in self]
        if refused:
            raise UnsupportedError.listing(refused, action=self.verb, file=file, hint=hint)


class GraphImporter:
    """A graph on its way in: what its layers share.

    Attributes:
        builder: Where operators are made: the graph, or the body of a loop.
        root: The graph itself, which has the weights.
        file: The model's file, for errors.
        shared: What several layers share, by what it is.
        reserved: The source's names that no value has yet.
        named: The values that have their name.
        sources: Of weights that are made of others, those.
    """

    def __init__(self, builder: Builder, file: Path | None) -> None:
        self.builder = self.root = builder
        self.file = file
        self.shared: dict[Hashable, Any] = {}
        self.reserved: set[str] = set()
        self.named: set[ir.Value] = set()
        self.sources: dict[ir.Value, ir.Value] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Keep the source's names for its values."""
        self.reserved.update(names)
        self.builder.reserve(list(self.reserved))

    def rename(self, value: ir.Value, name: str) -> None:
        """Give a value the source's name, with a number where another value has it."""
        free = name in self.reserved
        self.reserved.discard(name)
        self.builder.rename(value, name if free else self.builder.unique(name))
        self.named.add(value)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes, made once for all layers that ask for it by this key."""
        if key not in self.shared:
            self.shared[key] = make()
        found: T = self.shared[key]
        return found

    def changed(
        self,
        value: ir.Value,
        how: str,
        function: references.Function,
        shape: tuple[int, ...] | None = None,
        dtype: ir.DataType | None = None,
    ) -> ir.Value | None:
        """A weight changed when it is read, named `<weight>_<how>`; None if it is no weight.

        Args:
            value: The value.
            how: What is done, for the name.
            function: What is done.
            shape: The new shape.
            dtype: The new type.
        """
        name = f"{value.name}_{how}"
        return self._derived(
            value,
            (how, shape, dtype),
            lambda tensor: references.lazy(tensor, function, shape=shape, dtype=dtype, name=name),
        )

    def reshaped(self, value: ir.Value, shape: tuple[int, ...]) -> ir.Value | None:
        """A weight in another shape of as many numbers, by reference; None if it is no weight."""
        name = f"{value.name}_reshaped"
        return self._derived(value, shape, lambda tensor: references.reshaped(tensor, shape, name))

    def permuted(self, value: ir.Value, perm: Sequence[int]) -> ir.Value | None:
        """A weight with its axes in another order, by reference; None if it is no weight."""
        tensor = values.constant(value)
        if tensor is None or list(perm) == list(range(len(perm))):
            return value if tensor is not None else None
        made = references.permuted(tensor, perm)

        def initializer() -> ir.Value:
            derived = self.root.initializer(str(value.name), made, like=value)
            self.sources[derived] = value
            return derived

        return self.once((value, "permuted", tuple(perm)), initializer)

    def _derived(
        self,
        value: ir.Value,
        how: Hashable,
        make: Callable[[ir.TensorProtocol], ir.TensorProtocol],
    ) -> ir.Value | None:
        tensor = value.const_value
        if tensor is None:
            return None

        def initializer() -> ir.Value:
            made = make(tensor)
            derived = self.root.initializer(str(made.name), made, like=value)
            self.sources[derived] = value
            return derived

        return self.once((value, how), initializer)

    @contextmanager
    def errors_of(self, layer: ImportedLayer) -> Iterator[None]:
        """Errors raised inside name the layer and the file."""
        try:
            yield
        except Error as error:
            error.layer = error.layer or layer.name
            error.operator = error.operator or layer.type
            error.file = error.file or self.file
            raise


class ImportedLayer:
    """A layer on its way in; frameworks say what its parameters are.

    Attributes:
        name: Its name.
        type: What its framework calls a layer of its kind.
        graph: What it shares with the other layers.
    """

    inputs_are: ClassVar[str] = "inputs"
    parameter_is: ClassVar[str] = "parameter"

    def __init__(self, name: str, type_: str, graph: GraphImporter) -> None:
        self.name = name
        self.type = type_
        self.graph = graph

    @property
    def builder(self) -> Builder:
        """Where operators are made."""
        return self.graph.builder

    def parameter(self, name: str) -> Any:
        """A parameter that a function takes, or its default."""
        raise NotImplementedError

    def unread(self) -> Mapping[str, object]:
        """The parameters that the file sets, that change the result, and that nobody has taken."""
        raise NotImplementedError

    def call(self, entry: Entry, inputs: Sequence[Any]) -> list[Any]:
        """What a function of the table makes of the layer.

        Raises:
            ShapeError: It cannot have so many inputs, or its parameters do not fit them.
            UnsupportedError: The function refuses the layer, or does not take one of its parameters.
        """
        taken = {name: self.parameter(name) for name in entry.keywords.names}
        try:
            inspect.signature(entry.function).bind(self, self.builder.op, *inputs, **taken)
        except TypeError:
            self.unfit(f"it cannot have {len(inputs)} {self.inputs_are}")
        try:
            with np.errstate(all="ignore"):
                made = entry.function(self, self.builder.op, *inputs, **taken)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            self.unfit(f"its {self.parameter_is}s do not fit its {self.inputs_are} ({error})")
        self.check_read(entry.keywords.unused)
        return list(made) if isinstance(made, (list, tuple)) else [made]

    def check_read(self, unused: frozenset[str] = frozenset()) -> None:
        """Refuse parameters that nobody has taken."""
        for name, value in sorted(self.unread().items()):
            if name not in unused:
                self.refuse(f"its {self.parameter_is} {name} = {value} is not known here")

    def refuse(self, reason: str) -> NoReturn:
        """Stop: this cannot be read exactly."""
        raise UnsupportedError(reason, layer=self.name, operator=self.type)

    def unfit(self, reason: str) -> NoReturn:
        """Stop: this is not a model that its framework would run."""
        raise ShapeError(reason, layer=self.name, operator=self.type)

    def axis(self, axis: int, x: ir.Value) -> int:
        """An axis counted from the front."""
        count = rank(x)
        if not -count <= axis < count:
            self.unfit(f"axis {axis} is out of range for {count} axes")
        return axis % count


def open_where_possible(
    read: Callable[[dict[int, str]], ir.Model],
    sizes: dict[int, str],
    unknown: Callable[[NeedsStatic], Error],
) -> ir.Model:
    """A model with as many sizes left open as its layers allow.

    Args:
        read: Reads the model with these sizes open.
        sizes: The sizes that may be open, and their names.
        unknown: What to say where a size is needed that no file says.
    """
    while True:
        try:
            return read(sizes)
        except NeedsStatic as missing:
            if not sizes:
                raise unknown(missing) from None
            wanted = missing.symbols.intersection(sizes.values()) or set(sizes.values())
            sizes = {size: name for size, name in sizes.items() if name not in wanted}
