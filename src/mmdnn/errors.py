"""The errors a user can meet, and nothing else can be raised on purpose.

    mmdnn.Error
    ├── FormatError        a file is not what it should be: truncated, malformed, hostile
    ├── UnsupportedError   operators, attributes or options that cannot be converted exactly
    ├── ShapeError         shapes that do not fit together, or are needed and not known
    ├── UsageError         a command or call that asks for something impossible
    ├── MissingExtraError  an optional package is needed; the message names the extra
    └── MismatchError      a conversion whose result does not agree with its source

A message says what is wrong, where (file, layer, operator) and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Error(Exception):
    """Base of every error that `mmdnn` raises on purpose.

    Args:
        message: What is wrong, in plain words.
        file: The file at fault.
        layer: The layer (or node) at fault, by its name in the source model.
        operator: That layer's type.
        hint: What the user can do about it.
    """

    exit_code = 1
    """What a command ends with."""

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        layer: str | None = None,
        operator: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.layer = layer
        self.operator = operator
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        where = []
        if self.file is not None:
            where.append(str(self.file))
        if self.layer is not None:
            kind = f" ({self.operator})" if self.operator else ""
            where.append(f"layer '{self.layer}'{kind}")
        elif self.operator is not None:
            where.append(f"operator {self.operator}")
        text = ": ".join([*where, self.message])
        return f"{text}\n  {self.hint}" if self.hint else text


class FormatError(Error):
    """A file is truncated, malformed, or not of the format it claims."""


class ShapeError(Error):
    """Shapes do not fit together, or one is needed that nothing determines."""


class UsageError(Error):
    """A command or call asks for something that cannot be done."""


class MissingExtraError(Error):
    """An optional package is missing.

    Args:
        package: The package that could not be imported.
        extra: The extra of `mmdnn` that installs it.
        hint: What to do where no extra can.
    """

    def __init__(self, package: str, extra: str = "", *, hint: str | None = None) -> None:
        super().__init__(
            f"the package '{package}' is needed for this and is not installed",
            hint=hint or (f"pip install 'mmdnn[{extra}]'" if extra else f"pip install {package}"),
        )


class MismatchError(Error):
    """Source and result disagree; the message names the first layer at fault.

    Attributes:
        report: The comparison, a `mmdnn.Report`, where there is one.
    """

    report: Any = None


class UnsupportedError(Error):
    """Something in the model has no exact counterpart; see `Error` for the arguments."""

    @classmethod
    def listing(
        cls,
        refused: Sequence[tuple[str, str]],
        *,
        action: str,
        file: Path | str | None = None,
        hint: str = "",
    ) -> UnsupportedError:
        """Every unsupported operator of a model in one error.

        Args:
            refused: Pairs of operator and layer name, in the model's order.
            action: What cannot be done with them, e.g. "read" or "written as PyTorch".
            file: The model's file.
            hint: What else the user can do about it.
        """
        layers: dict[str, list[str]] = {}
        for operator, layer in dict.fromkeys(refused):
            layers.setdefault(operator, []).append(layer)
        lines = [
            f"    {operator} x{len(names)}: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
            for operator, names in layers.items()
        ]
        count = len(layers)
        return cls(
            f"{count} operator{'s' if count > 1 else ''} cannot be {action}:\n" + "\n".join(lines),
            file=file,
            hint="'mmlist' shows what is supported." + (f"\n  {hint}" if hint else ""),
        )
