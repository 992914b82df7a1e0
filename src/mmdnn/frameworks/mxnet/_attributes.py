"""Parameters of operators: texts, as dmlc-core's parameter module reads them.

https://github.com/dmlc/dmlc-core/blob/main/include/dmlc/parameter.h. A list is "(1, 2)" or "[1, 2]",
or one number alone; numbers may end in L, as Python 2 wrote long ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_TRUE, _FALSE = {"true", "1"}, {"false", "0"}
_MOST = 1 << 16
"""Characters of one parameter."""


def parse(kind: str, text: str) -> Any:
    """The value of a parameter.

    Args:
        kind: "int", "ints?" and the like, as in `operators.json`; choices are "a|b|c".
        text: As in the file.

    Raises:
        ValueError: It is not such a value.
    """
    if len(text) > _MOST:
        raise ValueError("it is too long")
    text = text.strip()
    if kind.endswith("?"):
        return None if text == "None" else parse(kind[:-1], text)
    if "|" in kind:
        if text not in kind.split("|"):
            raise ValueError(f"'{text}' is not one of {kind.replace('|', ', ')}")
        return None if text == "None" else text
    return _PARSERS.get(kind, _choice(kind))(text)


def _choice(only: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text != only:
            raise ValueError(f"'{text}' is not {only}")
        return text

    return check


def _bool(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError(f"'{text}' is neither True nor False")


def _int(text: str) -> int:
    if text.lower() in {"true", "false"}:
        return int(_bool(text))
    return int(text.removesuffix("L"))


def _float(text: str) -> float:
    return float(text.removesuffix("f").removesuffix("F") if "inf" not in text.lower() else text)


def _items(text: str) -> list[str]:
    inner = text[1:-1] if text[:1] in "([" and text[-1:] in ")]" and text else text
    items = [item.strip() for item in inner.split(",")]
    return items[:-1] if items[-1] == "" else items


def _ints(text: str) -> tuple[int | None, ...]:
    """Sizes or places; None stands in a `slice` for "not given", alone for none at all."""
    if text == "None":
        return ()
    return tuple(None if item == "None" else _int(item) for item in _items(text))


def _floats(text: str) -> tuple[float, ...]:
    return tuple(_float(item) for item in _items(text))


def _shapes(text: str) -> tuple[tuple[int | None, ...], ...]:
    """Pairs: "((1, 1), (2, 2))"."""
    inner = text.strip()[1:-1].replace(" ", "").removesuffix(",")
    pairs = inner.removeprefix("(").removesuffix(")").split("),(") if inner else []
    return tuple(_ints(f"({pair})") for pair in pairs)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "ints": _ints,
    "floats": _floats,
    "shapes": _shapes,
    "string": str,
}
