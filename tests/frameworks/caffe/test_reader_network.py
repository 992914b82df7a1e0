"""Upgrades, rules, wiring, weights: small files written here, read as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import FormatError, ShapeError, UsageError
from mmdnn.frameworks.caffe import arrange, graph
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.frameworks.caffe.reader import read, weights
from mmdnn.registry import Source
from mmdnn.tensors import references

DATA = 'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 2 dim: 3 } } }'


def net(folder: Path, text: str, weights: Path | None = None, **said) -> Network:
    path = folder / "net.prototxt"
    path.write_text(text)
    return read(Source(path, weights, **said))


def inner_product(name: str, bottom: str, top: str, more: str = "", outputs: int = 2) -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}"'
        f" inner_product_param {{ num_output: {outputs} bias_term: false {more} }} }}"
    )


def caffemodel(folder: Path, blobs: dict[str, list[np.ndarray]], **fields) -> Path:
    saved = graph.message("NetParameter")
    for name, arrays in blobs.items():
        layer = saved.layer.add(name=name, **fields)
        for array in arrays:
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(array.ravel())
    path = folder / "net.caffemodel"
    path.write_bytes(saved.SerializeToString())
    return path


def numbers(layer: Layer, index: int, shape: tuple[int, ...]) -> np.ndarray:
    return references.read(layer.blob(index, shape))


def names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


# Rules


RULED = DATA + "".join(
    f'layer {{ name: "{name}" type: "ReLU" bottom: "d" top: "{name}" {rule} }}'
    for name, rule in {
        "train": "include { phase: TRAIN }",
        "test": "include { phase: TEST }",
        "not_train": "exclude { phase: TRAIN }",
        "high": "include { min_level: 1 }",
        "low": "include { max_level: -1 }",
        "stage": 'include { stage: "a" stage: "b" }',
        "not_stage": 'include { not_stage: "a" }',
        "either": 'include { phase: TRAIN } include { stage: "a" }',
    }.items()
)


@pytest.mark.parametrize(
    ("phase", "stages", "kept"),
    [
        ("test", (), ["test", "not_train", "not_stage"]),
        ("train", (), ["train", "not_stage", "either"]),
        ("test", ("a",), ["test", "not_train", "either"]),
        ("TEST", ("a", "b"), ["test", "not_train", "stage", "either"]),
    ],
)
def test_rules(tmp_path, phase, stages, kept):
    network = net(tmp_path, RULED, phase=phase, stages=stages)
    assert names(network) == ["d", *kept]
    assert {layer.phase for layer in network.layers} == {phase.upper()}


def test_the_files_own_state_gives_stages_and_no_phase_or_level(tmp_path):
    text = 'state { phase: TRAIN level: 5 stage: "a" stage: "b" }' + RULED
    assert names(net(tmp_path, text)) == ["d", "test", "not_train", "stage", "either"]


def test_a_layers_own_phase(tmp_path):
    network = net(
        tmp_path, DATA + 'layer { name: "x" type: "ReLU" bottom: "d" top: "d" phase: TRAIN }'
    )
    assert [layer.phase for layer in network.layers] == ["TEST", "TRAIN"]


# What Caffe refuses


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ('layer { name: "x" bottom: "d" top: "y" include {} exclude {} }', "both include and exclude"),
        ('layer { name: "x" bottom: "later" top: "y" }', "nothing before it writes its bottom 'later'"),
        ('layer { name: "w" top: "y" } layer { name: "x" top: "y" }', "written by another layer"),
        ('layer { name: "w" bottom: "d" top: "y" } layer { name: "x" bottom: "d" top: "d" }', "in place"),
        ('layer { name: "x" bottom: "d" bottom: "d" top: "d" }', "in place"),
        ('layer { name: "w" top: "y" } layer { name: "x" bottom: "d" bottom: "y" top: "y" }', "written by"),
        ('layer { name: "x" top: "y" top: "y" }', "twice"),
        ('layer { name: "x" bottom: "d" propagate_down: 1 propagate_down: 1 }', "propagate_down"),
        ('layer { name: "x" type: "BatchNorm" bottom: "d" top: "y" param { lr_mult: 1 } }', "lr_mult"),
        ('layer { name: "x" type: "ReLU" bottom: "d" top: "y" param {} }', "1 param entries for 0"),
        ('layer { name: "x" type: "Input" top: "y" input_param { shape { dim: -1 } } }', "negative"),
    ],
)  # fmt: skip
def test_refused_by_layer(tmp_path, layers, words):
    with pytest.raises(FormatError, match=words) as caught:
        net(tmp_path, DATA + layers)
    assert caught.value.layer == "x"
    assert caught.value.file == tmp_path / "net.prototxt"


def test_old_and_new_layers_do_not_mix(tmp_path):
    with pytest.raises(FormatError, match="both 'layer' and 'layers'"):
        net(tmp_path, DATA + "layers { type: RELU }")


@pytest.mark.parametrize("text", ["", "# nothing", 'name: "x"'])
def test_a_text_without_layers(tmp_path, text):
    with pytest.raises(FormatError, match="no layers"):
        net(tmp_path, text)


# Upgrades


def test_v0_with_a_padding_layer(tmp_path):
    network = net(
        tmp_path,
        """name: "v0" input: "d" input_dim: [1, 3, 8, 8]
        layers { layer { name: "p" type: "padding" pad: 2 } bottom: "d" top: "p" }
        layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 5 stride: 2 group: 1
                 biasterm: false weight_filler { type: "constant" value: .5 } } bottom: "p" top: "c" }
        layers { layer { name: "m" type: "pool" pool: AVE kernelsize: 2 } bottom: "c" top: "m" }
        layers { layer { name: "n" type: "lrn" local_size: 3 alpha: 2 beta: 3 } bottom: "m" top: "n" }
        layers { layer { name: "s" type: "softmax_loss" } bottom: "n" bottom: "d" top: "s" }""",
    )
    assert network.inputs == {"d": (1, 3, 8, 8)}
    types = [layer.type for layer in network.layers]
    assert types == ["Input", "Convolution", "Pooling", "LRN", "SoftmaxWithLoss"]
    convolution = network.layers[1]
    p = convolution.param("convolution_param")
    assert convolution.bottoms == ["d"]
    assert (list(p.pad), list(p.kernel_size), list(p.stride), p.bias_term) == ([2], [5], [2], False)
    assert numbers(convolution, 0, (4, 3, 5, 5)).mean() == 0.5
    assert network.layers[2].param("pooling_param").pool == 1
    assert network.layers[3].param("lrn_param").local_size == 3


@pytest.mark.parametrize(
    "follower", ['type: "relu" } bottom: "p"', 'type: "conv" } bottom: "p" bottom: "d"']
)
def test_v0_padding_that_nothing_can_take(tmp_path, follower):
    with pytest.raises(FormatError, match="padding"):
        net(
            tmp_path,
            f"""input: "d" input_dim: [1, 1, 2, 2]
            layers {{ layer {{ name: "p" type: "padding" pad: 2 }} bottom: "d" top: "p" }}
            layers {{ layer {{ name: "x" {follower} top: "x" }}""",
        )


def test_v0_of_an_unknown_type(tmp_path):
    with pytest.raises(FormatError, match="unknown V0 type 'upconv'"):
        net(tmp_path, 'layers { layer { name: "x" type: "upconv" } }')


def test_v1_types_and_params(tmp_path):
    v1 = graph.schema()["caffe.V1LayerParameter"].DESCRIPTOR.enum_types_by_name["LayerType"]
    names_in_v1 = [value.name for value in v1.values if value.name != "NONE"]
    body = "".join(
        f'layers {{ name: "{n}" type: {n} bottom: "d" top: "{n}" }}' for n in names_in_v1
    )
    found = {layer.name: layer.type for layer in net(tmp_path, 'input: "d"' + body).layers}
    assert len(found) == len(names_in_v1) + 1
    known = [
        "ABSVAL",
        "SOFTMAX_LOSS",
        "HDF5_OUTPUT",
        "IM2COL",
        "INNER_PRODUCT",
        "TANH",
        "LRN",
        "RELU",
    ]
    assert [found[name] for name in known] == [
        *(
            "AbsVal",
            "SoftmaxWithLoss",
            "HDF5Output",
            "Im2col",
            "InnerProduct",
            "TanH",
            "LRN",
            "ReLU",
        )
    ]
    network = net(
        tmp_path,
        """input: "d" input_dim: [2, 1, 1, 3]
        layers { name: "i" type: INNER_PRODUCT bottom: "d" top: "i" param: "w" param: "b"
                 blobs_lr: 1 blobs_lr: 2 weight_decay: 0 blob_share_mode: PERMISSIVE
                 inner_product_param { num_output: 5 } include { phase: TEST } }
        layers { name: "f" type: UPSAMPLE bottom: "i" top: "f" }""",
    )
    specs = network.layers[1].message.param
    assert [(s.name, s.share_mode, s.lr_mult, s.decay_mult) for s in specs] == [
        ("w", 1, 1.0, 0.0),
        ("b", 0, 2.0, 1.0),
    ]
    assert network.layers[2].type == "UPSAMPLE"
    assert network.layers[2].unknown == {}


def test_old_batch_norm_params(tmp_path):
    text = (
        DATA
        + 'layer { name: "b" type: "BatchNorm" bottom: "d" top: "b" param {} param {} param {} }'
    )
    assert [spec.lr_mult for spec in net(tmp_path, text).layers[1].message.param] == [0, 0, 0]


@pytest.mark.parametrize(
    ("head", "inputs"),
    [
        ('input: "a" input: "b" input_dim: [1, 2, 3, 4, 5, 6, 7, 8]',
         {"a": (1, 2, 3, 4), "b": (5, 6, 7, 8)}),
        ('input: "a" input_shape { dim: 7 } input_dim: [1, 2, 3, 4]', {"a": (7,)}),
        ('input: "a" input_shape {}', {"a": ()}),
        ('input: "a"', {"a": None}),
    ],
)  # fmt: skip
def test_inputs_at_the_head(tmp_path, head, inputs):
    network = net(tmp_path, 'layer { name: "r" type: "ReLU" bottom: "a" top: "r" }' + head)
    assert network.inputs == inputs
    assert names(network) == ["input", "r"]


@pytest.mark.parametrize(
    "head", ['input: "a" input_dim: 1', 'input: ["a", "b"] input_shape { dim: 7 }']
)
def test_inputs_at_the_head_with_too_few_sizes(tmp_path, head):
    with pytest.raises(FormatError, match=r"there (are fewer|must be four)"):
        net(tmp_path, head)


def test_shapes_that_the_user_gives(tmp_path):
    text = 'input: "a" input: "b" layer { name: "r" bottom: "a" bottom: "b" top: "r" }'
    shapes = {"": (1, 2), "b": (3,)}
    assert net(tmp_path, text, input_shapes=shapes).inputs == {"a": (1, 2), "b": (3,)}
    assert net(tmp_path, text, input_shapes={"1": (4,)}).inputs == {"a": None, "b": (4,)}
    with pytest.raises(UsageError, match="no input 'c'"):
        net(tmp_path, text, input_shapes={"c": (1,)})


# Weights


W = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_weights_lie_in_the_file(tmp_path):
    path = caffemodel(tmp_path, {"i": [W]})
    network = net(tmp_path, DATA + inner_product("i", "d", "y"), path)
    tensor = network.layers[1].blob(0, (2, 3))
    assert isinstance(tensor, ir.ExternalTensor)
    assert path.read_bytes()[tensor.offset :][: tensor.length] == W.tobytes()
    np.testing.assert_array_equal(numbers(network.layers[1], 0, (2, 3)), W)


@pytest.mark.parametrize("shape", [(3, 2), (6,), (2, 4)])
def test_another_shape_is_refused(tmp_path, shape):
    path = caffemodel(tmp_path, {"i": [W]})
    network = net(tmp_path, DATA + inner_product("i", "d", "y"), path)
    with pytest.raises(ShapeError, match=r"stored with the shape \[2, 3\]") as caught:
        network.layers[1].blob(0, shape)
    assert caught.value.layer == "i"


def test_axes_of_size_1_do_not_matter(tmp_path):
    path = caffemodel(tmp_path, {"i": [W.reshape(1, 1, 2, 3)]})
    network = net(tmp_path, DATA + inner_product("i", "d", "y"), path)
    np.testing.assert_array_equal(numbers(network.layers[1], 0, (2, 3)), W)
    np.testing.assert_array_equal(numbers(network.layers[1], 0, (2, 3, 1)), W[..., None])


def test_more_or_fewer_blobs_are_refused(tmp_path):
    for blobs in ([], [W, W]):
        with pytest.raises(
            FormatError, match=f"{len(blobs)} weight blobs are stored for it; it has 1"
        ):
            net(tmp_path, DATA + inner_product("i", "d", "y"), caffemodel(tmp_path, {"i": blobs}))


def test_layers_missing_in_the_file_keep_their_fillers_and_others_are_unused(tmp_path):
    text = DATA + inner_product("i", "d", "y", 'weight_filler { type: "constant" value: 2 }')
    network = net(tmp_path, text, caffemodel(tmp_path, {"else": [W, W]}))
    np.testing.assert_array_equal(numbers(network.layers[1], 0, (2, 3)), np.full((2, 3), 2.0))
    assert network.unused == ("else",)


@pytest.mark.parametrize(
    ("given", "words"), [(True, "does not have them"), (False, "no caffemodel")]
)
def test_random_fillers_determine_nothing(tmp_path, given, words):
    text = DATA + inner_product("i", "d", "y", 'weight_filler { type: "xavier" }')
    network = net(tmp_path, text, caffemodel(tmp_path, {"else": []}) if given else None)
    with pytest.raises(UsageError, match=words) as caught:
        network.layers[1].blob(0, (2, 3))
    assert caught.value.layer == "i"


def test_a_bilinear_filler(tmp_path):
    text = DATA + (
        'layer { name: "u" type: "Deconvolution" bottom: "d" top: "u" convolution_param {'
        ' num_output: 1 bias_term: false weight_filler { type: "bilinear" } } }'
    )
    layer = net(tmp_path, text).layers[1]
    tent = np.array([0.25, 0.75, 0.75, 0.25], np.float32)
    np.testing.assert_array_equal(numbers(layer, 0, (1, 1, 4, 4))[0, 0], np.outer(tent, tent))
    with pytest.raises(ShapeError, match="square"):
        layer.blob(0, (1, 1, 4, 3))


def test_of_two_layers_of_one_name_the_first_is_loaded(tmp_path):
    filler = 'weight_filler { type: "constant" value: 9 }'
    text = DATA + inner_product("i", "d", "y", filler) + inner_product("i", "d", "z", filler)
    path = caffemodel(tmp_path, {"i": [W]})
    path.write_bytes(path.read_bytes() + caffemodel(tmp_path, {"i": [W + 1]}).read_bytes())
    first, second = net(tmp_path, text, path).layers[1:]
    np.testing.assert_array_equal(numbers(first, 0, (2, 3)), W + 1)
    assert numbers(second, 0, (2, 3)).min() == 9


def shared(name: str, top: str, spec: str = "", outputs: int = 2) -> str:
    layer = inner_product(name, "d", top, outputs=outputs)
    return f'{layer[:-1]} param {{ name: "w" {spec} }} }}'


def test_shared_weights_are_one_object(tmp_path):
    path = caffemodel(tmp_path, {"a": [W], "b": [W + 1]})
    a, b = net(tmp_path, DATA + shared("a", "x") + shared("b", "y"), path).layers[1:]
    assert a.blobs[0] is b.blobs[0]
    np.testing.assert_array_equal(numbers(a, 0, (2, 3)), W + 1)


def test_a_file_may_lack_the_sharer(tmp_path):
    path = caffemodel(tmp_path, {"a": [W]})
    b = net(tmp_path, DATA + shared("a", "x") + shared("b", "y"), path).layers[2]
    np.testing.assert_array_equal(numbers(b, 0, (2, 3)), W)


def test_permissive_sharing_wants_the_same_count_only(tmp_path):
    path = caffemodel(tmp_path, {"a": [W]})
    text = DATA + shared("a", "x") + shared("b", "y", "share_mode: PERMISSIVE")
    b = net(tmp_path, text, path).layers[2]
    np.testing.assert_array_equal(numbers(b, 0, (3, 2)), W.reshape(3, 2))
    with pytest.raises(ShapeError):
        b.blob(0, (4, 2))
    strict = net(tmp_path, DATA + shared("a", "x") + shared("b", "y"), path).layers[2]
    with pytest.raises(ShapeError):
        strict.blob(0, (3, 2))


def test_fillers_are_distinct_objects(tmp_path):
    text = DATA + inner_product("a", "d", "x") + inner_product("b", "d", "y")
    a, b = net(tmp_path, text).layers[1:]
    assert a.blobs[0] is not b.blobs[0]


def test_weights_in_the_text(tmp_path):
    blobs = "blobs { shape { dim: [2, 3] } data: [0, 1, 2, 3, 4, 5] } }"
    layer = net(tmp_path, DATA + inner_product("i", "d", "y")[:-1] + blobs).layers[1]
    np.testing.assert_array_equal(numbers(layer, 0, (2, 3)), W)
    with pytest.raises(FormatError, match="blob 0 has 1 numbers"):
        net(tmp_path, DATA + inner_product("i", "d", "y")[:-1] + "blobs { num: 2 data: 1 } }")


def test_blobs_of_an_unknown_type(tmp_path):
    text = DATA + 'layer { name: "f" type: "Fork" bottom: "d" top: "f" fork_param { a: 1 } }'
    layer = net(tmp_path, text, caffemodel(tmp_path, {"f": [W, W]})).layers[1]
    np.testing.assert_array_equal(numbers(layer, 1, (2, 3)), W)
    assert layer.unknown == {"fork_param": {"a": 1}}
    with pytest.raises(FormatError, match="blob 2 is missing"):
        layer.blob(2, (1,))


def test_wrong_counts_of_numbers(tmp_path):
    saved = graph.message("NetParameter")
    blob = saved.layer.add(name="i").blobs.add()
    blob.shape.dim.extend([2, 3])
    blob.data.extend([1.0] * 5)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(saved.SerializeToString())
    with pytest.raises(FormatError, match="20 bytes where") as caught:
        net(tmp_path, DATA + inner_product("i", "d", "y"), path)
    assert caught.value.layer == "i"
    assert caught.value.file == path


@pytest.mark.parametrize(
    "data",
    [
        b"\x3a\x03\x0a\x01\x03\x42\x0c" + bytes(12),  # doubles in 12 bytes
        b"\x3a\x03\x0a\x01\x01\x29" + bytes(8),  # a float of 8 bytes
        b"\x08\x00\x10\x01\x2a\x04" + bytes(4),  # more numbers than the legacy shape 0,1,0,0
        b"\x3a\x0a\x0a\x08" + b"\xff" * 7 + b"\x7f",  # a huge size
    ],
)
def test_blobs_that_contradict_themselves(tmp_path, data):
    path = tmp_path / "x.binaryproto"
    path.write_bytes(data)
    with pytest.raises(FormatError):
        read(Source(path))


def test_an_empty_blob(tmp_path):
    path = tmp_path / "x.binaryproto"
    path.write_bytes(b"\x08\x00\x10\x01")
    assert numbers(read(Source(path)).layers[0], 0, (0, 1, 0, 0)).size == 0


# HDF5


def hdf5(folder: Path, blobs: dict[str, list], **options) -> Path:
    h5py = pytest.importorskip("h5py")
    path = folder / "net.caffemodel.h5"
    with h5py.File(path, "w") as file:
        for name, arrays in blobs.items():
            group = file.create_group(f"data/{name}")
            for index, array in enumerate(arrays):
                if isinstance(array, np.ndarray):
                    group.create_dataset(str(index), data=array, **options)
                elif array is not None:
                    group[str(index)] = array
    return path


@pytest.mark.parametrize(
    ("dtype", "options"), [("<f4", {}), (">f4", {}), ("<f8", {}), ("<f4", {"compression": "gzip"})]
)
def test_hdf5_weights(tmp_path, dtype, options):
    path = hdf5(tmp_path, {"i": [W.astype(dtype)], "else": [W, W]}, **options)
    layer = net(tmp_path, DATA + inner_product("i", "d", "y"), path).layers[1]
    assert isinstance(layer.blobs[0], ir.ExternalTensor) == (dtype == "<f4" and not options)
    np.testing.assert_array_equal(numbers(layer, 0, (2, 3)), W)


def test_hdf5_weights_leave_shared_blobs_out(tmp_path):
    text = DATA + shared("a", "x") + shared("b", "y")
    a, b = net(tmp_path, text, hdf5(tmp_path, {"a": [W], "b": []})).layers[1:]
    assert a.blobs[0] is b.blobs[0]
    np.testing.assert_array_equal(numbers(b, 0, (2, 3)), W)


@pytest.mark.parametrize("blobs", [[], [W, W], [W.astype(np.int32)], [np.dtype("<f4")]])
def test_hdf5_weights_that_do_not_fit(tmp_path, blobs):
    with pytest.raises(FormatError):
        net(tmp_path, DATA + inner_product("i", "d", "y"), hdf5(tmp_path, {"i": blobs}))


def test_hdf5_links_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = hdf5(tmp_path, {"i": [h5py.ExternalLink("/etc/passwd", "/x")]})
    with pytest.raises(FormatError, match="link"):
        net(tmp_path, DATA + inner_product("i", "d", "y"), path)


# Training networks


TRAIN_VAL = (
    'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }'
    " data_param { batch_size: 64 } }"
    'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }'
    " data_param { batch_size: 5 } transform_param { crop_size: 9 mean_value: [1, 2, 3] } }"
    + inner_product("fc", "data", "fc")
)
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }'
ACCURACY = 'layer { name: "acc" type: "Accuracy" bottom: "fc" bottom: "label" top: "acc" }'


def shape_of(network: Network) -> list[tuple[str, str, list[str], list[str]]]:
    return [(layer.name, layer.type, layer.bottoms, layer.tops) for layer in network.layers]


def test_a_train_val_file_becomes_a_deploy_one(tmp_path):
    network = net(tmp_path, TRAIN_VAL + LOSS + ACCURACY)
    assert network.inputs == {"data": (5, 3, 9, 9)}
    assert shape_of(network) == [
        ("data", "Input", [], ["data"]),
        ("fc", "InnerProduct", ["data"], ["fc"]),
        ("prob", "Softmax", ["fc"], ["prob"]),
    ]


def test_training_alone_gives_an_input_too(tmp_path):
    only = TRAIN_VAL.replace("phase: TEST", "phase: TRAIN").replace(
        'top: "data" top: "label" include { phase: TRAIN } data_param { batch_size: 64 } }',
        'top: "unused" include { phase: TRAIN } }',
    )
    network = net(tmp_path, only + LOSS)
    assert network.inputs == {"data": (5, 3, 9, 9)}


def test_several_losses_keep_their_names(tmp_path):
    network = net(tmp_path, TRAIN_VAL + LOSS + LOSS.replace('"loss"', '"aux"'))
    assert [layer.name for layer in network.layers[2:]] == ["loss", "aux"]


def test_a_softmax_that_is_there_is_not_doubled(tmp_path):
    softmax = 'layer { name: "p" type: "Softmax" bottom: "fc" top: "p" }'
    assert names(net(tmp_path, TRAIN_VAL + softmax + LOSS)) == ["data", "fc", "p"]


def test_paths_of_labels_go_and_what_follows_a_loss(tmp_path):
    text = (
        TRAIN_VAL
        + 'layer { name: "s" type: "Slice" bottom: "label" top: "l1" top: "l2" }'
        + 'layer { name: "q" type: "Silence" bottom: "l2" }'
        + 'layer { name: "e" type: "EuclideanLoss" bottom: "fc" bottom: "l1" top: "e" }'
        + 'layer { name: "p" type: "Power" bottom: "e" top: "p" }'
    )
    network = net(tmp_path, text)
    assert names(network) == ["data", "fc"]
    assert list(network.inputs) == ["data"]


def test_second_tops_that_are_needed_are_inputs(tmp_path):
    text = (
        'layer { name: "h" type: "HDF5Data" top: "x" top: "cont" top: "target" }'
        'layer { name: "l" type: "LSTM" bottom: "x" bottom: "cont" top: "h"'
        " recurrent_param { num_output: 2 } }"
        'layer { name: "e" type: "EuclideanLoss" bottom: "h" bottom: "target" top: "e" }'
    )
    network = net(tmp_path, text)
    assert network.inputs == {"x": None, "cont": None}
    assert shape_of(network)[0] == ("h", "Input", [], ["x", "cont"])


def test_dummy_data_that_is_constant_stays(tmp_path):
    text = (
        'layer { name: "c" type: "DummyData" top: "c" dummy_data_param { shape { dim: 2 dim: 3 }'
        " data_filler { value: 4 } } }"
    )
    network = net(tmp_path, text + inner_product("fc", "c", "fc"))
    assert network.inputs == {}
    assert [layer.type for layer in network.layers] == ["DummyData", "InnerProduct"]


def test_losses_of_a_network_with_inputs_stay(tmp_path):
    text = DATA + DATA.replace('"d"', '"label"') + inner_product("fc", "d", "fc") + LOSS
    assert names(net(tmp_path, text)) == ["d", "label", "fc", "loss"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ('type: "MemoryData" memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }',
         (2, 3, 4, 5)),
        ('type: "ImageData" image_data_param { batch_size: 2 new_height: 4 new_width: 5 }',
         (2, 3, 4, 5)),
        ('type: "ImageData" image_data_param { batch_size: 2 is_color: false }'
         " transform_param { crop_size: 6 }", (2, 1, 6, 6)),
        ('type: "ImageData" image_data_param { batch_size: 2 }', None),
        ('type: "Data" data_param { batch_size: 2 } transform_param { crop_size: 6 }', None),
        ('type: "Data" data_param { batch_size: 2 } transform_param { crop_size: 6 force_color: true }',
         (2, 3, 6, 6)),
        ('type: "WindowData" window_data_param { batch_size: 2 } transform_param { crop_size: 6 }',
         (2, 3, 6, 6)),
        ('type: "AnnotatedData" annotated_data_param {}', None),
        ('type: "Python" python_param { module: "m" layer: "L" }', None),
        ('type: "DummyData" dummy_data_param { data_filler { type: "gaussian" }'
         " num: 2 channels: [3, 4] height: 5 width: 6 }", (2, 3, 5, 6)),
        ('type: "DummyData" dummy_data_param { data_filler { type: "gaussian" } shape { dim: 2 } }',
         (2,)),
        ('type: "DenseImageData" dense_image_data_param { batch_size: 4 }', None),
    ],
)  # fmt: skip
def test_shapes_of_data_layers(tmp_path, layer, shape):
    text = f'layer {{ name: "x" top: "x" {layer} }}' + inner_product("fc", "x", "fc")
    assert net(tmp_path, text).inputs == {"x": shape}


# A caffemodel alone


def saved_network(folder: Path, phase: int, own: int | None = None) -> Path:
    saved = graph.message("NetParameter")
    saved.layer.add(name="d", type="Data", top=["d", "l"], phase=phase).include.add(phase=0)
    saved.layer.add(
        name="d_d_0_split",
        type="Split",
        bottom=["d"],
        top=["d_d_0_split_0", "d_d_0_split_1"],
        phase=phase,
    )
    layer = saved.layer.add(
        name="i", type="InnerProduct", bottom=["d_d_0_split_0"], top=["y"], phase=phase
    )
    layer.inner_product_param.num_output = 2
    layer.inner_product_param.bias_term = False
    blob = layer.blobs.add()
    blob.shape.dim.extend([2, 3])
    blob.data.extend(W.ravel())
    last = phase if own is None else own
    saved.layer.add(name="t", type="TanH", bottom=["d_d_0_split_1"], top=["t"], phase=last)
    path = folder / "saved.caffemodel"
    path.write_bytes(saved.SerializeToString())
    return path


@pytest.mark.parametrize("phase", [0, 1])
def test_a_saved_network_has_its_rules_behind_it(tmp_path, phase):
    network = read(Source(saved_network(tmp_path, phase)))
    assert shape_of(network) == [
        ("d", "Input", [], ["d"]),
        ("i", "InnerProduct", ["d"], ["y"]),
        ("t", "TanH", ["d"], ["t"]),
    ]
    assert {layer.phase for layer in network.layers} == {"TEST"}
    np.testing.assert_array_equal(numbers(network.layers[1], 0, (2, 3)), W)


def test_a_phase_that_was_a_layers_own_stays(tmp_path):
    network = read(Source(saved_network(tmp_path, 1, own=0)))
    assert [layer.phase for layer in network.layers] == ["TEST", "TEST", "TRAIN"]


def test_names_that_are_no_unicode(tmp_path):
    path = saved_network(tmp_path, 1)
    path.write_bytes(path.read_bytes().replace(b"\x22\x01y", b"\x22\x01\xff"))
    assert read(Source(path)).layers[1].tops == ["\\xff"]


def test_binary_fields_beyond_the_schema_are_kept(tmp_path):
    saved = graph.message("NetParameter")
    saved.layer.add(name="x", type="CropCenter", bottom=["d"], top=["x"])
    path = tmp_path / "x.caffemodel"
    data = saved.layer[0].SerializeToString() + b"\xaa\x09\x02\x08\x05"  # field 149: {1: 5}
    path.write_bytes(b"\xa2\x06" + bytes([len(data)]) + data)
    layer = read(Source(path)).layers[1]
    assert layer.unknown == {"field 149": b"\x08\x05"}


@pytest.mark.parametrize(
    ("bound", "words"), [("MAX_FIELDS", "too many"), ("MAX_REST", "too large")]
)
def test_networks_are_bounded(tmp_path, monkeypatch, bound, words):
    monkeypatch.setattr(weights, bound, 3)
    with pytest.raises(FormatError, match=words):
        read(Source(saved_network(tmp_path, 1)))


# Files


def test_files_are_sorted(tmp_path):
    for name, data in {
        "a.prototxt": b"layer {}",
        "b.txt": b"# Caffe\nlayers { }",
        "c.txt": b"hello",
        "d.pt": b"layer {\0}",
        "e.caffemodel": b"",
        "f.h5": b"\x89HDF\r\n\x1a\n",
        "g.h5": b"",
        "h.binaryproto": b"",
    }.items():
        (tmp_path / name).write_bytes(data)

    def sort(*names: str) -> tuple[str, ...] | None:
        source = arrange([tmp_path / name for name in names])
        return None if source is None else tuple(path.name for path in source.files)

    assert sort("e.caffemodel", "a.prototxt") == ("a.prototxt", "e.caffemodel")
    assert sort("b.txt", "f.h5") == ("b.txt", "f.h5")
    assert sort("a.prototxt") == ("a.prototxt",)
    assert sort("e.caffemodel") == ("e.caffemodel",)
    assert sort("h.binaryproto") == ("h.binaryproto",)
    for others in (
        ["c.txt"],
        ["d.pt"],
        ["f.h5"],
        ["a.prototxt", "g.h5"],
        ["a.prototxt", "b.txt"],
        [],
    ):
        assert sort(*others) is None


def test_files_that_are_not_there_or_not_enough(tmp_path):
    h5 = tmp_path / "x.h5"
    h5.write_bytes(b"\x89HDF\r\n\x1a\n")
    for source in (Source(tmp_path / "no.prototxt"), Source(h5), Source(weights=h5)):
        with pytest.raises(UsageError):
            read(source)


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 20, b"hello there", b"\x0a\x02ab"])
@pytest.mark.parametrize("name", ["x.caffemodel", "x.binaryproto"])
def test_files_that_are_something_else(tmp_path, data, name):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError):
        read(Source(tmp_path / name))
