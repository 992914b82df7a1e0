"""The reference for Caffe, held to real Caffe's numbers and to numbers worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from helpers import SHARED
from helpers.caffe import corpus
from helpers.caffe.one_layer import blobs
from mmdnn.errors import ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.caffe import arrange
from mmdnn.frameworks.caffe.graph import message
from mmdnn.registry import Source
from mmdnn.verify.reference import caffe
from mmdnn.verify.reference.caffe.layer import FUNCTIONS

CORPUS = SHARED / "corpus" / "caffe"
MODELS = SHARED / "models"
CASES = sorted(path.name for path in CORPUS.glob("*") if path.is_dir())
GOLDEN = sorted(path.stem for path in (MODELS / "golden").glob("*.npz"))


def last_values(values, feeds):
    """Each blob's last value, those of inputs changed in place too."""
    found = dict(values)
    for name, array in values.items():
        blob = name.rpartition("@")[0]
        if blob in feeds:
            found[blob] = array
    return found


@pytest.mark.skipif(not CASES, reason="the corpus is not here (../shared/corpus/caffe)")
@pytest.mark.parametrize("case", CASES)
def test_corpus(case):
    feeds, wanted, _ = corpus.golden(CORPUS / case)
    values = caffe.run(corpus.source(CORPUS / case), feeds)
    assert all(array.dtype == np.float32 for array in values.values())
    found = last_values(values, feeds)
    assert list(corpus.differences(wanted, found)) == []
    assert {name for name in found if "@" not in name} <= wanted.keys()


@pytest.mark.skipif(not GOLDEN, reason="the models are not here (../shared/models)")
@pytest.mark.parametrize("name", GOLDEN)
def test_trained_models(name):
    folder = MODELS / "caffe" / name
    files = [p for p in sorted(folder.iterdir()) if p.suffix in (".prototxt", ".caffemodel")]
    with np.load(MODELS / "golden" / f"{name}.npz") as data:
        golden = {key: data[key] for key in data.files}
    feeds = {key[6:]: array for key, array in golden.items() if key.startswith("input/")}
    source = arrange(files)
    assert source is not None
    found = last_values(caffe.run(source, feeds), feeds)
    compared = [key[5:] for key in golden if key.startswith("blob/") and not corpus.is_copy(key)]
    assert compared
    for blob in compared:
        array = found[blob]
        assert array.shape == tuple(golden[f"shape/{blob}"])
        if array.size > 4096:
            array = array.ravel()[np.linspace(0, array.size - 1, 4096).astype(np.int64)]
        wanted = golden[f"blob/{blob}"].ravel()
        np.testing.assert_allclose(array.ravel(), wanted, rtol=1e-4, atol=1e-5, err_msg=blob)


def test_it_knows_every_layer_that_is_read():
    from mmdnn.frameworks.caffe import importer  # noqa: F401 - it enters the layers
    from mmdnn.frameworks.caffe.importer.table import importer as table

    assert {entry.type for entry in table} <= {"Input", *FUNCTIONS}


def test_it_shares_no_code_with_the_importer():
    for path in Path(caffe.__file__).parent.glob("*.py"):
        ours = re.findall(r"^from (mmdnn\S+) import", path.read_text(), re.MULTILINE)
        allowed = (
            "mmdnn.errors",
            "mmdnn.registry",
            "mmdnn.frameworks.caffe",
            "mmdnn.frameworks.caffe.graph",
            "mmdnn.frameworks.caffe.reader.weights",
            "mmdnn.verify.spill",
            "mmdnn.verify.reference.caffe",
        )
        assert all(name in allowed or name.startswith(allowed[-1]) for name in ours), path
        assert "importer" not in re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)


def run(tmp_path, layers, **feeds):
    """A network of these inputs and layers; each layer as (type, bottoms, tops, more)."""
    text = [f'layer {{ name: "{name}" type: "Input" top: "{name}" }}' for name in feeds]
    for place, (kind, bottoms, tops, more) in enumerate(layers):
        ends = [f'bottom: "{name}"' for name in bottoms.split()]
        ends += [f'top: "{name}"' for name in tops.split()]
        text.append(f'layer {{ name: "l{place}" type: "{kind}" {" ".join(ends)} {more} }}')
    path = tmp_path / "net.prototxt"
    path.write_text("\n".join(text))
    arrays = {name: np.asarray(array, np.float32) for name, array in feeds.items()}
    return caffe.run(Source(network=path), arrays)


ROW = [[-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]]


