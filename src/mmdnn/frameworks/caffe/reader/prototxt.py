"""Reads a prototxt: protobuf's text format, into the messages of `caffe.proto`.

Known fields are held to what Caffe's own parser holds them to. Fields of a layer that `caffe.proto`
does not know (the parameters of forks' layers) are kept as plain names and values beside the
message; it is for whoever needs the layer to refuse them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field

from mmdnn.errors import FormatError, UsageError
from mmdnn.frameworks.caffe import graph
from mmdnn.frameworks.caffe.graph import Unknown
from mmdnn.frameworks.caffe.reader.tokens import INTEGER, Tokens, unescape

MAX_BYTES = 256 << 20
MAX_DEPTH = 60
MAX_BLOCKS = 100_000
_OPENING = {"{": "}", "<": ">"}
_INTEGERS = {
    Field.TYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    Field.TYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    Field.TYPE_UINT32: (0, (1 << 32) - 1),
    Field.TYPE_UINT64: (0, (1 << 64) - 1),
}
_FLOATS = {Field.TYPE_FLOAT, Field.TYPE_DOUBLE}
_TRUE, _FALSE = {"true", "True", "t"}, {"false", "False", "f"}
_SOLVER = {"net", "train_net", "test_net", "base_lr", "lr_policy", "max_iter", "solver_mode"}


@dataclass
class Parsed:
    """A network's message, and what its layers say beyond it.

    Attributes:
        net: A NetParameter.
        layer: For each of `net.layer`, the fields that `caffe.proto` does not know.
        layers: The same for each of `net.layers`.
    """

    net: Any
    layer: list[Unknown] = field(default_factory=list)
    layers: list[Unknown] = field(default_factory=list)


def read(path: Path) -> Parsed:
    """Read a prototxt file.

    Raises:
        FormatError: It is not protobuf text, or no network.
        UsageError: It cannot be opened.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError("too large for a prototxt", file=path)
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", file=path) from error
    return parse(data.decode("utf-8-sig", "surrogateescape"), path)


def parse(text: str, file: Path | str | None = None) -> Parsed:
    """Parse a network in text form.

    Args:
        text: The text; bytes that are no UTF-8 as surrogates.
        file: Named in errors.

    Raises:
        FormatError: With line and column.
    """
    parser = _Parser(Tokens(text, file))
    parsed = Parsed(graph.message("NetParameter"))
    parser.network(parsed)
    return parsed


