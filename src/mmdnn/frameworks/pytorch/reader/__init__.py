"""Reading PyTorch's files without torch: exported programs and TorchScript."""

from __future__ import annotations

from pathlib import Path

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Exported, Script
from mmdnn.frameworks.pytorch.reader import exported, saved, script
from mmdnn.registry import Source, head
from mmdnn.tensors import archive

__all__ = ["check_samples", "read"]


def read(source: Source) -> Exported | Script:
    """What a file holds.

    Raises:
        FormatError: It is damaged.
        UnsupportedError: It holds no network, or one that is Python code.
    """
    if source.network is None:
        raise FormatError("there is no file")
    if head(source.network, 1) == b"\x80":
        raise _weights(source.network, None)
    with archive.opened(source.network) as found:
        try:
            names = {name.rpartition("/")[2] for name in found.members}
            if "constants.pkl" in names or any("/code/" in name for name in found.members):
                return script.read(found, source)
            if "data.pkl" in names:
                raise _weights(source.network, saved.state(found))
            return exported.read(found, source)
        except (KeyError, TypeError, AttributeError, *archive.DAMAGED) as error:
            raise FormatError(f"it is damaged: {error}", file=source.network) from None


def _weights(file: Path, held: object) -> UnsupportedError:
    """What to say of a file without a network: what it holds, and what to do."""
    tensors = saved.named(held)
    words = (
        f"{len(tensors)} tensors ({', '.join(tensors[:3])}, ...)" if tensors else "pickled objects"
    )
    return UnsupportedError(
        f"holds weights, {words}; the network is Python code",
        file=file,
        hint="In Python: torch.export.save(torch.export.export(model, inputs), 'net.pt2').",
    )


def check_samples(file: Path) -> None:
    """Refuse an exported program whose pickles hold anything but tensors: torch's own reader unpickles them.

    Raises:
        UnsupportedError: One does.
    """
    with archive.opened(file) as found:
        for name, info in found.members.items():
            old = "serialized_" in name and not name.endswith(exported.OLD)
            if info.file_size and (old or name.endswith((".pt", ".pth"))):
                with archive.opened_within(found.place(name)) as inner:
                    saved.state(inner)
