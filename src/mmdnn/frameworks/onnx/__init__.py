"""ONNX: a model in one file or with external data, and the IR's own three files.

https://onnx.ai/onnx/repo-docs/IR.html. The native graph is an `onnx_ir.Model` at the opset of its
file; the importer brings it to the opset of the IR. The IR is written as it is, so there is no
exporter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source

_IR = {".pb", ".npy", ".json"}
_HEAD = 1 << 12


def arrange(files: Sequence[Path]) -> Source | None:
    """One `.onnx` file (or one that begins as such), or the files of an IR, named or by stem.

    Returns:
        None where they are something else.
    """
    if len(files) == 1 and files[0].suffix.lower() not in _IR:
        path = files[0]
        return Source(path) if path.suffix.lower() == ".onnx" or _begins_as_model(path) else None
    if any(path.suffix.lower() not in _IR for path in files):
        return None
    of = {suffix: [p for p in files if p.suffix.lower() == suffix] for suffix in _IR}
    stems = {
        path.with_suffix("") for path in files if path.suffix.lower() != ".npy" or not of[".pb"]
    }
    if len(stems) != 1 or len(of[".npy"]) > 1:
        return None
    stem = stems.pop()
    network = stem.with_name(stem.name + ".pb")
    weights = of[".npy"][0] if of[".npy"] else None
    if weights is not None and weights.with_suffix("") == stem:
        weights = None
    return Source(network, weights) if network.is_file() and _begins_as_model(network) else None


def _begins_as_model(path: Path) -> bool:
    """Whether a file's first fields are those of a ModelProto: ir_version, then names and such.

    TensorFlow's `.pb` begins with a node or a version message, Core ML's with another number.
    """
    from mmdnn.errors import FormatError
    from mmdnn.tensors.wire import LEN, VARINT, records

    try:
        with path.open("rb") as file:
            head = memoryview(file.read(_HEAD))
    except OSError:
        return False
    kinds = {1: VARINT, 2: LEN, 3: LEN, 4: LEN, 5: VARINT, 6: LEN, 7: LEN, 8: LEN, 14: LEN}
    kinds |= {20: LEN, 25: LEN, 26: LEN}
    seen = []
    try:
        for record in records(head, end=max(len(head), path.stat().st_size)):
            if kinds.get(record.number) != record.wire_type:
                return False
            seen.append(record)
            if record.end > len(head):
                break
    except (FormatError, IndexError):
        return False
    version = seen[0] if seen else None
    return version is not None and version.number == 1 and 1 <= head[version.start] <= 0x7F


FRAMEWORK = Framework(
    name="onnx",
    title="ONNX",
    package="mmdnn.frameworks.onnx",
    extra="verify",
    arrange=arrange,
    writes=(".onnx",),
    help="net.onnx, or the IR's net.pb, net.npy and net.json",
)