def test_values_in_place_have_the_names_of_their_layers(tmp_path):
    layers = [
        ("Power", "x", "y", "power_param { shift: 1 }"),
        ("ReLU", "y", "y", ""),
        ("Power", "y", "y", "power_param { scale: 2 }"),
    ]
    found = run(tmp_path, layers, x=ROW)
    assert found.keys() == {"x", "y@l0", "y@l1", "y"}
    assert found["y@l0"].tolist() == [[-1, 0, 1, 2, 3, 4]]
    assert found["y@l1"].tolist() == [[0, 0, 1, 2, 3, 4]]
    assert found["y"].tolist() == [[0, 0, 2, 4, 6, 8]]


def test_an_input_changed_in_place_keeps_its_name_for_what_was_fed(tmp_path):
    found = run(tmp_path, [("ReLU", "x", "x", ""), ("AbsVal", "x", "y", "")], x=ROW)
    assert found["x"].tolist() == ROW
    assert found["x@l0"].tolist() == found["y"].tolist() == [[0, 0, 0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("Reshape", "reshape_param { shape { dim: 2 dim: -1 } }"),
        ("Flatten", "flatten_param { axis: 0 }"),
        ("Concat", ""),
        ("Slice", ""),
        ("Split", ""),
        ("Permute", "permute_param { order: 0 order: 1 }"),
    ],
)
def test_what_shares_memory_changes_with_it(tmp_path, kind, more):
    layers = [
        ("Power", "x", "p", ""),
        (kind, "p", "r", more),
        ("ReLU", "r", "r", ""),
        ("Power", "p", "z", ""),
    ]
    found = run(tmp_path, layers, x=ROW)
    assert found["z"].tolist() == found["p"].tolist() == [[0, 0, 0, 1, 2, 3]]
    assert found["p@l0"].tolist() == ROW
    assert found["r"].ravel().tolist() == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        ("SUM coeff: 5 coeff: 3", [[3, -3]]),  # it writes zeros first
        ("PROD", [[2, -8]]),
        ("MAX", [[1, -1]]),  # it writes the smallest number first
    ],
)
def test_eltwise_in_place(tmp_path, operation, wanted):
    layers = [
        ("Power", "a", "y", ""),
        ("Eltwise", "y b", "y", f"eltwise_param {{ operation: {operation} }}"),
    ]
    assert run(tmp_path, layers, a=[[2, 8]], b=[[1, -1]])["y"].tolist() == wanted


def test_convolution_by_hand(tmp_path):
    weight = blobs(np.float32([[[[1, 2], [3, 4]]]]), np.float32([10]))
    p = "convolution_param { num_output: 1 kernel_size: 2 stride: 2 pad: 1 }"
    found = run(tmp_path, [("Convolution", "x", "y", f"{p} {weight}")], x=[[[[1, 2], [3, 4]]]])
    assert found["y"].tolist() == [[[[10 + 4 * 1, 10 + 3 * 2], [10 + 2 * 3, 10 + 1 * 4]]]]


def test_deconvolution_by_hand(tmp_path):
    weight = blobs(np.float32([[[[1, 2], [3, 4]]]]))
    p = "convolution_param { num_output: 1 kernel_size: 2 stride: 3 bias_term: false }"
    found = run(tmp_path, [("Deconvolution", "x", "y", f"{p} {weight}")], x=[[[[1, 2]]]])
    assert found["y"].tolist() == [[[[1, 2, 0, 2, 4], [3, 4, 0, 6, 8]]]]


