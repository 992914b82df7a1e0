"""Networks that others have in both frameworks, with the same weights: converted, each is the other's twin.

MXNet's MTCNN was made for RGB pictures, Caffe's for transposed BGR ones: kernels are transposed, and those
of the first layer reversed by channel. Both of each pair run in their own engine, MXNet 1.9.1 and OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import mmdnn
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks import caffe, mxnet
from mmdnn.frameworks.caffe import engine as opencv
from mmdnn.frameworks.mxnet import engine as mxnet_engine
from mmdnn.registry import Source

Arrays = Mapping[str, np.ndarray]


def same(array: np.ndarray) -> np.ndarray:
    return array


def turned(array: np.ndarray) -> np.ndarray:
    """A picture or a map, its height and width exchanged."""
    return np.ascontiguousarray(array.swapaxes(2, 3)) if array.ndim == 4 else array


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@dataclass(frozen=True)
class Twins:
    """A pair.

    Attributes:
        mxnet: The folder of MXNet's files.
        caffe: That of Caffe's.
        shape: What both are fed, as MXNet takes it.
        outputs: Caffe's blobs by MXNet's outputs.
        to_caffe: What Caffe's is fed for that, and its own inverse for what comes out.
        last: What MXNet's outputs are made of Caffe's by.
    """

    mxnet: str
    caffe: str
    shape: tuple[int, ...]
    outputs: dict[str, str]
    to_caffe: Callable[[np.ndarray], np.ndarray] = same
    last: Callable[[np.ndarray], np.ndarray] = same


PNET = {"conv4_2_output": "conv4-2", "prob1_output": "prob1"}
ONET = {"conv6_2_output": "conv6-2", "conv6_3_output": "conv6-3", "prob1_output": "prob1"}
PAIRS = {
    "PNet": Twins("mtcnn_det1_PNet", "mtcnn_det1_PNet", (2, 3, 24, 30), PNET, turned),
    "ONet": Twins("mtcnn_det3_ONet", "mtcnn_det3_ONet", (2, 3, 48, 48), ONET, turned),
    "residual": Twins(
        "residual", "mxnet2caffe_residual", (1, 3, 224, 224), {"softmax_output": "fc"}, last=softmax
    ),
}


def files(folder: Path, *suffixes: str) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix in suffixes]


def pictures(pair: Twins) -> tuple[np.ndarray, np.ndarray]:
    """The same for MXNet's and for Caffe's."""
    rgb = np.random.default_rng(1).normal(size=pair.shape).astype(np.float32)
    return rgb, pair.to_caffe(rgb[:, ::-1] if pair.to_caffe is turned else rgb)


def agree(pair: Twins, of_mxnet: Arrays, of_caffe: Arrays, names: dict[str, str]) -> None:
    for ours, theirs in names.items():
        wanted = pair.last(pair.to_caffe(of_caffe[theirs]))
        assert wanted.std() > 1e-4
        np.testing.assert_allclose(of_mxnet[ours], wanted, rtol=1e-4, atol=1e-5, err_msg=ours)


@pytest.mark.parametrize("name", PAIRS)
def test_from_mxnet_it_is_the_twin_in_caffe(shared: Path, tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    paths = files(shared / "models" / "mxnet" / pair.mxnet, ".json", ".params")
    model = mmdnn.load(paths, input_shapes={"data": pair.shape})
    made = Source(*mmdnn.save(model, tmp_path / "net.prototxt"))
    twin = caffe.arrange(
        files(shared / "models" / "caffe" / pair.caffe, ".prototxt", ".caffemodel")
    )
    assert twin is not None
    rgb, bgr = pictures(pair)
    agree(pair, opencv.run(made, {"data": rgb}), opencv.run(twin, {"data": bgr}), pair.outputs)


@pytest.mark.parametrize("name", PAIRS)
def test_from_caffe_it_is_the_twin_in_mxnet(shared: Path, tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    paths = files(shared / "models" / "caffe" / pair.caffe, ".prototxt", ".caffemodel")
    made = Source(*mmdnn.save(mmdnn.load(paths), tmp_path / "net", framework="mxnet"))
    twin = mxnet.arrange(files(shared / "models" / "mxnet" / pair.mxnet, ".json", ".params"))
    assert twin is not None
    rgb, bgr = pictures(pair)
    try:
        was = mxnet_engine.run(replace(twin, input_shapes={"data": pair.shape}), {"data": rgb})
        now = mxnet_engine.run(made, {"data": bgr})
    except MissingExtraError as error:
        pytest.skip(error.message)
    agree(pair, was, now, pair.outputs)
