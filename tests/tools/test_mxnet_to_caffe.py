"""json2prototxt and mxnet2caffe: MXNet's files to Caffe's, as documented."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from helpers.tools import call
from mmdnn import registry
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.caffe import reader

pytest.importorskip("onnxruntime")

DIGITS = ROOT / "examples" / "digits" / "digits"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """The digits as MXNet's files, `model-symbol.json` and `model-0003.params`: their prefix."""
    prefix = tmp_path_factory.mktemp("mxnet") / "model"
    files = f"{DIGITS}.prototxt", f"{DIGITS}.caffemodel"
    assert call("convert_model", *files, prefix, "--noVerify") == 0
    prefix.with_name("model-0000.params").rename(prefix.with_name("model-0003.params"))
    return prefix


def symbol(path: Path, *nodes: dict[str, object]) -> Path:
    """A symbol file: nodes with inputs by name; what nobody makes is a variable."""
    names: list[str] = []
    rows = []
    for node in nodes:
        for name in node["inputs"]:
            if name not in names:
                names.append(name)
                rows.append({"op": "null", "name": name, "inputs": []})
        names.append(node["name"])
        rows.append({**node, "inputs": [[names.index(name), 0, 0] for name in node["inputs"]]})
    variables = [place for place, row in enumerate(rows) if row["op"] == "null"]
    graph = {"nodes": rows, "arg_nodes": variables, "heads": [[len(rows) - 1, 0, 0]]}
    path.write_text(json.dumps(graph))
    return path


def node(op: str, name: str, *inputs: str, **attrs: object) -> dict[str, object]:
    texts = {key: str(value) for key, value in attrs.items()}
    return {"op": op, "name": name, "attrs": texts, "inputs": list(inputs)}


def layers(network) -> list[tuple[str, str, list[str], list[str]]]:
    return [(layer.name, layer.type, layer.bottoms, layer.tops) for layer in network.layers]


def weights(network) -> list[tuple[str, list[np.ndarray]]]:
    """The types of the layers that have weights, and these."""
    layers = [layer for layer in network.layers if layer.blobs]
    return [(layer.type, [blob.numpy() for blob in layer.blobs]) for layer in layers]


