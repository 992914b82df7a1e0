"""Keras's files: weights in place, in every layout; what is no model; damage."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("h5py")

import h5py

from mmdnn.errors import FormatError, UsageError
from mmdnn.frameworks.keras import arrange, reader
from mmdnn.frameworks.keras.graph import Generation, Model
from mmdnn.registry import Source
from mmdnn.tensors import references

KERNEL = np.arange(6, dtype=np.float32).reshape(3, 2)
DENSE = {"name": "d", "units": 2, "activation": "linear", "use_bias": False}
CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "Dense", "config": {**DENSE, "batch_input_shape": [None, 3]}},
        ],
    },
}


def h5(path: Path, version: str = "2.2.4", **how: object) -> Source:
    with h5py.File(path, "w") as file:
        file.attrs.update(
            model_config=json.dumps(CONFIG), keras_version=version, backend="tensorflow"
        )
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"d"])
        layer = group.create_group("d")
        layer.attrs["weight_names"] = np.array([b"d/kernel:0"])
        layer.create_dataset("d/kernel:0", data=KERNEL, **how)
    source = arrange([path])
    assert source is not None
    return source


def kernel(model: Model) -> ir.TensorProtocol:
    return next(layer for layer in model.network.layers if layer.name == "d").weights["kernel"]


def test_weights_stay_where_they_are(tmp_path: Path) -> None:
    tensor = kernel(reader.read(h5(tmp_path / "net.h5")))
    assert isinstance(tensor, ir.ExternalTensor)
    np.testing.assert_array_equal(references.read(tensor), KERNEL)


def test_compressed_weights_are_lazy(tmp_path: Path) -> None:
    tensor = kernel(reader.read(h5(tmp_path / "net.h5", compression="gzip")))
    assert isinstance(tensor, ir.LazyTensor)
    np.testing.assert_array_equal(references.read(tensor), KERNEL)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive(tmp_path: Path, packing: int) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", data=KERNEL)
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("config.json", json.dumps(CONFIG))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    source = arrange([path])
    assert source is not None
    model = reader.read(source)
    assert model.generation is Generation.KERAS3
    assert isinstance(kernel(model), ir.ExternalTensor)
    np.testing.assert_array_equal(references.read(kernel(model)), KERNEL)


@pytest.mark.parametrize(
    ("version", "generation"),
    [("1.2.2", 1), ("2.2.4", 2), ("2.2.4-tf", 3), ("2.15.0", 3), ("3.8.0", 4)],
)
def test_generations(tmp_path: Path, version: str, generation: int) -> None:
    assert reader.read(h5(tmp_path / "net.h5", version)).generation == generation


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"d"])
    with pytest.raises(FormatError, match=r"no architecture\s+Give the model's json"):
        reader.read(Source(tmp_path / "w.h5"))
    with pytest.raises(UsageError, match="no architecture"):
        reader.read(Source(weights=tmp_path / "w.h5"))


def test_links_are_not_followed(tmp_path: Path) -> None:
    source = h5(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        del file["model_weights/d/d"]
        file["model_weights/d/d"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(FormatError, match="is a link and not followed"):
        reader.read(source)


def test_data_of_other_files_are_not_read(tmp_path: Path) -> None:
    source = h5(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        del file["model_weights/d/d/kernel:0"]
        layout = h5py.VirtualLayout((3, 2), np.float32)
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2), np.float32)
        file.create_virtual_dataset("model_weights/d/d/kernel:0", layout)
    with pytest.raises(FormatError, match="lies in another file"):
        reader.read(source)


def test_yaml(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    (tmp_path / "net.yaml").write_text(yaml.dump({**CONFIG, "keras_version": "2.2.4"}))
    h5(tmp_path / "net.h5")
    source = arrange([tmp_path / "net.yaml", tmp_path / "net.h5"])
    assert source is not None
    np.testing.assert_array_equal(references.read(kernel(reader.read(source))), KERNEL)


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    text = "class_name: Sequential\nconfig: !!python/object/apply:os.system ['touch x']\n"
    (tmp_path / "net.yaml").write_text(text)
    with pytest.raises(FormatError, match="its yaml is damaged"):
        reader.read(Source(tmp_path / "net.yaml"))