class _Parser:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.depth = 0
        self.blocks = 0

    def network(self, parsed: Parsed) -> None:
        by_field = {"layer": parsed.layer, "layers": parsed.layers}
        while self.tokens.next.kind != "end":
            self._field(parsed.net, None, by_field)

    def _block(self, target: Any, unknown: Unknown | None) -> None:
        """The fields of a message, its opening bracket being next."""
        closing = self._open()
        while not self.tokens.accept(closing):
            if self.tokens.next.kind == "end":
                self.tokens.fail(f"'{closing}' expected, the end of the file found")
            if target is None:
                assert unknown is not None
                self._generic(self._name(), unknown)
            else:
                self._field(target, unknown, {})
        self.depth -= 1
        if target is not None and not target.IsInitialized():
            missing = ", ".join(target.FindInitializationErrors())
            self.tokens.fail(f"{target.DESCRIPTOR.name} lacks its required field {missing}")

    def _open(self) -> str:
        opening = self.tokens.accept("{<")
        if not opening:
            self.tokens.fail(f"'{{' expected, {self.tokens.described()} found")
        self.depth += 1
        self.blocks += 1
        if self.depth > MAX_DEPTH or self.blocks > MAX_BLOCKS:
            self.tokens.fail("too many blocks" if self.blocks > MAX_BLOCKS else "nested too deeply")
        return _OPENING[opening]

    def _name(self) -> str:
        if self.tokens.next.kind != "name":
            self.tokens.fail(f"a field's name expected, {self.tokens.described()} found")
        return self.tokens.take().text

    def _field(
        self, target: Any, unknown: Unknown | None, by_field: dict[str, list[Unknown]]
    ) -> None:
        at = self.tokens.next.at
        name = self._name()
        known = target.DESCRIPTOR.fields_by_name.get(name)
        if known is None:
            if unknown is None:
                hint = "; this is a solver's file" if name in _SOLVER else ""
                self.tokens.fail(f"{target.DESCRIPTOR.name} has no field '{name}'{hint}", at)
            self._generic(name, unknown)
            return
        if not _repeated(known) and target.HasField(name):
            self.tokens.fail(f"'{name}' is given twice", at)
        if known.message_type is not None:
            self.tokens.accept(":")
            self._listed(known, lambda: self._message(target, known, unknown, by_field))
        else:
            self.tokens.expect(":")
            self._listed(known, lambda: self._scalar(target, known, unknown))
        self.tokens.accept(";,")

    def _listed(self, known: Any, one: Any) -> None:
        if not _repeated(known) or not self.tokens.accept("["):
            one()
            return
        if self.tokens.accept("]"):
            return
        one()
        while not self.tokens.accept("]"):
            self.tokens.expect(",")
            one()

    def _message(
        self, target: Any, known: Any, unknown: Unknown | None, by_field: dict[str, list[Unknown]]
    ) -> None:
        value = getattr(target, known.name)
        if _repeated(known):
            value = value.add()
        else:
            value.SetInParent()
        if known.name in by_field:
            own: Unknown = {}
            by_field[known.name].append(own)
            self._block(value, own)
        elif unknown is None or known.message_type.name == "NetStateRule":
            self._block(value, None)
        else:
            inner: Unknown = {}
            self._block(value, inner)
            if inner:
                _put(unknown, known.name, inner)

    def _scalar(self, target: Any, known: Any, unknown: Unknown | None) -> None:
        value = self._value(known, unknown)
        if value is None:
            return
        if _repeated(known):
            getattr(target, known.name).append(value)
        else:
            setattr(target, known.name, value)

    def _value(self, known: Any, unknown: Unknown | None) -> Any:
        if known.type in _INTEGERS:
            return self._integer(*_INTEGERS[known.type])
        if known.type in _FLOATS:
            return self._float()
        if known.type == Field.TYPE_BOOL:
            return self._bool()
        if known.type == Field.TYPE_STRING:
            return self._string()
        if known.type == Field.TYPE_ENUM:
            return self._enum(known, unknown)
        raise AssertionError(known.full_name)

    def _integer(self, low: int, high: int) -> int:
        at = self.tokens.next.at
        negative = bool(low < 0 and self.tokens.accept("-"))
        token = self.tokens.next
        if token.kind != "number" or not INTEGER.fullmatch(token.text):
            self.tokens.fail(f"an integer expected, {self.tokens.described()} found")
        value = _parse_integer(token.text) * (-1 if negative else 1)
        if not low <= value <= high:
            self.tokens.fail(f"the integer {token.text[:40]} is out of range", at)
        self.tokens.take()
        return value

    def _float(self) -> float:
        sign = -1.0 if self.tokens.accept("-") else 1.0
        token = self.tokens.next
        if token.kind == "number":
            self.tokens.take()
            if token.text.isdigit() or token.text[:2] in ("0x", "0X"):
                return sign * _to_float(_parse_integer(token.text))
            return sign * float(token.text.rstrip("fF"))
        if token.kind != "name" or token.text.lower() not in {"inf", "infinity", "nan"}:
            self.tokens.fail(f"a number expected, {self.tokens.described()} found")
        self.tokens.take()
        return sign * float(token.text)

    def _bool(self) -> bool:
        if self.tokens.next.kind == "number":
            return bool(self._integer(0, 1))
        if self.tokens.next.text not in _TRUE | _FALSE:
            self.tokens.fail(f"true or false expected, {self.tokens.described()} found")
        return self.tokens.take().text in _TRUE

    def _string(self) -> str:
        if self.tokens.next.kind != "string":
            self.tokens.fail(f"a string expected, {self.tokens.described()} found")
        parts = []
        while self.tokens.next.kind == "string":
            parts.append(unescape(self.tokens, self.tokens.take()))
        return b"".join(parts).decode("utf-8", "backslashreplace")

    def _enum(self, known: Any, unknown: Unknown | None) -> int | None:
        """An enum's number; a layer's unknown name is put beside the message."""
        token = self.tokens.next
        if token.kind == "name":
            self.tokens.take()
            value = known.enum_type.values_by_name.get(token.text)
            if value is not None:
                return int(value.number)
            if unknown is not None:
                _put(unknown, known.name, token.text)
                return None
            self.tokens.fail(f"'{token.text}' is no value of '{known.name}'", token.at)
        number = self._integer(*_INTEGERS[Field.TYPE_INT32])
        if number not in known.enum_type.values_by_number:
            self.tokens.fail(f"{number} is no value of '{known.name}'", token.at)
        return number

    def _generic(self, name: str, unknown: Unknown) -> None:
        """A field that no schema describes: a block, or values."""
        colon = self.tokens.accept(":")
        if self.tokens.accept("["):
            before = unknown.setdefault(name, [])
            values = before if isinstance(before, list) else [before]
            unknown[name] = values
            while not self.tokens.accept("]"):
                values.append(self._any(colon))
                if self.tokens.next.text != "]":
                    self.tokens.expect(",")
        else:
            _put(unknown, name, self._any(colon))
        self.tokens.accept(";,")

    def _any(self, colon: str) -> Any:
        if self.tokens.next.kind == "symbol" and self.tokens.next.text in _OPENING:
            inner: Unknown = {}
            self._block(None, inner)
            return inner
        if not colon:
            self.tokens.fail(f"':' or '{{' expected, {self.tokens.described()} found")
        if self.tokens.next.kind == "string":
            return self._string()
        if self.tokens.next.kind == "name" and self.tokens.next.text.lower() not in {"inf", "nan"}:
            text = self.tokens.take().text
            return {"true": True, "false": False}.get(text.lower(), text)
        negative = self.tokens.accept("-")
        if INTEGER.fullmatch(self.tokens.next.text):
            value = self._integer(0, (1 << 64) - 1)
            return -value if negative else value
        return -self._float() if negative else self._float()


def _repeated(known: Any) -> bool:
    # protobuf 7 deprecates `label`, and 3.20 has no `is_repeated`
    is_repeated = getattr(known, "is_repeated", None)
    return bool(known.label == Field.LABEL_REPEATED if is_repeated is None else is_repeated)


def _parse_integer(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text, 16)
    if len(text) > 40:
        return 1 << 128
    return int(text, 8) if text[0] == "0" else int(text)


def _to_float(value: int) -> float:
    return float(value) if value < 1 << 128 else math.inf


def _put(unknown: Unknown, name: str, value: Any) -> None:
    """Keep a value; a name given again makes a list."""
    if name not in unknown:
        unknown[name] = value
    elif isinstance(unknown[name], list):
        unknown[name].append(value)
    else:
        unknown[name] = [unknown[name], value]
