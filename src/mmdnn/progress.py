"""Progress bars for long work: on the terminal's error stream, and only where a person watches.

    for feed in progress.each(feeds, "verifying"):
        ...
    with progress.bytes(total, "writing weights") as wrote:
        wrote(4096)

`Silent` tells nobody; `bars()` gives what draws, where there is a terminal. Nothing is drawn for
work that ends within `PATIENCE` seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn

T = TypeVar("T")
Wrote = Callable[[int], object]
PATIENCE = 1.0
"""Seconds of work before a bar appears."""
STEP = 0.1
"""Seconds between two drawings."""


class Silent:
    """Tells nobody how far the work is."""

    def each(self, items: Iterable[T], title: str) -> Iterator[T]:
        """Yield the items, which are worked on one after the other.

        Args:
            items: What is worked on.
            title: What the work is, for the bar.
        """
        del title
        yield from items

    def bytes(self, total: int, title: str) -> AbstractContextManager[Wrote]:
        """A function to be told of bytes as they are written.

        Args:
            total: How many there will be.
            title: What the work is, for the bar.
        """
        del total, title
        return nullcontext(lambda count: None)


class Bars(Silent):
    """Draws a bar on standard error once the work has taken `PATIENCE` seconds."""

    def each(self, items: Iterable[T], title: str) -> Iterator[T]:
        """See `Silent.each`."""
        todo = list(items)
        with _drawn(title, len(todo), measure=False) as advance:
            for item in todo:
                yield item
                advance(1)

    def bytes(self, total: int, title: str) -> AbstractContextManager[Wrote]:
        """See `Silent.bytes`."""
        return _drawn(title, total, measure=True)


def bars() -> Silent:
    """`Bars` where standard error is a terminal, else `Silent`."""
    return Bars() if sys.stderr.isatty() else Silent()


@contextmanager
def _drawn(title: str, total: int, *, measure: bool) -> Iterator[Wrote]:
    bar: RichProgress | None = None
    done, begin = 0, time.monotonic()
    last = begin

    def advance(count: int) -> None:
        nonlocal bar, done, last
        done += count
        now = time.monotonic()
        if now - begin > PATIENCE and now - last > STEP:
            last = now
            bar = bar or _bar(title, total, measure)
            bar.update(bar.task_ids[0], completed=done, refresh=True)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def _bar(title: str, total: int, measure: bool) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn

    amount: ProgressColumn = DownloadColumn() if measure else MofNCompleteColumn()
    columns = TextColumn("{task.description}"), BarColumn(), amount
    bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    bar.add_task(title, total=total)
    bar.start()
    return bar
