"""Descriptor sets become message classes with whatever protobuf there is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from mmdnn.errors import FormatError
from mmdnn.tensors.protobuf import schema


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with the descriptor set of one message, `shop.Item`, and one enum."""
    described = descriptor_pb2.FileDescriptorSet()
    file = described.file.add(name="shop.proto", package="shop", syntax="proto2")
    item = file.message_type.add(name="Item")
    field = descriptor_pb2.FieldDescriptorProto
    item.field.add(name="name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    item.field.add(name="price", number=2, type=field.TYPE_FLOAT, label=field.LABEL_REPEATED)
    file.enum_type.add(name="Size").value.add(name="BIG", number=3)
    folder = tmp_path / "shop_schema"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "shop.desc").write_bytes(described.SerializeToString())
    monkeypatch.syspath_prepend(tmp_path)
    schema.cache_clear()
    yield "shop_schema"
    sys.modules.pop("shop_schema", None)
    schema.cache_clear()


def test_messages_and_enums(package: str) -> None:
    shop = schema(package, "shop.desc")
    item = shop["shop.Item"](name="nail", price=[0.5, 2.0])
    again = shop.parse("shop.Item", item.SerializeToString())
    assert (again.name, list(again.price)) == ("nail", [0.5, 2.0])
    assert shop.enum("shop.Size") == {"BIG": 3}
    with pytest.raises(KeyError):
        shop["shop.Nothing"]


def test_other_bytes_are_refused(package: str) -> None:
    with pytest.raises(FormatError, match=r"nail\.bin: no valid shop\.Item"):
        schema(package, "shop.desc").parse("shop.Item", b"\x0a\x05ab", "nail.bin")
