"""Outputs that appear when they are complete, together, or not at all.

    with outputs() as place:
        write(place(target))            # writes `.mmdnn-….partial/<name>`, in the target's folder
        write(place(weights))
    # here both were moved into place

Whatever ends the block otherwise (an error, Ctrl-C, SIGTERM) removes what was written. After
SIGKILL the hidden folder stays, and the next command that writes there removes it: a folder that
is in use is locked, and the lock ends with its process.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mmdnn.errors import UsageError

_PREFIX, _SUFFIX = ".mmdnn-", ".partial"
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Staging:
    """Hands out places to write to; `outputs` makes it and ends it.

    Attributes:
        replaced: The files that were there before, and held something else, once all is in place.
    """

    def __init__(self, sources: Iterable[Path] = (), *, clobber: bool = True) -> None:
        self.replaced: list[Path] = []
        self._clobber = clobber
        self._sources: dict[tuple[int, int], Path] = {}
        self._kept: set[Path] = set()
        self.protect(sources)
        self._folders: dict[Path, tuple[Path, int | None]] = {}
        self._targets: dict[Path, Path] = {}
        self._made: list[Path] = []

    def __call__(self, target: Path | str, *, directory: bool = False) -> Path:
        """Where to write what shall become `target`: same name, in a hidden folder beside it.

        Folders above the target are made. What is asked for first is moved into place last, so ask
        for a model's main file first. What is written beside it goes with it; a place where nothing
        is written is forgotten.

        Args:
            target: The final place; what is there already is replaced at the end.
            directory: Whether a directory will be written, else a file.

        Raises:
            UsageError: Nothing can be written there; or it is what is read, by whatever name.
        """
        final = Path(os.path.realpath(target))
        if final.exists():
            self._check(final, Path(target), directory=directory)
        try:
            staged = self._folder(final.parent) / final.name
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", file=target) from error
        self._targets[staged] = final
        return staged

    def protect(self, sources: Iterable[Path]) -> None:
        """Have these files refused as places to write to, by whatever name."""
        self._sources |= {_identity(path): path for path in sources if path.exists()}

    def keep(self, paths: Iterable[Path]) -> None:
        """Have these files, which hold already what would be written in their places, stay as they are."""
        self._kept |= {Path(os.path.realpath(path)) for path in paths}

    def said(self) -> list[str]:
        """What the user should know once all is in place."""
        if not self.replaced:
            return []
        names = ", ".join(path.name for path in reversed(self.replaced))
        return [f"Replaced, as it was there already: {names}."]

    def _check(self, final: Path, target: Path, *, directory: bool = False) -> None:
        """Refuse what may not be replaced."""
        if final in self._kept:
            return
        if directory and not final.is_dir():
            raise UsageError("is in the way: it is no directory", file=target)
        if not directory and final.is_dir():
            raise UsageError("is a folder: give a file's name", file=target)
        if not directory and not final.is_file():
            raise UsageError("is in the way: it is no file", file=target)
        if _identity(final) in self._sources:
            source = self._sources[_identity(final)]
            other = "" if source == target else f", {source}"
            raise UsageError(f"is what is read{other}: give the result another name", file=target)
        if not self._clobber:
            raise UsageError("is there already, and is not to be replaced", file=target)

    def commit(self) -> list[Path]:
        """Move everything into place; returns the final places, main file first."""
        moved = []
        with _uninterrupted():
            for staged, final in self._ready():
                self.replaced += [final] if final.is_file() and not _same(staged, final) else []
                _move(staged, final)
                moved.append(final)
            self._made.clear()
        self.discard()
        return moved[::-1]

    def _ready(self) -> list[tuple[Path, Path]]:
        """What was written, in the order in which it shall appear."""
        asked = [(staged, final) for staged, final in self._targets.items() if staged.exists()]
        beside = [
            (staged, parent / staged.name)
            for parent, (folder, _) in self._folders.items()
            for staged in sorted(folder.iterdir())
            if staged not in self._targets
        ]
        for _, final in beside:
            if final.exists():
                self._check(final, final)
        ready = [*beside, *reversed(asked)]
        return [(staged, final) for staged, final in ready if final not in self._kept]

    def discard(self) -> None:
        """Remove everything that was not moved."""
        with _uninterrupted():
            for folder, lock in self._folders.values():
                shutil.rmtree(folder, ignore_errors=True)
                if lock is not None:
                    os.close(lock)
            for parent in reversed(self._made):
                with suppress(OSError):
                    parent.rmdir()
            self._folders.clear()
            self._targets.clear()
            self._made.clear()

    def _folder(self, parent: Path) -> Path:
        if parent not in self._folders:
            self._make(parent)
            _clean(parent)
            with _uninterrupted():
                folder = Path(tempfile.mkdtemp(_SUFFIX, _PREFIX, parent))
                self._folders[parent] = (folder, _lock(folder))
        return self._folders[parent][0]

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            self._made.append(folder)


def _same(one: Path, other: Path) -> bool:
    """Whether two files hold the same, where that is soon told."""
    sizes = one.stat().st_size, other.stat().st_size
    return sizes[0] == sizes[1] < SOON and filecmp.cmp(one, other, shallow=False)


SOON = 1 << 26


def _identity(path: Path) -> tuple[int, int]:
    """What is the same for every name of a file."""
    found = path.stat()
    return found.st_dev, found.st_ino


@contextmanager
def outputs(sources: Iterable[Path] = (), *, clobber: bool = True) -> Iterator[Staging]:
    """A block whose outputs appear at its end, all of them, or never.

    Args:
        sources: The files that are read, none of which may be written.
        clobber: Whether files that are there already are replaced, else refused.
    """
    staging = Staging(sources, clobber=clobber)
    with _signals_raise():
        try:
            yield staging
            staging.commit()
        finally:
            staging.discard()


def _move(staged: Path, final: Path) -> None:
    if final.is_dir():
        old = Path(tempfile.mkdtemp(_SUFFIX, _PREFIX, final.parent))
        final.rename(old / final.name)
        staged.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        staged.replace(final)


def _lock(folder: Path) -> int | None:
    """Lock a folder for the life of this process; None where it is locked, or nothing can be."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _clean(parent: Path) -> None:
    """Remove what commands that were killed left here."""
    for folder in parent.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            lock = _lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as an exception, where nobody else handles them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold signals back while a step is taken that must not be left half done."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_SIGNALS})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
