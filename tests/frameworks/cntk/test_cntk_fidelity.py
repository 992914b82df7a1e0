"""A network from CNTK to CNTK: the same layers, names and weights, bit for bit, and not one more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from helpers.cntk import corpus as cntk_corpus
from helpers.resnet20 import ResNet20
from mmdnn import api
from mmdnn.frameworks.cntk import exporter, importer, reader
from mmdnn.frameworks.cntk.graph import Model
from mmdnn.registry import Source
from mmdnn.tensors import references

NETWORKS = (
    *("net_autoenc", "net_bottleneck", "net_inception", "net_lenet", "net_resnet", "net_superres"),
    *(
        "net_vgg",
        "for_layers",
        "bn_layer_cntk_engine",
        "bn_blend",
        "dense_map_rank",
        "one_hot_axis0",
    ),
    *("clip_tensor", "not_equal", "pow", "f16_dense", "times_transpose_inputs", "softmax_axis0"),
    *(
        "softmax_3d_default",
        "deconv_out_shape_odd",
        "hard_sigmoid",
        "param_relu_shared",
        "selu_custom",
    ),
)

TOLD = ("spatial", "epsilon", "normalizationTimeConstant", "blendTimeConstant", "useCuDNNEngine")
TOLD += ("kernelShape", "poolingWindowShape", "groups", "includePad", "numClass")


def layers(model: Model) -> Counter[Any]:
    """What users see: each function outside blocks by what it is called, and those inside by type."""
    outside = [(one.type, one.name or one.uid) for one in model.functions]
    inside = [one.type for one in model.walk()]
    said = [(k, str(v)) for one in model.walk() for k, v in one.attributes.items() if k in TOLD]
    return Counter([*outside, *inside, *said])


def weights(model: Model) -> Counter[Any]:
    used = {variable for one in model.walk() for variable in one.inputs}
    return Counter(
        (one.kind, one.name, one.shape, crc32(references.read(one.value).tobytes()))
        for one in used
        if one.value is not None
    )


def check(before: Model) -> None:
    after = exporter.from_ir(importer.to_ir(before))
    for known in (layers, weights):
        gone, new = known(before) - known(after), known(after) - known(before)
        assert (list(gone)[:9], list(new)[:9]) == ([], [])
    inputs = [(one.name, one.shape, one.axes, one.dtype) for one in before.inputs]
    assert [(one.name, one.shape, one.axes, one.dtype) for one in after.inputs] == inputs


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_corpus(shared: Path, name: str) -> None:
    check(reader.read(cntk_corpus.source(shared / "corpus" / "cntk" / name)))


def test_a_network_of_another_framework(tmp_path: Path) -> None:
    api.save(ResNet20().model(), tmp_path / "net.dnn")
    native = reader.read(Source(network=tmp_path / "net.dnn"))
    kinds = Counter(one.type for one in native.functions)
    assert kinds["Convolution"] == kinds["BatchNormalization"] == 21
    assert kinds["Dense"] == kinds["GlobalAveragePooling"] == 1
    assert not kinds["TransposeAxes"]
    check(native)