def test_both_tools_give_back_the_network_that_came_from_caffe(checkpoint, tmp_path, capsys):
    prototxt, caffemodel = tmp_path / "deploy.prototxt", tmp_path / "out.caffemodel"
    files = f"{checkpoint}-symbol.json", checkpoint.with_name("model-0003.params")
    assert call("json2prototxt", "--mx-json", files[0], "--cf-prototxt", prototxt) == 0
    out = capsys.readouterr().out
    assert f"Caffe prototxt is saved as [{prototxt}]" in out
    assert str(files[1]) in out
    argv = ("--mx-model", checkpoint, "--mx-epoch", 3, "--cf-prototxt", prototxt)
    assert call("mxnet2caffe", *argv, "--cf-model", caffemodel) == 0
    out = capsys.readouterr().out
    assert f"Caffe weights are saved as [{caffemodel}]" in out
    assert "Proved" in out
    was = reader.read(
        registry.Source(*(Path(f"{DIGITS}{s}") for s in (".prototxt", ".caffemodel")))
    )
    now = reader.read(registry.Source(prototxt, caffemodel))
    assert layers(now) == layers(was)
    assert now.inputs == was.inputs
    assert [kind for kind, _ in weights(now)] == [kind for kind, _ in weights(was)]
    for (_, wanted), (_, got) in zip(weights(was), weights(now), strict=True):
        for a, b in zip(wanted, got, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def test_a_symbol_alone_needs_the_shape_of_its_input(checkpoint, tmp_path, capsys):
    alone, out = tmp_path / "model-symbol.json", tmp_path / "deploy.prototxt"
    shutil.copy(f"{checkpoint}-symbol.json", alone)
    text = alone.read_text()
    alone.write_text(re.sub(r'"__shape__": "[^"]*"', '"__lr_mult__": "1"', text))
    assert call("json2prototxt", "--mx-json", alone, "--cf-prototxt", out) == 1
    assert "--inputShape" in capsys.readouterr().err
    assert not out.exists()
    argv = ("--mx-json", alone, "--cf-prototxt", out, "--inputShape", "1,8,8")
    assert call("json2prototxt", *argv) == 0
    whole = tmp_path / "whole.prototxt"
    argv = ("--mx-json", f"{checkpoint}-symbol.json", "--cf-prototxt", whole)
    assert call("json2prototxt", *argv) == 0
    assert out.read_text() == whole.read_text()


def test_what_authors_had_to_repair_by_hand(tmp_path):
    """Preprocessing, PReLU, elemwise_add, fix_gamma's epsilon, deconvolution: from the symbol alone."""
    batch_norm = [f"bn_{name}" for name in ("gamma", "beta", "moving_mean", "moving_var")]
    net = symbol(
        tmp_path / "face-symbol.json",
        node("_minus_scalar", "minus", "data", scalar=127.5),
        node("_mul_scalar", "times", "minus", scalar=0.0078125),
        node("Convolution", "conv", "times", "w", "b", kernel=(3, 3), pad=(1, 1), num_filter=4),
        node("BatchNorm", "bn", "conv", *batch_norm, eps=0.002, fix_gamma=True),
        node("LeakyReLU", "act", "bn", "act_gamma", act_type="prelu"),
        node("elemwise_add", "sum", "act", "conv"),
        node("Deconvolution", "up", "sum", "uw", kernel=(2, 2), stride=(2, 2), num_filter=2),
        node("FullyConnected", "pre_fc1", "up", "fw", "fb", num_hidden=5),
    )
    out = tmp_path / "deploy.prototxt"
    assert (
        call("json2prototxt", "--mx-json", net, "--cf-prototxt", out, "--inputShape", "3,6,6") == 0
    )
    network = reader.read(registry.Source(network=out))
    assert network.inputs == {"data": (1, 3, 6, 6)}
    types = [layer.type for layer in network.layers]
    assert types[:4] == ["Input", "Power", "Power", "Convolution"]
    assert {"BatchNorm", "PReLU", "Eltwise", "Deconvolution", "InnerProduct"} <= set(types)
    layers = {layer.type: layer for layer in network.layers}
    assert layers["BatchNorm"].param("batch_norm_param").eps == pytest.approx(0.002)
    assert not layers["PReLU"].param("prelu_param").channel_shared


def test_what_may_be_a_parameter_is_not_taken_for_an_input(tmp_path, capsys):
    net = symbol(
        tmp_path / "net-symbol.json",
        node("broadcast_mul", "scaled", "data", "factor"),
        node("Activation", "act", "scaled", act_type="relu"),
    )
    out = tmp_path / "deploy.prototxt"
    argv = ("--mx-json", net, "--cf-prototxt", out, "--inputShape", "data:1,3,4,4")
    assert call("json2prototxt", *argv) == 1
    assert "whether 'factor' is an input or a parameter" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("fc2", "fc_two"), "fc2 (InnerProduct): not in the prototxt"),
        (("num_output: 64", "num_output: 63"), "fc1"),
        (("bias_term: false", "bias_term: true"), "the model's is Convolution with 1 weight blob"),
        (('type: "ReLU"', 'type: "TanH"'), "relu"),
    ],
)
def test_another_prototxt_is_refused_and_no_weights_are_left(
    checkpoint, tmp_path, capsys, change, said
):
    prototxt, caffemodel = tmp_path / "deploy.prototxt", tmp_path / "out.caffemodel"
    argv = ("--mx-json", f"{checkpoint}-symbol.json", "--cf-prototxt", prototxt)
    assert call("json2prototxt", *argv) == 0
    text = prototxt.read_text()
    assert change[0] in text
    prototxt.write_text(text.replace(*change))
    argv = ("--mx-model", checkpoint, "--mx-epoch", 3, "--cf-prototxt", prototxt)
    assert call("mxnet2caffe", *argv, "--cf-model", caffemodel) == 1
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["deploy.prototxt"]


def test_the_face_network_by_both_tools_and_by_one_command(shared, tmp_path, capsys):
    """128 features within 2e-6 of MXNet's, on pictures; every layer is compared by the tools."""
    from mmdnn.cli import mmconvert
    from mmdnn.frameworks.caffe import engine as opencv
    from mmdnn.frameworks.mxnet import engine as mxnet

    prefix = shared / "models" / "mxnet" / "mobilefacenet_y1" / "model_mobilefacenet"
    files = Path(f"{prefix}-symbol.json"), Path(f"{prefix}-0200.params")
    pictures = np.random.default_rng(0).integers(0, 256, (1, 3, 112, 112)).astype(np.float32)
    try:
        wanted = mxnet.run(registry.Source(*files), {"data": pictures})["fc1_output"]
        results = {}
        tools, command = tmp_path / "tools.prototxt", tmp_path / "command.prototxt"
        assert call("json2prototxt", "--mx-json", files[0], "--cf-prototxt", tools) == 0
        argv = ("--mx-model", prefix, "--mx-epoch", 200, "--cf-prototxt", tools, "--cf-model")
        assert call("mxnet2caffe", *argv, tools.with_suffix(".caffemodel")) == 0
        line = ["-in", files[0], "-iw", files[1], "-df", "caffe", "-om", command, "--noVerify"]
        assert mmconvert.main([str(each) for each in line]) == 0
        for path in (tools, command):
            source = registry.Source(path, path.with_suffix(".caffemodel"))
            results[path.stem] = opencv.run(source, {"data": pictures})["fc1_output"]
    except MissingExtraError as error:
        pytest.skip(error.message)
    assert "147 layers agree" in capsys.readouterr().out
    assert wanted.shape == (1, 128)
    assert np.abs(wanted).max() > 0.1
    for features in results.values():
        np.testing.assert_allclose(features, wanted, rtol=0, atol=2e-6)
