"""OpenCV against what real Caffe computed: where it is trusted, it agrees."""

import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from mmdnn.errors import Error, MissingExtraError, UnsupportedError
from mmdnn.frameworks.caffe import engine, graph, importer, reader
from mmdnn.frameworks.onnx import engine as onnx_engine
from mmdnn.registry import Source

pytest.importorskip("cv2")

HEAD = 'layer { name: "data" type: "Input" top: "data" input_param { shape { %s } } }\n'
PICTURE = HEAD % "dim: 1 dim: 2 dim: 6 dim: 5"
X = np.random.default_rng(0).standard_normal((1, 2, 6, 5)).astype(np.float32)


def run(folder, text, x=X):
    path = folder / "net.prototxt"
    path.write_text(text)
    return engine.run(Source(path), {"data": x})


def layer(type_, more="", bottom="data", top="y", name="l"):
    return f'layer {{ name: "{name}" type: "{type_}" bottom: "{bottom}" top: "{top}" {more} }}\n'


def golden_cases(shared):
    for folder in sorted((shared / "corpus" / "caffe").iterdir()):
        if (folder / "golden.npz").is_file() and not folder.name.startswith("mean_"):
            yield folder


def files(folder):
    deploy = folder / "deploy.prototxt"
    weights = [path for path in folder.iterdir() if ".caffemodel" in path.name]
    network = deploy if deploy.exists() else folder / "net.prototxt"
    return Source(network, weights[0] if weights else None)


def arrays(path):
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


def test_where_it_is_trusted_it_agrees_with_caffe(shared):
    agreed = set()
    for folder in list(golden_cases(shared))[::5]:
        golden = arrays(folder / "golden.npz")
        feeds = {key[6:]: golden[key] for key in golden if key.startswith("input/")}
        try:
            found = engine.run(files(folder), feeds)
        except Error:
            continue
        agreed.add(folder.name)
        for key in golden:
            if not key.startswith("blob/") or "_split_" in key:
                continue
            was, now = golden[key], found[key[5:]]
            assert was.shape == now.shape, (folder.name, key)
            np.testing.assert_allclose(now, was, rtol=1e-4, atol=1e-5, err_msg=f"{folder} {key}")
    assert len(agreed) > 25


def test_every_quirk_that_was_found_is_refused(shared):
    for name in (
        "batchnorm_phase_train",
        "conv_3d",
        "conv_axis0",
        "deconv_bilinear_noweights",
        "eltwise_inplace_sum",
        "flatten_axis0",
        "log_negative_nan",
        "lrn_size3_k2",
        "mvn_3d",
        "mvn_eps",
        "names_duplicate_conv",
        "swish_beta",
        "syntax_bools",
        "weights_hdf5",
    ):
        folder = shared / "corpus" / "caffe" / name
        golden = arrays(folder / "golden.npz")
        feeds = {key[6:]: golden[key] for key in golden if key.startswith("input/")}
        with pytest.raises(Error):
            engine.run(files(folder), feeds)


def test_in_place_values_carry_the_blob_s_name(tmp_path):
    text = PICTURE + layer("AbsVal") + layer("Sigmoid", bottom="y", name="s")
    found = run(tmp_path, text)
    assert set(found) == {"data", "y"}
    np.testing.assert_allclose(found["y"], 1 / (1 + np.exp(-np.abs(X))), rtol=1e-5)


def test_several_tops(tmp_path):
    found = run(tmp_path, PICTURE + layer("Slice", 'top: "z" slice_param { slice_point: 1 }'))
    np.testing.assert_array_equal(found["y"], X[:, :1])
    np.testing.assert_array_equal(found["z"], X[:, 1:])


def test_other_sizes_and_batches_than_the_file_says(tmp_path):
    x = np.ones((3, 2, 9, 8), np.float32)
    assert run(tmp_path, PICTURE + layer("AbsVal"), x)["y"].shape == x.shape


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (layer("ArgMax"), "'l' (ArgMax): it is not among the types"),
        (layer("LRN", "lrn_param { k: 2 }"), "it ignores k"),
        (layer("MVN", "mvn_param { eps: 0.1 }"), "it adds eps inside the root"),
        (layer("Flatten", "flatten_param { axis: 0 }"), "axis 0 leaves one axis only"),
        (layer("Reshape", "reshape_param { shape { dim: -1 } }"), "it leaves one axis only"),
        (
            layer(
                "Deconvolution", "convolution_param { num_output: 2 kernel_size: 3 dilation: 2 }"
            ),
            "it ignores the dilation of deconvolutions",
        ),
        (layer("ReLU", top="data"), "input 'data' is changed in place"),
        (
            layer("InnerProduct", "inner_product_param { num_output: 2 }"),
            "its weights are not stored",
        ),
        (layer("AbsVal") + layer("Sigmoid", bottom="y", top="z"), "several layers are named 'l'"),
    ],
)
def test_what_it_is_not_trusted_with(tmp_path, text, reason):
    with pytest.raises(UnsupportedError) as caught:
        run(tmp_path, PICTURE + text)
    assert reason in str(caught.value)


