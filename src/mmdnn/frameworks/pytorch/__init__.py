"""PyTorch: .pt2 and TorchScript .pt files, read without torch; source code with weights, written."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

_WEIGHTS = {".safetensors", ".pth"}
_WHOLE = {".pt2", ".pt"}


def arrange(files: Sequence[Path]) -> Source | None:
    """Sort files into source code and weights, by their suffixes."""
    code = [path for path in files if path.suffix == ".py"]
    weights = [path for path in files if path.suffix in _WEIGHTS]
    whole = [path for path in files if path.suffix in _WHOLE]
    if len(files) == 1 and (whole or _is_program(files[0])):
        return Source(network=files[0])
    if len(code) == 1 and len(weights) <= 1 and len(files) == len(code) + len(weights):
        return Source(network=code[0], weights=weights[0] if weights else None)
    return None


_ZIP = b"PK\x03\x04"
_MEMBERS = {"constants.pkl", "archive_format", "serialized_exported_program.json"}


def _is_program(path: Path) -> bool:
    """Whether it is an archive of `torch.export` or TorchScript, whatever its name."""
    if head(path, len(_ZIP)) != _ZIP:
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] in _MEMBERS for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


FRAMEWORK = Framework(
    name="pytorch",
    title="PyTorch",
    package="mmdnn.frameworks.pytorch",
    extra="pytorch",
    arrange=arrange,
    aliases=("torch",),
    executes=(".py",),
    writes=(".py", ".safetensors", ".pth", ".pt2", ".pt"),
    help="net.pt2; net.pt (TorchScript); written: net.py with net.safetensors or net.pth",
)
