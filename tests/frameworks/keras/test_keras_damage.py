"""Damaged and hostile files of Keras: errors of our own kinds, in this process, which lives on."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("h5py")

import h5py

from mmdnn.errors import Error, FormatError
from mmdnn.frameworks.keras import importer, reader
from mmdnn.registry import Source

LAYERS: list[Any] = [
    {
        "class_name": "Conv2D",
        "config": {
            "name": "c", "filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same",
            "data_format": "channels_last", "activation": "relu", "use_bias": False,
            "batch_input_shape": [None, 8, 8, 3],
        },
    },
    {"class_name": "Flatten", "config": {"name": "f"}},
    {"class_name": "Dense", "config": {"name": "d", "units": 2, "use_bias": False}},
]  # fmt: skip
WEIGHTS = {"c": (3, 3, 3, 2), "d": (128, 2)}
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def config() -> dict[str, Any]:
    layers = json.loads(json.dumps(LAYERS))
    return {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}


def saved(path: Path) -> bytes:
    with h5py.File(path, "w") as file:
        file.attrs.update(
            model_config=json.dumps(config()), keras_version="2.2.4", backend="tensorflow"
        )
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"c", b"f", b"d"])
        for name, shape in WEIGHTS.items():
            layer = group.create_group(name)
            layer.attrs["weight_names"] = np.array([f"{name}/kernel:0".encode()])
            layer.create_dataset(f"{name}/kernel:0", data=np.ones(shape, np.float32))
        group.create_group("f").attrs["weight_names"] = np.array([], "S1")
    return path.read_bytes()


def imported(path: Path) -> None:
    """Read it all, the weights too; only errors of our own may come."""
    try:
        model = importer.to_ir(reader.read(Source(path)))
        for value in model.graph.initializers.values():
            assert value.const_value is not None
            value.const_value.numpy()
    except Error:
        pass


@QUICK
@given(data=st.data())
def test_changed_bytes(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(saved(tmp_path / "whole.h5"))
    places = st.integers(0, len(whole) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    (tmp_path / "net.h5").write_bytes(whole[: data.draw(st.one_of(st.just(len(whole)), places))])
    imported(tmp_path / "net.h5")


ODD = st.sampled_from([None, -1, 0, 10**12, "x", [], {}, [None], True, 1.5, [[1, 2], [3]], [3, 3]])


@QUICK
@given(layer=st.integers(0, 2), key=st.integers(0, 9), value=ODD)
def test_odd_parameters(tmp_path: Path, layer: int, key: int, value: Any) -> None:
    odd = config()
    inner = odd["config"]["layers"][layer]["config"]
    inner[list(inner)[key % len(inner)]] = value
    (tmp_path / "net.json").write_text(json.dumps(odd))
    saved(tmp_path / "net.h5")
    with contextlib.suppress(Error):
        importer.to_ir(reader.read(Source(tmp_path / "net.json", tmp_path / "net.h5")))


def test_a_library_that_ends_its_process(tmp_path: Path) -> None:
    """What the HDF5 library does to its process is an error in this one."""
    from mmdnn.frameworks.keras.reader import hdf5
    from mmdnn.tensors.archive import Place

    saved(tmp_path / "net.h5")
    place = Place(tmp_path / "net.h5", 0, (tmp_path / "net.h5").stat().st_size)

    def crash(_file: Any) -> bytes:
        import os

        os.kill(os.getpid(), 11)
        return b""

    with pytest.raises(FormatError, match="reading it ends with SIGSEGV"):
        hdf5._apart(place, crash)


def test_groups_in_a_circle(tmp_path: Path) -> None:
    saved(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        file["model_weights/again"] = file["/"]
    with pytest.raises(FormatError, match="too deep"):
        reader.read(Source(tmp_path / "net.h5"))


def test_layers_in_a_circle(tmp_path: Path) -> None:
    layers = [
        {"class_name": "InputLayer", "name": "x", "config": {"batch_input_shape": [None, 3]}},
        *(
            {"class_name": "Activation", "name": a, "config": {"activation": "relu"},
             "inbound_nodes": [[[b, 0, 0, {}]]]}
            for a, b in (("a", "b"), ("b", "a"))
        ),
    ]  # fmt: skip
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["a", 0, 0]]}
    text = {"class_name": "Functional", "config": {"layers": layers, **ends}}
    (tmp_path / "net.json").write_text(json.dumps(text))
    with pytest.raises(FormatError, match="in a circle"):
        importer.to_ir(reader.read(Source(tmp_path / "net.json")))


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (64 << 20))
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(FormatError, match="grows too much"):
        reader.read(Source(path))


def test_code_is_not_run(tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None}}
    odd = config()
    odd["config"]["layers"][1] = {"class_name": "Lambda", "config": {"name": "l", "function": code}}
    (tmp_path / "net.json").write_text(json.dumps(odd))
    with pytest.raises(Error, match=r"Lambda x1: l[\s\S]*replace them by Keras's"):
        importer.to_ir(reader.read(Source(tmp_path / "net.json")))