def test_pooling_by_hand(tmp_path):
    x = [[[[1, 5, 2], [3, 4, 8], [-1, 0, 6]]]]
    layers = [
        ("Pooling", "x", "a", "pooling_param { pool: AVE kernel_size: 2 stride: 2 }"),
        ("Pooling", "x", "m mask", "pooling_param { kernel_size: 2 stride: 2 }"),
        ("Pooling", "x", "f", "pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }"),
        ("Pooling", "x", "p", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"),
    ]
    found = run(tmp_path, layers, x=x)
    assert found["a"].tolist() == [[[[3.25, 5], [-0.5, 6]]]]
    assert found["m"].tolist() == [[[[5, 8], [0, 6]]]]
    assert found["mask"].tolist() == [[[[1, 5], [7, 8]]]]
    assert found["f"].tolist() == [[[[5]]]]
    np.testing.assert_allclose(found["p"], np.float32([[[[13, 19], [6, 18]]]]) / 9)


def test_losses_by_hand(tmp_path):
    layers = [
        ("SoftmaxWithLoss", "x label", "loss", "loss_param { ignore_label: 2 }"),
        ("Accuracy", "x label", "right", ""),
        ("HingeLoss", "x label", "hinge", ""),
        ("EuclideanLoss", "x y", "far", ""),
    ]
    x = [[0, np.log(3), 0], [1, 1, 0]]
    found = run(tmp_path, layers, x=x, label=[1, 2], y=np.zeros((2, 3)))
    assert found["loss"] == pytest.approx(np.log(5 / 3), rel=1e-6)
    assert found["loss"].shape == ()
    assert found["right"] == 0.5
    assert found["hinge"] == pytest.approx(((1 + 1) + (2 + 2 + 1)) / 2)
    assert found["far"] == pytest.approx((np.log(3) ** 2 + 2) / 4)


def test_infogain_of_a_file(tmp_path):
    proto = message("BlobProto")
    proto.shape.dim.extend([1, 1, 2, 2])
    proto.data.extend([1, 0, 0, 5])
    (tmp_path / "h.binaryproto").write_bytes(proto.SerializeToString())
    layer = ("InfogainLoss", "x label", "y", 'infogain_loss_param { source: "data/h.binaryproto" }')
    found = run(tmp_path, [layer], x=[[0, np.log(3)], [0, 0]], label=[1, 0])
    assert found["y"] == pytest.approx((5 * np.log(4 / 3) + np.log(2)) / 2, rel=1e-6)


def test_lstm_unit_by_hand(tmp_path):
    big = 100.0  # gates wide open or shut
    feeds = {"c": [[[7.0]]], "gates": [[[big, big, big, 0.5]]], "cont": [[0.25]]}
    found = run(tmp_path, [("LSTMUnit", "c gates cont", "c1 h", "")], **feeds)
    c = 0.25 * 7 + np.tanh(0.5)
    assert found["c1"] == pytest.approx(c, rel=1e-6)
    assert found["h"] == pytest.approx(np.tanh(c), rel=1e-6)


def test_detections_by_hand(tmp_path):
    """Two of three boxes overlap by half; the fourth scores too little."""
    priors = [0.1, 0.1, 0.3, 0.3, 0.1, 0.1, 0.3, 0.25, 0.6, 0.6, 0.8, 0.8, 0, 0, 1, 1]
    p = (
        "detection_output_param { num_classes: 2 code_type: CORNER confidence_threshold: 0.2 "
        "nms_param { nms_threshold: 0.5 top_k: 9 } keep_top_k: 9 }"
    )
    scores = [[0, 0.6, 0, 0.9, 0, 0.4, 0, 0.1]]
    feeds = {
        "places": np.zeros((1, 16)),
        "scores": scores,
        "priors": [[priors, [0.1] * 16]],
    }
    found = run(tmp_path, [("DetectionOutput", "places scores priors", "y", p)], **feeds)
    np.testing.assert_allclose(
        found["y"],
        np.float32([[[[0, 1, 0.9, *priors[4:8]], [0, 1, 0.4, *priors[8:12]]]]]),
    )
    none = run(
        tmp_path,
        [("DetectionOutput", "places scores priors", "y", p)],
        **{**feeds, "scores": np.zeros((1, 8))},
    )
    assert none["y"].tolist() == [[[[0, -1, -1, -1, -1, -1, -1]]]]


def test_blobs_are_float32_between_layers(tmp_path):
    """Exp of 100 is too large for Caffe's blobs, so its logarithm is not 100."""
    found = run(tmp_path, [("Exp", "x", "y", ""), ("Log", "y", "z", "")], x=[100])
    assert np.isinf(found["y"]).all()
    assert np.isinf(found["z"]).all()


def test_it_names_all_the_layers_that_it_does_not_know(tmp_path):
    layers = [("Unheard", "x", "y", ""), ("ReLU", "y", "z", ""), ("Of", "z", "w", "")]
    with pytest.raises(UnsupportedError, match=r"'l0' \(Unheard\), 'l2' \(Of\)"):
        run(tmp_path, layers, x=ROW)


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (("ReLU", "x", "y", "relu_param { clip: 6 }"), "relu_param.clip"),
        (("Mish", "x", "y", "mish_param { beta: 2 }"), "mish_param.beta"),
        (("ReLU", "x", "y", "strange: 1"), "strange"),
        (("ShuffleChannel", "x", "y", "shuffle_channel_param { group: 'a' }"), "group"),
        (("InnerProduct", "x", "x", "inner_product_param { num_output: 1 }"), "in place"),
        (("Dropout", "x", "y", "phase: TRAIN"), "random"),
    ],
)
def test_it_never_guesses(tmp_path, layer, named):
    with pytest.raises(UnsupportedError, match=named) as caught:
        run(tmp_path, [layer], x=ROW)
    assert caught.value.layer == "l0"


def test_shapes_that_do_not_fit(tmp_path):
    with pytest.raises(ShapeError) as caught:
        run(tmp_path, [("Eltwise", "x y", "z", "")], x=ROW, y=[[1.0]])
    assert caught.value.layer == "l0"


def test_an_input_that_is_not_fed(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text('layer { name: "x" type: "Input" top: "x" }')
    with pytest.raises(UsageError, match="'x' is not fed"):
        caffe.run(Source(network=path), {})
