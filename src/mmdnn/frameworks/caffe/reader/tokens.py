"""Tokens of protobuf's text format, with their places.

The format: https://protobuf.dev/reference/protobuf/textformat-spec/. What is taken and what refused
is as in the C++ tokenizer of Caffe's time (google/protobuf/io/tokenizer.cc).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, NoReturn

from mmdnn.errors import FormatError

_PATTERN = re.compile(
    r"""
      (?P<blank>  (?: [ \t\r\n\v\f]++ | \#[^\n]*+ )++ )
    | (?P<name>   [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number> (?: 0[xX][0-9a-fA-F]+ | (?: \d+\.?\d* | \.\d+ ) (?: [eE][+-]?\d+ )? [fF]? ) )
    | (?P<string> " (?: [^"\\\n]++ | \\[^\n] )*+ " | ' (?: [^'\\\n]++ | \\[^\n] )*+ ' )
    | (?P<symbol> [{}\[\]<>:;,\-] )
    """,
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))",
    re.DOTALL,
)
_SIMPLE = dict(zip(b"abfnrtv\\?'\"", b"\a\b\f\n\r\t\v\\?'\"", strict=True))
INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")


class Token(NamedTuple):
    """A token: its kind ("name", "number", "string", "symbol" or "end"), text and place."""

    kind: str
    text: str
    at: int


class Tokens:
    """The tokens of a text, one ahead.

    Args:
        text: The whole text.
        file: Named in errors.
    """

    def __init__(self, text: str, file: Path | str | None = None) -> None:
        self.text = text
        self.file = file
        self._at = 0
        self.next = Token("end", "", 0)
        self.take()

    def take(self) -> Token:
        """The next token, moving past it.

        Raises:
            FormatError: What follows it is no token.
        """
        token = self.next
        self.next = self._scan()
        return token

    def accept(self, symbols: str) -> str:
        """Move past a symbol if it is one of these, and say which; else ""."""
        if self.next.kind == "symbol" and self.next.text in symbols:
            return self.take().text
        return ""

    def expect(self, symbol: str) -> None:
        """Move past this symbol.

        Raises:
            FormatError: Another token is there.
        """
        if not self.accept(symbol):
            self.fail(f"'{symbol}' expected, {self.described()} found")

    def described(self) -> str:
        """The next token, in words."""
        return f"'{self.next.text[:40]}'" if self.next.kind != "end" else "the end of the file"

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        """Refuse the file, naming line and column of the next token or of another place."""
        place = self.next.at if at is None else at
        line = self.text.count("\n", 0, place) + 1
        column = place - self.text.rfind("\n", 0, place)
        raise FormatError(f"line {line}, column {column}: {problem}", file=self.file)

    def _scan(self) -> Token:
        match = _PATTERN.match(self.text, self._at)
        if match and match.lastgroup == "blank":
            self._at = match.end()
            match = _PATTERN.match(self.text, self._at)
        if match is None:
            if self._at >= len(self.text):
                return Token("end", "", self._at)
            self._refuse()
        self._at = match.end()
        token = Token(str(match.lastgroup), match.group(), match.start())
        if token.kind == "number":
            self._check_number(token)
        return token

    def _refuse(self) -> NoReturn:
        character = self.text[self._at]
        if character in "\"'":
            self.fail("a string that does not end on its line", self._at)
        self.fail(f"the character {character!r} cannot be here", self._at)

    def _check_number(self, token: Token) -> None:
        """A number is not glued to a name, and a leading 0 means octal."""
        follows = self.text[self._at : self._at + 1]
        if follows and (follows.isalnum() or follows in "_."):
            self.fail("a space is needed after the number", self._at)
        if token.text[0] == "0" and token.text[1:2].isdigit() and not INTEGER.fullmatch(token.text):
            self.fail(f"'{token.text}' begins as an octal number and is none", token.at)


def unescape(tokens: Tokens, token: Token) -> bytes:
    """The bytes that a string token stands for.

    Raises:
        FormatError: It has an escape that the format does not know.
    """
    body = token.text[1:-1].encode("utf-8", "surrogateescape")

    def replace(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, short, long, other = match.groups()
        if octal or hexadecimal:
            return bytes([(int(octal, 8) if octal else int(hexadecimal, 16)) & 0xFF])
        if short or long:
            point = int(short or long, 16)
            if point > 0x10FFFF:
                tokens.fail("an escape beyond Unicode", token.at)
            return chr(point).encode("utf-8", "surrogatepass")
        if not other or other[0] not in _SIMPLE:
            tokens.fail("an unknown escape in a string", token.at)
        return bytes([_SIMPLE[other[0]]])

    return _ESCAPE.sub(replace, body)
