"""How pictures are prepared: the formulas as their sources write them, the names as users know them."""

from __future__ import annotations

import numpy as np
import pytest

from mmdnn import zoo
from mmdnn.conversion.examples import _labels, _preprocessing
from mmdnn.errors import FormatError, UsageError

RGB = np.array([[[255, 0, 51], [10, 20, 30]]], np.uint8)
FORMULAS = {
    "identity": [[[255, 10]], [[0, 20]], [[51, 30]]],
    "identity-bgr": [[[51, 30]], [[0, 20]], [[255, 10]]],
    "unit": [[[1, 10 / 255]], [[0, 20 / 255]], [[0.2, 30 / 255]]],
    "standard": [[[1, 10 / 127.5 - 1]], [[-1, 20 / 127.5 - 1]], [[-0.6, 30 / 127.5 - 1]]],
    "tf": [[[1, 10 / 127.5 - 1]], [[-1, 20 / 127.5 - 1]], [[-0.6, 30 / 127.5 - 1]]],
    "zerocenter": [
        [[255 - 123.68, 10 - 123.68]],
        [[-116.779, 20 - 116.779]],
        [[51 - 103.939, 30 - 103.939]],
    ],
    "caffe": [
        [[51 - 103.939, 30 - 103.939]],
        [[-116.779, 20 - 116.779]],
        [[255 - 123.68, 10 - 123.68]],
    ],
    "torch": [
        [[(1 - 0.485) / 0.229, (10 / 255 - 0.485) / 0.229]],
        [[-0.456 / 0.224, (20 / 255 - 0.456) / 0.224]],
        [[(0.2 - 0.406) / 0.225, (30 / 255 - 0.406) / 0.225]],
    ],
    "coreml-mobilenet": [
        [[51 * 0.017 - 1.76698, 30 * 0.017 - 1.76698]],
        [[-1.98526, 20 * 0.017 - 1.98526]],
        [[255 * 0.017 - 2.10256, 10 * 0.017 - 2.10256]],
    ],
}


@pytest.mark.parametrize(("mode", "expected"), FORMULAS.items())
def test_modes(mode, expected):
    made = _preprocessing.MODES[mode](RGB)
    assert made.dtype == np.float32
    assert made.flags.c_contiguous
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("framework", "name", "mode", "size"),
    [
        ("caffe", "alexnet", "caffe", (227, 227)),
        ("caffe", "vgg19", "caffe", (224, 224)),
        ("caffe", "trailnet_sresnet", "caffe", (320, 180)),
        ("tensorflow", "resnet_v2_50", "tf", (299, 299)),
        ("tf", "vgg16", "zerocenter", (224, 224)),
        ("keras", "xception", "tf", (299, 299)),
        ("mxnet", "vgg19", "zerocenter", (224, 224)),
        ("mxnet", "imagenet1k-resnet-152", "identity", (224, 224)),
        ("pytorch", "resnet18", "torch", (224, 224)),
        ("cntk", "resnet18", "identity-bgr", (224, 224)),
        ("darknet", "yolov3", "identity", (608, 608)),
        ("cntk", "Torch", "torch", None),
        ("nobody", "caffe", "caffe", None),
    ],
)
def test_names(framework, name, mode, size):
    found = _preprocessing.preparation(framework, name)
    assert found == _preprocessing.Preparation(_preprocessing.MODES[mode], size)


def test_each_classifier_of_the_zoo_has_its_preparation():
    detectors = {"Fast-RCNN_Pascal", "Fast-RCNN_grocery100"}
    for model in zoo.CATALOGUE:
        if model.name not in detectors:
            assert model.name in _preprocessing.TABLE[model.framework]


def test_an_unknown_name_gets_a_list():
    with pytest.raises(UsageError, match="'vgg' of caffe is not known") as caught:
        _preprocessing.preparation("caffe", "vgg")
    assert "vgg16" in str(caught.value)
    assert "zerocenter-bgr" in str(caught.value)


@pytest.mark.parametrize("text", ["0", "-1", "a", "3x", "3x4x5", "", "2.5", "³"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="is no size of pictures"):
        _preprocessing.parse_size(text)


def test_labels_of_imagenet():
    labels = _labels.read(_labels.IMAGENET)
    assert len(labels) == 1000
    synsets = [label.split()[0] for label in labels]
    assert synsets == sorted(set(synsets))
    for place, label in {
        0: "n01440764 tench, Tinca tinca",
        21: "n01608432 kite",
        144: "n02051845 pelican",
        281: "n02123045 tabby, tabby cat",
        388: "n02510455 giant panda, panda, panda bear, coon bear, Ailuropoda melanoleuca",
        517: "n03126707 crane",
        817: "n04285008 sports car, sport car",
        999: "n15075141 toilet tissue, toilet paper, bathroom tissue",
    }.items():
        assert labels[place] == label


def test_the_best_five():
    scores = np.array([0.1, 0.5, 0.5, -1, 3, 0], np.float32)
    labels = list("abcdef")
    assert [(label, at) for label, at, _ in _labels.best(scores, labels)] == [
        ("e", 4),
        ("b", 1),
        ("c", 2),
        ("a", 0),
        ("f", 5),
    ]
    with_background = _labels.best(scores, list("abcde"))
    assert [(label, at) for label, at, _ in with_background][:2] == [("d", 4), ("a", 1)]
    assert _labels.best(scores[::-1], list("abcde"))[0][:2] == ("a", 1)
    assert _labels.named(6, list("abcde"))[0] == "background"
    assert [row[0] for row in _labels.best(scores, ["x"], 2)] == ["", ""]
    assert len(_labels.best(scores[:3], labels[:3])) == 3


def test_files_of_labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("one\ntwo words \n", encoding="utf-8")
    assert _labels.read(path) == ["one", "two words"]
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(FormatError, match="no text"):
        _labels.read(path)
    with pytest.raises(UsageError, match="no such file"):
        _labels.read(tmp_path / "none")
