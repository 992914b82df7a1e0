"""Files that are no models, and formats that are not read yet, are told as what they are."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

import mmdnn
from mmdnn import Error, FormatError, UnsupportedError, UsageError

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 12345678\n"


def _zip(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return data.getvalue()


def _tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.onnx"))
    return data.getvalue()


@pytest.mark.parametrize("name", ["n.caffemodel", "n.params", "n.onnx", "n.model", "n.pb", "n.npy"])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LFS, "is a Git LFS pointer, not the file itself.*git lfs pull fetches it .12 MB."),
        (b"\n<!DOCTYPE html>\n<html>", "is a web page, not a model"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>', "is a web page, not a model"),
        ("name: 'n'".encode("utf-16"), "is text in UTF-16.*Save it as UTF-8"),
        (gzip.compress(b"x"), r"is compressed \(gzip\)"),
        (_zip("net.prototxt", "net.caffemodel"), r"is compressed \(zip\)"),
        (_tar(), r"is compressed \(tar\)"),
        (b"BZh91AY", r"is compressed \(bzip2\)"),
    ],
    ids=["lfs", "page", "denied", "wide", "gzip", "zip", "tar", "bzip2"],
)
def test_no_models(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    if name == "n.model" and data.startswith(b"PK"):
        pytest.skip("MXNet's archives are called so")
    path = tmp_path / name
    path.write_bytes(data)
    for framework in (None, "caffe", "mxnet", "onnx", "cntk"):
        with pytest.raises(FormatError, match=f"(?s){words}"):
            mmdnn.load(path, framework=framework)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("net.pth", _zip("net/data.pkl", "net/data/0"), "PyTorch models.*torch.export"),
        ("net.bin", _zip("net/data.pkl", "net/data/0"), "PyTorch models.*holds weights"),
        ("net.tar", b"\x80\x02\x8a\nl\xfc\x9cF", "PyTorch models"),
        ("net.py", b"import torch", "PyTorch models"),
        ("net.mlmodel", b"\x08\x01\x12\0\xa2\x1f\0", "Core ML models"),
        ("yolo.cfg", b"# yolo\n[net]\nbatch=1\n", "Darknet models"),
        ("yolo.weights", b"\0\0\0\0\2\0\0\0", "Darknet models"),
    ],
)
def test_formats_that_are_not_read_yet(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnsupportedError, match=f"(?s){words}"):
        mmdnn.load(tmp_path / name)


@pytest.mark.parametrize("name", ["darknet", "coreml"])
def test_their_frameworks_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(b"x")
    with pytest.raises(UnsupportedError, match="are not read yet"):
        mmdnn.load(tmp_path / "net", framework=name)


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        mmdnn.load(tmp_path)
    (tmp_path / "net.mlpackage").mkdir()
    with pytest.raises(UnsupportedError, match="Core ML models are not read yet"):
        mmdnn.load(tmp_path / "net.mlpackage")


@pytest.mark.parametrize("name", ["m.onnx", "m.prototxt", "m.params", "m.model", "m.pb", "m.mar"])
def test_pipes_and_devices_are_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero_{name}").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / f"zero_{name}"):
        with pytest.raises(UsageError, match="a pipe or a device"):
            mmdnn.load(path)


def test_a_flag_without_its_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Error, match="Was the flag -in meant"):
        mmdnn.load("in", framework="caffe")


@pytest.mark.parametrize("suffix", [".mar", ".model"])
@pytest.mark.parametrize("bomb", ["n-symbol.json", "n-0000.params", "signature.json"])
def test_archives_that_explode_are_not_unpacked(bomb: str, suffix: str, tmp_path: Path) -> None:
    members = {"n-symbol.json": b"{}", "n-0000.params": b"x", "signature.json": b"{}"}
    members[bomb] = b"\0" * (1 << 26)
    path = tmp_path / f"n{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(FormatError, match="grows too much when unpacked"):
        mmdnn.load(path)
