"""Protobuf schemas, loaded at run time.

Generated `_pb2` modules bind a project to one protobuf release; a serialized FileDescriptorSet
(a `.desc` beside its `.proto`, made by `tools/build_schemas.py`) is read by any from 3.20 to 7.
Each set goes into a pool of its own, so that a schema of the same name that another package
brings does not clash with ours.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mmdnn.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.descriptor_pool import DescriptorPool


class Schema:
    """The message classes of one schema, by full name: `schema["caffe.NetParameter"]`."""

    def __init__(self, pool: DescriptorPool) -> None:
        self.pool = pool
        self._classes: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """The class of the message of that full name; KeyError if there is none."""
        if name not in self._classes:
            self._classes[name] = _message_class(self.pool, self.pool.FindMessageTypeByName(name))
        return self._classes[name]

    def enum(self, name: str) -> dict[str, int]:
        """The values of the enum of that full name; KeyError if there is none."""
        values = self.pool.FindEnumTypeByName(name).values
        return {value.name: value.number for value in values}

    def parse(self, name: str, data: bytes, file: Path | str | None = None) -> Any:
        """Parse a binary message.

        Raises:
            FormatError: The bytes are no such message.
        """
        from google.protobuf.message import DecodeError

        message = self[name]()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise FormatError(f"no valid {name} message: {error}", file=file) from error
        return message


@cache
def schema(package: str, resource: str) -> Schema:
    """Load a packaged descriptor set.

    Args:
        package: The Python package that holds it, e.g. "mmdnn.frameworks.caffe".
        resource: The file's name there, e.g. "caffe.desc".
    """
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    described = FileDescriptorSet.FromString(files(package).joinpath(resource).read_bytes())
    for file in described.file:
        pool.AddSerializedFile(file.SerializeToString())
    return Schema(pool)


def _message_class(pool: DescriptorPool, descriptor: Any) -> Any:
    from google.protobuf import message_factory

    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and newer
        return message_factory.GetMessageClass(descriptor)
    factory: Any = message_factory.MessageFactory(pool)
    return factory.GetPrototype(descriptor)
