"""Writing a PyTorch program: source code and weights, or one self-contained file.

* `net.py` with `net.safetensors` or `net.pth`: see `weights`;
* `net.pt2` and `net.pt`: see `archive`.
"""

from __future__ import annotations

from pathlib import Path

from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.graph import Program
from mmdnn.frameworks.pytorch.writer.weights import Progress, instantiate, write_state


def write(
    program: Program,
    target: Path,
    *,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the program to the files that the target's suffix asks for.

    Args:
        program: What the exporter made.
        target: `.py`, `.safetensors`, `.pth`, `.pt2` or `.pt`.
        weights: The weights' file for a `.py`; beside it, with `.safetensors`, unless given.
        progress: Told of the bytes of weights written.

    Returns:
        The files written, the main one first.

    Raises:
        MissingExtraError: torch is needed for that kind of file and is not installed.
        UnsupportedError: torch cannot put the program into one file.
    """
    if target.suffix in {".pt", ".pt2"}:
        from mmdnn.frameworks.pytorch.writer import archive

        archive.write(program, target)
        return [target]
    code = target if target.suffix == ".py" else target.with_suffix(".py")
    if weights is None:
        weights = (
            target
            if target.suffix in {".pth", ".safetensors"}
            else target.with_suffix(".safetensors")
        )
    code.write_text(codegen.source(program, weights=weights.name), encoding="utf-8")
    write_state(program, weights, progress=progress)
    return [code, weights]


__all__ = ["instantiate", "write"]
