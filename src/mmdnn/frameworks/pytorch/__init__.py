"""PyTorch: source code with its weights (.py with .safetensors or .pth), .pt2 and TorchScript .pt files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source

_WEIGHTS = {".safetensors", ".pth"}
_WHOLE = {".pt2", ".pt"}


def arrange(files: Sequence[Path]) -> Source | None:
    """Sort files into source code and weights, by their suffixes."""
    code = [path for path in files if path.suffix == ".py"]
    weights = [path for path in files if path.suffix in _WEIGHTS]
    whole = [path for path in files if path.suffix in _WHOLE]
    if len(files) == len(whole) == 1:
        return Source(network=whole[0])
    if len(code) == 1 and len(weights) <= 1 and len(files) == len(code) + len(weights):
        return Source(network=code[0], weights=weights[0] if weights else None)
    return None


FRAMEWORK = Framework(
    name="pytorch",
    title="PyTorch",
    package="mmdnn.frameworks.pytorch",
    extra="pytorch",
    arrange=arrange,
    aliases=("torch",),
    writes=(".py", ".safetensors", ".pth", ".pt2", ".pt"),
    help="net.py with net.safetensors or net.pth; net.pt2; net.pt",
)
