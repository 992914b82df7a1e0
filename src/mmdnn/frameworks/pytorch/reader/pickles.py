"""Pickles read as data: nothing is imported, nothing called.

A global is a `Global` until one of a few known constructors is applied to it; anything else is refused by its
name. https://github.com/python/cpython/blob/main/Lib/pickletools.py says what the opcodes do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from mmdnn.errors import FormatError, UnsupportedError

MOST_ITEMS = 1 << 24
_MARK = object()


@dataclass(frozen=True)
class Global:
    """A name that a pickle refers to."""

    name: str


@dataclass(eq=False)
class Thing:
    """An object of a class that is only named: its arguments and its state.

    Attributes:
        type: The class.
        args: What it was made with.
        state: What it was given by BUILD.
    """

    type: str
    args: tuple[Any, ...] = ()
    state: Any = None


@dataclass
class Reader:
    """Reads one pickle.

    Attributes:
        data: The bytes.
        file: The file, for errors.
        calls: Constructors by the names of what is called.
        persistent: What a persistent id stands for.
        classes: Whether objects of a class may be made, as `Thing`.
        at: Where it reads.
    """

    data: bytes
    file: Path
    calls: Mapping[str, Callable[..., Any]]
    persistent: Callable[[Any], Any]
    classes: Callable[[str], bool] = lambda _name: False
    at: int = 0
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def read(self) -> Any:
        """The object of the next pickle.

        Raises:
            FormatError: It is damaged.
            UnsupportedError: It names a class or function that is not known here.
        """
        self.stack, self.memo = [], {}
        try:
            while True:
                code = self._take(1)
                if code == b".":
                    return self.stack.pop()
                step = _STEPS.get(code)
                if step is None:
                    raise FormatError(f"its pickle has the opcode {code!r}", file=self.file)
                step(self)
                if len(self.stack) > MOST_ITEMS:
                    raise FormatError("its pickle is too large", file=self.file)
        except (IndexError, KeyError, ValueError, TypeError, struct.error, AttributeError) as error:
            raise FormatError(f"its pickle is damaged: {error}", file=self.file) from None

    def _take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count or count < 0:
            raise FormatError("its pickle ends too early", file=self.file)
        self.at += count
        return found

    def _number(self, form: str) -> int:
        found: int = struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))[0]
        return found

    def _line(self) -> str:
        end = self.data.index(b"\n", self.at)
        text = self.data[self.at : end].decode()
        self.at = end + 1
        return text

    def _marked(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def _pair(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def _call(self) -> None:
        args, called = self.stack.pop(), self.stack.pop()
        name = called.name if isinstance(called, Global) else type(called).__name__
        if name in self.calls:
            self.stack.append(self.calls[name](*args))
        else:
            self._refuse(name)

    def _new(self) -> None:
        args, called = self.stack.pop(), self.stack.pop()
        if not self.classes(called.name):
            self._refuse(called.name)
        self.stack.append(Thing(called.name, tuple(args)))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Thing):
            target.state = state

    def _refuse(self, name: str) -> NoReturn:
        raise UnsupportedError(
            f"its pickle holds {name}, which is Python code of somebody's own",
            file=self.file,
            hint="Nothing that is read is executed. Save the model by torch.export.save, or its state dict.",
        )

    def _global(self, module: str, name: str) -> None:
        self.stack.append(Global(f"{module}.{name}"))


def _push(make: Callable[[Reader], Any]) -> Callable[[Reader], None]:
    return lambda reader: reader.stack.append(make(reader))


def _tuple(count: int) -> Callable[[Reader], None]:
    def step(reader: Reader) -> None:
        items = tuple(reader.stack[-count:])
        del reader.stack[-count:]
        reader.stack.append(items)

    return step


def _put(place: Callable[[Reader], int]) -> Callable[[Reader], None]:
    return lambda reader: reader.memo.__setitem__(place(reader), reader.stack[-1])


def _get(place: Callable[[Reader], int]) -> Callable[[Reader], None]:
    return lambda reader: reader.stack.append(reader.memo[place(reader)])


def _stack_global(reader: Reader) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    reader._global(str(module), str(name))


def _append(reader: Reader) -> None:
    item = reader.stack.pop()
    reader.stack[-1].append(item)


def _set_item(reader: Reader) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    reader.stack[-1][key] = value


def _extend(reader: Reader) -> None:
    items = reader._marked()
    reader.stack[-1].extend(items)


def _text(form: str) -> Callable[[Reader], None]:
    return _push(lambda r: r._take(r._number(form)).decode("utf-8", "surrogatepass"))


def _bytes(form: str) -> Callable[[Reader], None]:
    return _push(lambda r: r._take(r._number(form)))


_STEPS: dict[bytes, Callable[[Reader], Any]] = {
    b"\x80": lambda r: r._take(1),
    b"\x95": lambda r: r._take(8),
    b"(": _push(lambda _r: _MARK),
    b"}": _push(lambda _r: {}),
    b"]": _push(lambda _r: []),
    b")": _push(lambda _r: ()),
    b"\x8f": _push(lambda _r: set()),
    b"t": lambda r: r.stack.append(tuple(r._marked())),
    b"l": lambda r: r.stack.append(r._marked()),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"a": _append,
    b"e": _extend,
    b"s": _set_item,
    b"u": lambda r: r._pair(r._marked()),
    b"X": _text("I"),
    b"\x8c": _text("B"),
    b"\x8d": _text("Q"),
    b"U": _bytes("B"),
    b"T": _bytes("I"),
    b"B": _bytes("I"),
    b"C": _bytes("B"),
    b"J": _push(lambda r: r._number("i")),
    b"K": _push(lambda r: r._number("B")),
    b"M": _push(lambda r: r._number("H")),
    b"I": _push(lambda r: {"00": False, "01": True}.get(line := r._line(), line)),
    b"\x8a": _push(lambda r: int.from_bytes(r._take(r._number("B")), "little", signed=True)),
    b"\x8b": _push(lambda r: int.from_bytes(r._take(r._number("i")), "little", signed=True)),
    b"G": _push(lambda r: struct.unpack(">d", r._take(8))[0]),
    b"N": _push(lambda _r: None),
    b"\x88": _push(lambda _r: True),
    b"\x89": _push(lambda _r: False),
    b"q": _put(lambda r: r._number("B")),
    b"r": _put(lambda r: r._number("I")),
    b"\x94": _put(lambda r: len(r.memo)),
    b"h": _get(lambda r: r._number("B")),
    b"j": _get(lambda r: r._number("I")),
    b"c": lambda r: r._global(r._line(), r._line()),
    b"\x93": _stack_global,
    b"Q": lambda r: r.stack.append(r.persistent(r.stack.pop())),
    b"R": lambda r: r._call(),
    b"\x81": lambda r: r._new(),
    b"b": lambda r: r._build(),
    b"0": lambda r: r.stack.pop(),
    b"2": lambda r: r.stack.append(r.stack[-1]),
}