def test_where_prior_boxes_say_nothing_it_clips(tmp_path):
    image = HEAD.replace('"data"', '"image"') % "dim: 1 dim: 3 dim: 60 dim: 60"
    feeds = {"data": X, "image": np.zeros((1, 3, 60, 60), np.float32)}
    path = tmp_path / "net.prototxt"
    for said, trusted in (("clip: false", True), ("", False)):
        param = f'bottom: "image" prior_box_param {{ min_size: 30 variance: 0.1 {said} }}'
        path.write_text(PICTURE + image + layer("PriorBox", param))
        if trusted:
            assert engine.run(Source(path), feeds)["y"].min() < 0
            continue
        with pytest.raises(UnsupportedError, match="it clips boxes where the file does not say"):
            engine.run(Source(path), feeds)


def test_names_that_are_not_ascii(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    folder = tmp_path / "mod\u00e8le \u7db2"
    folder.mkdir()
    np.testing.assert_array_equal(run(folder, PICTURE + layer("AbsVal"))["y"], np.abs(X))


def test_layers_that_rules_leave_out_are_noticed(tmp_path):
    train = layer("Sigmoid", "include { phase: TRAIN }", top="t", name="t")
    with pytest.raises(UnsupportedError, match=r"'t'.*rules of phase"):
        run(tmp_path, PICTURE + layer("AbsVal") + train)


def test_it_says_why_opencv_refuses(tmp_path):
    with pytest.raises(UnsupportedError, match=r"net\.prototxt: OpenCV refuses it: "):
        run(tmp_path, PICTURE + layer("AbsVal"), np.ones(0, np.float32))


def test_a_crash_of_opencv_is_an_error(tmp_path, monkeypatch):
    done = SimpleNamespace(returncode=-8, stderr="", stdout="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(UnsupportedError, match=r"OpenCV ended its process \(SIGFPE\)"):
        run(tmp_path, PICTURE + layer("AbsVal"))


def test_a_hang_of_opencv_is_an_error(tmp_path, monkeypatch):
    def hang(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(UnsupportedError, match="did not end in 600 s"):
        run(tmp_path, PICTURE + layer("AbsVal"))


def test_without_opencv(tmp_path, monkeypatch):
    monkeypatch.setattr(engine.environments, "found", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"mmdnn\[caffe\]"):
        run(tmp_path, PICTURE + layer("AbsVal"))


def test_a_caffemodel_alone_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "net.prototxt"
    path.write_text(PICTURE + layer("AbsVal"))
    network = reader.read(Source(path))
    monkeypatch.setattr(reader, "read", lambda _: network)
    with pytest.raises(UnsupportedError, match="needs a prototxt"):
        engine.run(Source(tmp_path / "net.caffemodel"), {})


def filters(folder, size, fields, count=4):
    """A network of one 3x3 filter for each channel, and the caffemodel it needs."""
    blob = np.random.default_rng(1).standard_normal((count, 1, 3, 3)).astype(np.float32)
    message = graph.message("NetParameter")
    made = message.layer.add(name="l", type="Convolution").blobs.add()
    made.shape.dim.extend(blob.shape)
    made.data.extend(blob.ravel().tolist())
    (folder / "net.caffemodel").write_bytes(message.SerializeToString())
    dims = f"dim: 1 dim: {count} dim: {size[0]} dim: {size[1]}"
    said = f"num_output: {count} group: {count} kernel_size: 3 bias_term: false {fields}"
    block = f"convolution_param {{ {said} }}"
    (folder / "net.prototxt").write_text(HEAD % dims + layer("Convolution", block))
    feed = np.random.default_rng(2).standard_normal((1, count, *size)).astype(np.float32)
    return Source(folder / "net.prototxt", folder / "net.caffemodel"), {"data": feed}


@pytest.mark.parametrize(
    ("size", "fields"), [((1, 1), "pad: 1"), ((1, 8), "pad: 1"), ((8, 8), "pad: 1 dilation: 2")]
)
def test_where_its_filters_of_single_channels_are_wrong(tmp_path, size, fields):
    source, feeds = filters(tmp_path, size, fields)
    with pytest.raises(UnsupportedError, match=r"single channels|depthwise"):
        engine.run(source, feeds)


@pytest.mark.parametrize("fields", ["pad: 1", "pad: 2 dilation: 2", "pad: 1 stride: 2"])
def test_where_they_are_right(tmp_path, fields):
    source, feeds = filters(tmp_path, (6, 5), fields)
    model = importer.to_ir(reader.read(source))
    found, wanted = engine.run(source, feeds)["y"], onnx_engine.run(model, feeds)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
