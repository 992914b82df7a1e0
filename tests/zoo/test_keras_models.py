"""Keras's models: weights alone, whose networks Keras has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from mmdnn import zoo
from mmdnn.cli import mmdownload
from mmdnn.errors import FormatError
from mmdnn.zoo import applications

LINE = "-f keras -n mobilenet --mirror"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_documented_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert mmdownload.main(["-f", "keras"]) == 0
    assert capsys.readouterr().out == (
        "Supported models: ['inception_v3', 'vgg16', 'vgg19', 'resnet50', 'mobilenet', 'xception', "
        "'inception_resnet_v2', 'densenet', 'nasnet']\n"
    )


def test_addresses_and_checksums_are_those_of_keras() -> None:
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    folder = Path(importlib.util.find_spec("keras").origin).parent / "src/applications"
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    for model in zoo.models("keras"):
        (file,) = model.files
        assert f"def {model.builder}(" in text
        assert file.md5 in text
        assert file.url.split("/")[-2] in text


def test_without_keras_the_weights_come_alone(
    served: tuple[Path, str],
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, url = served
    (folder / "mobilenet_1_0_224_tf.h5").write_bytes(b"weights")
    monkeypatch.setattr(applications, "installed", lambda: False)
    assert mmdownload.main([*LINE.split(), url]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("Keras model mobilenet is saved in [./mobilenet_1_0_224_tf.h5]\n")
    assert "holds the weights alone" in err
    assert "makes imagenet_mobilenet.h5 of both" in err


@pytest.mark.skipif(not applications.installed(), reason="Keras is not installed")
def test_with_keras_it_is_a_model(
    served: tuple[Path, str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    h5py = pytest.importorskip("h5py")
    folder, url = served
    _save_weights(folder / "mobilenet_1_0_224_tf.h5")
    assert mmdownload.main([*LINE.split(), url]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("Keras model mobilenet is saved in [./imagenet_mobilenet.h5]\n")
    assert err == ""
    assert [path.name for path in here.iterdir()] == ["imagenet_mobilenet.h5"]
    with h5py.File("imagenet_mobilenet.h5") as file:
        assert "model_config" in file.attrs
    assert mmdownload.main([*LINE.split(), url]) == 0
    assert "File [./imagenet_mobilenet.h5] existed!" in capsys.readouterr().out


@pytest.mark.skipif(not applications.installed(), reason="Keras is not installed")
def test_weights_of_another_network_are_refused(served: tuple[Path, str], here: Path) -> None:
    folder, url = served
    (folder / "mobilenet_1_0_224_tf.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(FormatError, match="Keras cannot load it into MobileNet"):
        zoo.download(zoo.model("keras", "mobilenet"), mirror=url)
    assert not list(here.iterdir())


def _save_weights(path: Path) -> None:
    """Weights as Keras 2 saved them, in a process of its own."""
    import subprocess
    import sys

    code = (
        "import h5py, keras, sys\n"
        "from keras.src.legacy.saving import legacy_h5_format as old\n"
        "with h5py.File(sys.argv[1], 'w') as file:\n"
        "    old.save_weights_to_hdf5_group(file, keras.applications.MobileNet(weights=None))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
