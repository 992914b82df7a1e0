"""Files of the corpora: all of them read, and whatever is done to them is refused in words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmdnn.errors import Error, FormatError, MissingExtraError
from mmdnn.frameworks.caffe import arrange
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.frameworks.caffe.reader import read
from mmdnn.registry import Source
from mmdnn.tensors import references

OTHERS = {"golden.npz", "deploy.prototxt"}


def cases(shared: Path) -> Iterator[tuple[str, list[Path]]]:
    for folder in sorted((shared / "corpus" / "caffe").iterdir()):
        if folder.is_dir():
            yield folder.name, sorted(p for p in folder.iterdir() if p.name not in OTHERS)


def source(files: list[Path]) -> Source:
    found = arrange(files)
    assert found is not None
    return found


def test_every_case_is_read_with_its_inputs(shared):
    count = 0
    for name, files in cases(shared):
        network = read(source(files))
        with np.load(files[0].parent / "golden.npz") as golden:
            inputs = {key[6:]: golden[key].shape for key in golden if key.startswith("input/")}
        read_inputs = {key: shape for key, shape in network.inputs.items() if shape is not None}
        if not name.startswith("trainval_"):
            assert network.inputs.keys() == inputs.keys(), name
            assert read_inputs == inputs, name
        assert network.inputs.keys() == inputs.keys(), name
        count += 1
    assert count > 200


def test_train_val_is_read_as_its_deploy_twin(shared):
    def nodes(network: Network) -> list[tuple[str, list[str], list[str]]]:
        return [(layer.type, layer.bottoms, layer.tops) for layer in network.layers]

    for name, files in cases(shared):
        if name.startswith("trainval_"):
            deploy = read(Source(files[0].parent / "deploy.prototxt", source(files).weights))
            assert nodes(read(source(files))) == nodes(deploy), name


def test_mean_images(shared):
    count = 0
    for name, files in cases(shared):
        if not name.startswith("mean_"):
            continue
        (layer,) = read(source(files)).layers
        with np.load(files[0].parent / "golden.npz") as golden:
            mean = golden["blob/mean"]
        assert (layer.type, layer.tops) == ("Parameter", ["mean"])
        np.testing.assert_array_equal(references.read(layer.blob(0, mean.shape)), mean)
        count += 1
    assert count >= 7


def test_the_ilsvrc_mean(shared):
    folder = shared / "models" / "caffe" / "ilsvrc_2012_mean"
    (layer,) = read(Source(folder / "ilsvrc_2012_mean.binaryproto")).layers
    mean = np.load(folder / "ilsvrc_2012_mean.npy")
    np.testing.assert_array_equal(
        references.read(layer.blob(0, mean.shape)), mean.astype(np.float32)
    )


def test_real_models_with_and_without_their_prototxt(shared):
    count = 0
    for weights in sorted((shared / "models" / "caffe").glob("*/*.caffemodel")):
        text = weights.with_suffix(".prototxt")
        text = text if text.exists() else next(weights.parent.glob("*.prototxt"))
        both, alone = read(Source(text, weights)), read(Source(weights))
        blobs = {layer.name: layer.blobs for layer in alone.layers}
        for layer in both.layers:
            assert len(layer.blobs) == len(blobs.get(layer.name, [])), (text, layer.name)
            for one, other in zip(layer.blobs, blobs.get(layer.name, []), strict=True):
                assert (one.offset, one.length) == (other.offset, other.length)
        count += 1
    assert count >= 8


def test_prototxt_files_of_others(shared):
    count = 0
    for path in sorted((shared / "models" / "caffe_prototxt").rglob("*.prototxt")):
        if "solver" in path.name:
            with pytest.raises(FormatError):
                read(Source(path))
            continue
        network = read(Source(path))
        assert network.layers
        assert not any(layer.type.endswith("Loss") for layer in network.layers if layer.bottoms), (
            path
        )
        count += 1
    assert count > 30


def mutations(data: bytes, rng: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        bad = bytearray(data)
        kind = rng.randrange(3)
        if kind == 0:
            del bad[rng.randrange(len(bad)) :]
        elif kind == 1:
            at = rng.randrange(len(bad))
            del bad[at : at + rng.randrange(1, 30)]
        else:
            for _ in range(rng.randrange(1, 6)):
                bad[rng.randrange(len(bad))] = rng.randrange(256)
        yield bytes(bad)


def test_mutations_are_read_or_refused_in_words(shared, tmp_path):
    rng = random.Random(20201106)
    refused: list[Error] = []
    for name, files in cases(shared):
        if name.endswith("_hdf5"):
            pytest.importorskip("h5py")
        for victim in files:
            bad = tmp_path / victim.name
            for data in mutations(victim.read_bytes(), rng, 3):
                bad.write_bytes(data)
                try:
                    network = read(source([bad if path == victim else path for path in files]))
                    numbers(network)
                except MissingExtraError:
                    raise
                except Error as error:
                    refused.append(error)
    assert len(refused) > 300
    assert [str(error) for error in refused if error.file is None] == []


@np.errstate(over="ignore", invalid="ignore")
def numbers(network: Network) -> None:
    for layer in network.layers:
        for blob in layer.blobs:
            if hasattr(blob, "numpy"):
                references.read(blob)
