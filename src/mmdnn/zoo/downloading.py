"""Bringing a model's files here: over HTTP or HTTPS, whole or not at all.

A file is written beside its place and moved into it once all of it is there: as long as the server
said it would be, with the checksum that is known of it, and no web page in a model's stead.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mmdnn.errors import Error, FormatError, UsageError
from mmdnn.outputs import outputs
from mmdnn.zoo import applications
from mmdnn.zoo.catalogue import File, Model

LIMIT = 1 << 32
"""Bytes that a file may have: twice what any of the catalogue's has."""
PATIENCE = 60.0
"""Seconds that a server may be silent."""
BLOCK = 1 << 16
NAMES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}
_HTML = (b"<!doctype html", b"<html")
_GONE = (
    "Several of the old hosts are gone. If you have the file elsewhere, on a server or in a folder that you "
    "serve, say so with --mirror URL."
)


class Told:
    """What is told of a download; this one tells nobody."""

    def existing(self, path: str) -> None:
        """The file is there already, and is taken as it is."""

    def begin(self, path: str, url: str) -> None:
        """A file is asked for."""

    def received(self, count: int, total: int | None) -> None:
        """So many bytes of so many have come; None where the server does not say."""

    def end(self, count: int) -> None:
        """The file is complete."""


def download(
    model: Model,
    folder: str | os.PathLike[str] = ".",
    *,
    mirror: str = "",
    told: Told | None = None,
) -> list[str]:
    """Bring a model's files into a folder; those that are there already are taken as they are.

    Where files hold weights alone and Keras is here, which has their network, the file is written that
    holds both.

    Args:
        model: One of the catalogue.
        folder: Where they go; it is made.
        mirror: An address under which the files are found by their names instead.
        told: Told how far the work is.

    Returns:
        The files, the structure first, as `folder` joined with their names.

    Raises:
        UsageError: The folder cannot be written, or the address is none of HTTP.
        Error: The server does not answer, or refuses.
        FormatError: What it sends is not the file.
    """
    told = told or Told()
    if model.builder and applications.installed():
        return [_built(model, os.fspath(folder), mirror, told)]
    return [_one(file, os.fspath(folder), mirror, told) for file in model.files]


def _built(model: Model, folder: str, mirror: str, told: Told) -> str:
    path = os.path.join(folder, model.built)
    if os.path.isfile(path):
        told.existing(path)
        return path
    with outputs() as place, tempfile.TemporaryDirectory(prefix="mmdnn-") as aside:
        target = place(path)
        (weights,) = (_one(file, aside, mirror, told) for file in model.files)
        applications.build(model.builder, Path(weights), target)
    return path


def _one(file: File, folder: str, mirror: str, told: Told) -> str:
    if file.name in ("", "..") or Path(file.name).name != file.name:
        raise UsageError(f"'{file.name}' is no name of a file")
    path = os.path.join(folder, file.name)
    if os.path.isfile(path):
        told.existing(path)
        return path
    url = f"{mirror.rstrip('/')}/{quote(file.name)}" if mirror else file.url
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"{url} is no address of HTTP or HTTPS")
    told.begin(path, url)
    with outputs() as place:
        _fetch(url, place(path), file, told)
    return path


def _fetch(url: str, target: Path, file: File, told: Told) -> None:
    kind, checksum = file.checksum
    try:
        with _opener().open(url, timeout=PATIENCE) as answer, target.open("wb") as out:
            total = _announced(answer, url)
            digest = hashlib.new(kind, usedforsecurity=False)
            count = 0
            while block := answer.read(BLOCK):
                if not count:
                    _refuse_page(answer, block, url)
                count += len(block)
                if count > LIMIT:
                    raise _too_large(url)
                out.write(block)
                digest.update(block)
                told.received(count, total)
    except urllib.error.HTTPError as error:
        error.close()
        raise Error(f"{url} is refused: {error.code} {error.reason}", hint=_GONE) from None
    except http.client.IncompleteRead:
        raise Error(f"{url} ended before it was complete", hint="Try again.") from None
    except urllib.error.URLError as error:
        raise Error(f"{url} does not answer: {_reason(error.reason)}", hint=_GONE) from None
    except (http.client.HTTPException, ValueError) as error:
        raise Error(f"{url} does not answer as a web server: {_reason(error)}") from None
    except (TimeoutError, ConnectionError) as error:
        raise Error(f"{url} stopped answering: {_reason(error)}", hint="Try again.") from None
    if total is not None and count != total:
        raise Error(f"{url} ended after {count} of {total} bytes", hint="Try again.")
    if not count:
        raise FormatError(f"{url} is empty")
    if not digest.hexdigest().startswith(checksum):
        raise FormatError(
            f"{url} is damaged or another file: its {NAMES[kind]} is {digest.hexdigest()}"
        )
    told.end(count)


def _opener() -> urllib.request.OpenerDirector:
    """What opens HTTP and HTTPS, through redirections and the user's proxies, and nothing else."""
    opener = urllib.request.OpenerDirector()
    handlers: tuple[Any, ...] = (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    )
    for handler in handlers:
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "mmdnn")]
    return opener


def _announced(answer: Any, url: str) -> int | None:
    """How long the server says the file is."""
    length = answer.headers.get("Content-Length")
    if length is None or not length.strip().isdigit():
        return None
    if int(length) > LIMIT:
        raise _too_large(url)
    return int(length)


def _too_large(url: str) -> FormatError:
    return FormatError(f"{url} is larger than any model of the catalogue ({LIMIT >> 30} GB)")


def _refuse_page(answer: Any, head: bytes, url: str) -> None:
    """Hosts that are given up answer every address with the same page."""
    page = head.lstrip()[: max(map(len, _HTML))].lower().startswith(_HTML)
    if page or answer.headers.get_content_type() == "text/html":
        raise Error(f"{url} is a web page now, not a model", hint=_GONE)


def _reason(error: object) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).removesuffix(".")
