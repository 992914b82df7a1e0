"""Brings the older forms of a network to the current one (src/caffe/util/upgrade_proto.cpp).

V0 is `layers { layer { type: "conv" } }`, V1 is `layers { type: CONVOLUTION }`, V2 is
`layer { type: "Convolution" }`. Inputs at the head of the file become an Input layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdnn.errors import FormatError
from mmdnn.frameworks.caffe import graph
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe._notes import Note
from mmdnn.frameworks.caffe.graph import Blob, Unknown


@dataclass
class Draft:
    """A layer on its way: its message of any version, without blobs, and what belongs to it."""

    message: Any
    blobs: list[Blob] = field(default_factory=list)
    unknown: Unknown = field(default_factory=dict)
    note: Note | None = None


_DATA = {
    "data": "data_param",
    "hdf5_data": "hdf5_data_param",
    "images": "image_data_param",
    "window_data": "window_data_param",
}
_WEIGHTED = {"conv": "convolution_param", "innerproduct": "inner_product_param"}
_WINDOWED = {"conv": "convolution_param", "pool": "pooling_param"}
_LRN = {"lrn": "lrn_param"}
_WINDOW_DATA = {"window_data": "window_data_param"}
_V0_FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "num_output": ("num_output", _WEIGHTED),
    "biasterm": ("bias_term", _WEIGHTED),
    "weight_filler": ("weight_filler", _WEIGHTED),
    "bias_filler": ("bias_filler", _WEIGHTED),
    "pad": ("pad", _WINDOWED),
    "kernelsize": ("kernel_size", _WINDOWED),
    "group": ("group", {"conv": "convolution_param"}),
    "stride": ("stride", _WINDOWED),
    "pool": ("pool", {"pool": "pooling_param"}),
    "dropout_ratio": ("dropout_ratio", {"dropout": "dropout_param"}),
    "local_size": ("local_size", _LRN),
    "alpha": ("alpha", _LRN),
    "beta": ("beta", _LRN),
    "k": ("k", _LRN),
    "source": ("source", {**_DATA, "infogain_loss": "infogain_loss_param"}),
    "batchsize": ("batch_size", _DATA),
    "rand_skip": ("rand_skip", {k: _DATA[k] for k in ("data", "images")}),
    "shuffle_images": ("shuffle", {"images": "image_data_param"}),
    "new_height": ("new_height", {"images": "image_data_param"}),
    "new_width": ("new_width", {"images": "image_data_param"}),
    "concat_dim": ("concat_dim", {"concat": "concat_param"}),
    "det_fg_threshold": ("fg_threshold", _WINDOW_DATA),
    "det_bg_threshold": ("bg_threshold", _WINDOW_DATA),
    "det_fg_fraction": ("fg_fraction", _WINDOW_DATA),
    "det_context_pad": ("context_pad", _WINDOW_DATA),
    "det_crop_mode": ("crop_mode", _WINDOW_DATA),
}
"""A V0 field to its present name, and for each V0 type that has it the block it stands in now."""
_V0_TRANSFORMS = {
    "scale": "scale",
    "meanfile": "mean_file",
    "cropsize": "crop_size",
    "mirror": "mirror",
}
_V0_TYPES = {
    **{
        name: name.upper()
        for name in (
            *("accuracy", "bnll", "concat", "data", "dropout", "euclidean_loss", "flatten"),
            *("hdf5_data", "hdf5_output", "im2col", "infogain_loss", "lrn"),
            *("multinomial_logistic_loss", "relu", "sigmoid", "softmax", "softmax_loss", "split"),
            *("tanh", "window_data"),
        )
    },
    "conv": "CONVOLUTION",
    "images": "IMAGE_DATA",
    "innerproduct": "INNER_PRODUCT",
    "pool": "POOLING",
}
_V1_TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}
"""V1 types whose present names are not their own in capitals and small letters."""
_V1_TRANSFORMED = {
    "DATA": "data_param",
    "IMAGE_DATA": "image_data_param",
    "WINDOW_DATA": "window_data_param",
}


def upgrade(
    net: Any, layer: list[Draft], layers: list[Draft], file: Path | None
) -> tuple[list[Draft], list[str]]:
    """All layers of a network in the current form, in order.

    Args:
        net: The NetParameter, for its inputs.
        layer: Its V2 layers.
        layers: Its V0 or V1 layers.
        file: Named in errors.

    Returns:
        The layers, an Input layer before them where the head of the file gives inputs; and those
        inputs that are declared without a shape.

    Raises:
        FormatError: Both forms are mixed, or something is said that Caffe cannot upgrade.
    """
    if layer and layers:
        raise FormatError(
            "both 'layer' and 'layers' are used",
            file=file,
            hint='Write all layers as layer { type: "Name" }.',
        )
    if any(draft.message.HasField("layer") for draft in layers):
        layers = [_from_v0(draft, file) for draft in _merge_padding(net, layers, file)]
    drafts = [_from_v1(draft) for draft in layers] or layer
    for draft in drafts:
        _stop_learning_statistics(draft.message)
    head, shapeless = _inputs(net, file)
    return head + drafts, shapeless


def _merge_padding(net: Any, layers: list[Draft], file: Path | None) -> list[Draft]:
    """Padding layers go; the convolution or pooling after one does the padding itself."""
    written_by: dict[str, Draft | None] = dict.fromkeys(net.input)
    kept = []
    for draft in layers:
        v0 = draft.message.layer
        if v0.type != "padding":
            kept.append(draft)
        for index, bottom in enumerate(draft.message.bottom):
            if bottom not in written_by:
                raise FormatError(f"nothing writes its bottom '{bottom}'", file=file, layer=v0.name)
            source = written_by[bottom]
            if source is None or source.message.layer.type != "padding":
                continue
            single = len(draft.message.bottom) == len(source.message.bottom) == 1
            if v0.type not in _WINDOWED or not single or len(source.message.top) != 1:
                raise FormatError(
                    "only a convolution or pooling of one bottom may follow a padding layer",
                    file=file,
                    layer=v0.name,
                    operator=v0.type,
                )
            v0.pad = source.message.layer.pad
            draft.message.bottom[index] = source.message.bottom[0]
        written_by.update(dict.fromkeys(draft.message.top, draft))
    return kept


def _from_v0(draft: Draft, file: Path | None) -> Draft:
    old, v0 = draft.message, draft.message.layer
    new = graph.message("V1LayerParameter")
    new.bottom.extend(old.bottom)
    new.top.extend(old.top)
    if v0.HasField("name"):
        new.name = v0.name
    if v0.HasField("type"):
        if v0.type not in _V0_TYPES:
            raise FormatError(f"unknown V0 type '{v0.type}'", file=file, layer=v0.name)
        new.type = (
            new.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_name[_V0_TYPES[v0.type]].number
        )
    new.blobs_lr.extend(v0.blobs_lr)
    new.weight_decay.extend(v0.weight_decay)
    for known, value in v0.ListFields():
        name, blocks = _V0_FIELDS.get(known.name, ("", {}))
        if v0.type in blocks:
            _assign(getattr(new, blocks[v0.type]), name, value)
        elif known.name in _V0_TRANSFORMS:
            setattr(new.transform_param, _V0_TRANSFORMS[known.name], value)
        elif known.name == "hdf5_output_param":
            new.hdf5_output_param.CopyFrom(value)
    beside = {name: value for name, value in draft.unknown.items() if name != "layer"}
    return Draft(new, draft.blobs, {**beside, **draft.unknown.get("layer", {})})


def _assign(block: Any, name: str, value: Any) -> None:
    known = block.DESCRIPTOR.fields_by_name[name]
    if known.message_type is not None:
        getattr(block, name).CopyFrom(value)
    elif hasattr(getattr(block, name), "append"):
        getattr(block, name).append(value)
    else:
        setattr(block, name, value)


def _from_v1(draft: Draft) -> Draft:
    v1 = draft.message
    _move_transforms(v1)
    new = graph.message("LayerParameter")
    unknown = dict(draft.unknown)
    if v1.HasField("name"):
        new.name = v1.name
    if v1.HasField("type"):
        new.type = _type_of_v1(v1)
    elif isinstance(unknown.get("type"), str):
        new.type = unknown.pop("type")  # a fork's
    for name in ("bottom", "top", "include", "exclude", "loss_weight"):
        getattr(new, name).extend(getattr(v1, name))
    counts = (len(v1.param), len(v1.blob_share_mode), len(v1.blobs_lr), len(v1.weight_decay))
    for index in range(max(counts)):
        spec = new.param.add()
        for name, values in (
            ("name", v1.param),
            ("share_mode", v1.blob_share_mode),
            ("lr_mult", v1.blobs_lr),
            ("decay_mult", v1.weight_decay),
        ):
            if index < len(values):
                setattr(spec, name, values[index])
    for known, value in v1.ListFields():
        if known.name.endswith("_param"):
            getattr(new, known.name).CopyFrom(value)
    return Draft(new, draft.blobs, unknown)


def _type_of_v1(v1: Any) -> str:
    name = v1.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_number[v1.type].name
    return _V1_TYPES.get(name, "".join(part.capitalize() for part in name.split("_")))


def _move_transforms(v1: Any) -> None:
    """Scale, mean, crop and mirror stood in the data layers' own blocks."""
    name = v1.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_number[v1.type].name
    if name not in _V1_TRANSFORMED or not v1.HasField(_V1_TRANSFORMED[name]):
        return
    block = getattr(v1, _V1_TRANSFORMED[name])
    for moved in _V0_TRANSFORMS.values():
        if block.HasField(moved):
            setattr(v1.transform_param, moved, getattr(block, moved))
            block.ClearField(moved)


def _stop_learning_statistics(layer: Any) -> None:
    """BatchNorm's blobs have no learning rate; an old form gave them one."""
    if layer.type == "BatchNorm" and len(layer.param) == 3:
        for spec in layer.param:
            spec.lr_mult = spec.decay_mult = 0


def _inputs(net: Any, file: Path | None) -> tuple[list[Draft], list[str]]:
    """The inputs that the head of the file gives, as one Input layer."""
    if not net.input or not (net.input_shape or net.input_dim):
        return [], list(net.input)
    layer = new_layer("Input", name="input", tops=net.input)
    for index in range(len(net.input)):
        shape = layer.input_param.shape.add()
        if net.input_shape:
            if index >= len(net.input_shape):
                raise FormatError("there are fewer input_shape than inputs", file=file)
            shape.CopyFrom(net.input_shape[index])
            continue
        dims = net.input_dim[4 * index : 4 * index + 4]
        if len(dims) < 4:
            raise FormatError("there must be four input_dim for each input", file=file)
        shape.dim.extend(dims)
    return [Draft(layer)], []
