"""What files are that no reader is to be asked about: no models at all, or of formats not read here.

A pointer in place of a file, a web page, something still packed: each is told as what it is, before
any reader sees it. So are formats that are not read yet, and what to do about them.
"""

from __future__ import annotations

import codecs
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mmdnn.errors import Error, FormatError, UnsupportedError, UsageError

HEAD = 1 << 12
_LFS = b"version https://git-lfs.github.com/spec/"
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<error>")
_DECLARED = re.compile(rb"<\?xml[^>]*>\s*")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_ZIP = b"PK\x03\x04"
_ZIPPED = {".mar", ".model", ".pt", ".pt2", ".pth", ".keras", ".npz", ".mlpackage", ".ptl"}
"""Suffixes of models that are zip archives."""
_TAR, _TAR_AT = b"ustar", 257
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLED = (b"\x80\x02", b"\x80\x04", b"\x80\x05")

_EXPORT = "In Python: torch.export.save(torch.export.export(model, inputs), 'net.pt2'); that is read here."
FORMATS = {
    "pytorch": ("PyTorch models are not read from their source code", _EXPORT),
    "state": (
        "PyTorch models are not read from their weights alone",
        f"The file holds weights; the network is Python code. Load them there. {_EXPORT}",
    ),
    "coreml": (
        "Core ML models are not read yet",
        "Save ONNX from the framework that the model was made in.",
    ),
    "darknet": (
        "Darknet models are not read yet",
        "A port of the network to PyTorch can load the weights and save ONNX: torch.onnx.export.",
    ),
}
"""Formats that are not read: what to say of them, and the way round."""
ALIASES = {"torch": "pytorch", "mlmodel": "coreml", "yolo": "darknet"}
_SUFFIXES = {
    ".h5": "keras", ".hdf5": "keras", ".keras": "keras",
    ".pth": "state", ".pt": "pytorch", ".pt2": "pytorch", ".ptl": "pytorch", ".py": "pytorch",
    ".safetensors": "state",
    ".mlmodel": "coreml", ".mlpackage": "coreml", ".cfg": "darknet", ".weights": "darknet",
}  # fmt: skip


def check(path: Path) -> None:
    """Refuse what is no file of any model.

    Raises:
        FormatError: It is a pointer of Git LFS, a web page, packed, or UTF-16.
        UnsupportedError: It is a folder of a format not read yet.
        UsageError: It is not there, or no file.
    """
    if path.is_dir():
        if is_saved_model(path):
            return
        found = of([path])
        raise found or UsageError("is a folder: give the model's files", file=path)
    if not path.exists():
        meant = path.name in {"in", "iw", "n", "w", "f", "sf", "df", "om", "o", "node", "d"}
        hint = f"Was the flag -{path.name} meant?" if meant else None
        raise UsageError("there is no such file", file=path, hint=hint)
    if not path.is_file():
        raise UsageError("is a pipe or a device, not a file", file=path)
    head = _head(path)
    if head.startswith(_LFS):
        size = re.search(rb"\nsize (\d+)", head)
        known = f" ({_bytes(int(size[1]))})" if size else ""
        raise FormatError(
            "is a Git LFS pointer, not the file itself",
            file=path,
            hint=f"In its repository: git lfs pull fetches it{known}.",
        )
    if head.startswith(_WIDE):
        raise FormatError("is text in UTF-16", file=path, hint="Save it as UTF-8.")
    if _DECLARED.sub(b"", head.lstrip().removeprefix(codecs.BOM_UTF8)).lower().startswith(_PAGE):
        raise FormatError(
            "is a web page, not a model",
            file=path,
            hint="Download it again, by its direct address.",
        )
    packed = _packed(path, head)
    if packed:
        raise FormatError(
            f"is compressed ({packed})", file=path, hint="Unpack it, and give what was in it."
        )


def _packed(path: Path, head: bytes) -> str:
    for magic, title in _PACKED.items():
        if head.startswith(magic):
            return title
    if head.startswith(_ZIP) and path.suffix.lower() not in _ZIPPED and not _kind(path):
        return "zip"
    return "tar" if head[_TAR_AT:].startswith(_TAR) and path.suffix != ".pth" else ""


def of(files: Sequence[Path]) -> Error | None:
    """What to tell of files in a format that is not read yet; None where they are in none of these."""
    for path in files:
        kind = _kind(path)
        if kind:
            return unread(kind, path)
    return None


def unread(kind: str, path: Path | None = None) -> UnsupportedError | None:
    """The error for a format, by its name or that of its framework; None where it is not known."""
    known = FORMATS.get(ALIASES.get(kind.lower(), kind.lower()))
    if known is None:
        return None
    message, hint = known
    folder = path.parent if path is not None and path.is_file() else path
    words = {"file": path or "net", "folder": folder or "folder"}
    stem = str(path).removesuffix(path.suffix) if path is not None else "net"
    return UnsupportedError(message, file=path, hint=hint.format(**words, stem=stem))


def is_saved_model(folder: Path) -> bool:
    """Whether a folder is a model of TensorFlow, as which it may be given."""
    return any((folder / f"saved_model.{suffix}").is_file() for suffix in ("pb", "pbtxt"))


def _kind(path: Path) -> str:
    """The format of a file or folder, by what is in it, then by its name; or ""."""
    if path.is_dir():
        return _SUFFIXES.get(path.suffix, "")
    head = _head(path)
    if head.startswith(_ZIP):
        return _zipped(path)
    if head.startswith(_HDF5):
        return "keras"
    if re.match(rb"\s*(#[^\n]*\n\s*)*\[net(work)?\]", head):
        return "darknet"
    if head.startswith(_PICKLED) and path.suffix.lower() not in (".pkl", ".npy"):
        return "state"
    return _SUFFIXES.get(path.suffix.lower(), "")


def _zipped(path: Path) -> str:
    """The format of a zip archive; "" for one that only packs files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()[:HEAD]]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return _SUFFIXES.get(path.suffix.lower(), "")
    if "model.weights.h5" in names:
        return "keras"
    if "constants.pkl" in names or "serialized_exported_program.json" in names:
        return "pytorch"
    if "data.pkl" in names:
        return "state"
    return "pytorch" if path.suffix.lower() == ".pt2" else ""


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UsageError(f"cannot be read: {os.strerror(error.errno or 0)}", file=path) from None


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
