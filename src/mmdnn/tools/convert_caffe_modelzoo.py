"""`python -m mmdnn.tools.convert_caffe_modelzoo`: a pre-trained Caffe network, downloaded, as MXNet's files.

Names, addresses, SHA-1 and means are those of MXNet 1.9.1 (tools/caffe_converter/convert_caffe_modelzoo.py).
"""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    from mmdnn import zoo

EXAMPLES = """
  python -m mmdnn.tools.convert_caffe_modelzoo resnet-50
                          writes model/resnet-50-symbol.json, -0000.params and -mean.nd
"""
REPOSITORY = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
VARIABLE = "MXNET_GLUON_REPO"
"""The environment variable that names another one, as for MXNet."""
FOLDER = "model"

_BVLC = (123, 117, 104)
_VGG = (123.68, 116.779, 103.939)
_RESNET = ("resnet/ResNet_mean.binaryproto", "0b056fd4444f0ae1537af646ba736edf0d4cefaf")
_MODELS: dict[str, tuple[tuple[str, str], ...]] = {
    "bvlc_alexnet": (
        ("bvlc_alexnet/deploy.prototxt", "cb77655eb4db32c9c47699c6050926f9e0fc476a"),
        ("bvlc_alexnet/bvlc_alexnet.caffemodel", "9116a64c0fbe4459d18f4bb6b56d647b63920377"),
        ("bvlc_alexnet/imagenet_mean.binaryproto", "63e4652e656abc1e87b7a8339a7e02fca63a2c0c"),
    ),
    "bvlc_googlenet": (
        ("bvlc_googlenet/deploy.prototxt", "7060345c8012294baa60eeb5901d2d3fd89d75fc"),
        ("bvlc_googlenet/bvlc_googlenet.caffemodel", "405fc5acd08a3bb12de8ee5e23a96bec22f08204"),
    ),
    "vgg-16": (
        ("vgg/VGG_ILSVRC_16_layers_deploy.prototxt", "2734e5500f1445bd7c9fee540c99f522485247bd"),
        ("vgg/VGG_ILSVRC_16_layers.caffemodel", "9363e1f6d65f7dba68c4f27a1e62105cdf6c4e24"),
    ),
    "vgg-19": (
        ("vgg/VGG_ILSVRC_19_layers_deploy.prototxt", "132d2f60b3d3b1c2bb9d3fdb0c8931a44f89e2ae"),
        ("vgg/VGG_ILSVRC_19_layers.caffemodel", "239785e7862442717d831f682bb824055e51e9ba"),
    ),
    "resnet-50": (
        ("resnet/ResNet-50-deploy.prototxt", "5d6fd5aeadd8d4684843c5028b4e5672b9e51638"),
        ("resnet/ResNet-50-model.caffemodel", "b7c79ccc21ad0479cddc0dd78b1d20c4d722908d"),
        _RESNET,
    ),
    "resnet-101": (
        ("resnet/ResNet-101-deploy.prototxt", "c165d6b6ccef7cc39ee16a66f00f927f93de198b"),
        ("resnet/ResNet-101-model.caffemodel", "1dbf5f493926bb9b6b3363b12d5133c0f8b78904"),
        _RESNET,
    ),
    "resnet-152": (
        ("resnet/ResNet-152-deploy.prototxt", "ae15aade2304af8a774c5bfb1d32457f119214ef"),
        ("resnet/ResNet-152-model.caffemodel", "251edb93604ac8268c7fd2227a0f15144310e1aa"),
        _RESNET,
    ),
}
"""Name to prototxt, caffemodel and mean image: path within the repository, and SHA-1."""
_MEANS = {"bvlc_googlenet": _BVLC, "vgg-16": _VGG, "vgg-19": _VGG}
"""The mean colour, red first, of those without a mean image."""
_ENDS = ("_deploy.prototxt", ".caffemodel", "_mean.binaryproto")


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The tool's flags."""
    made = arguments.Parser(
        "python -m mmdnn.tools.convert_caffe_modelzoo",
        "Download a pre-trained Caffe network and its mean image and convert both to MXNet; then run "
        "both networks and compare every layer.",
        EXAMPLES,
    )
    source = made.add_argument_group("the model")
    source.add_argument("model_name", help=f"one of {', '.join(_MODELS)}")
    made.flag(
        source,
        "--mirror",
        metavar="URL",
        default="",
        help=f"look for the files here instead, under their names; {VARIABLE} names another repository",
    )
    target = made.add_argument_group("the result")
    made.flag(
        target,
        "--rgb",
        action="store_true",
        help="let network and mean image have red first, as the old tool did; else they have blue "
        "first, as in Caffe",
    )
    made.flag(target, "--noVerify", action="store_true", help="do not run and compare the two")
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Download, convert, and say what was made."""
    from mmdnn import zoo
    from mmdnn.cli import mmdownload
    from mmdnn.tools import convert_mean, convert_model

    files = zoo.download(
        model(args.model_name), FOLDER, mirror=args.mirror, told=mmdownload.told(args)
    )
    prefix = str(Path(FOLDER, args.model_name))
    more = [flag for flag, given in (("--rgb", args.rgb), ("--noVerify", args.noVerify)) if given]
    more += ["--json"] if args.json else []
    result = convert_model.work(convert_model.parser().parse([*files[:2], prefix, *more]))
    mean: str | list[float] = list(_MEANS.get(args.model_name, ()))
    if len(files) > 2:
        mean = f"{prefix}-mean.nd"
        order = [] if args.rgb else ["--bgr"]
        more = ["--json"] if args.json else []
        convert_mean.work(convert_mean.parser().parse([files[2], mean, *order, *more]))
    else:
        mean = mean if args.rgb else mean[::-1]
        command.say(args, f"Its mean is {', '.join(map(str, mean))}, in the order of its channels.")
    command.say(args, f"Model is saved into {prefix}")
    return {**result, "mean": mean}


def model(name: str) -> zoo.Model:
    """One of the models by its name.

    Raises:
        UsageError: There is none.
    """
    from mmdnn import zoo
    from mmdnn.errors import UsageError

    if name not in _MODELS:
        raise UsageError(f"Unknown model {name}", hint=f"Known: {', '.join(_MODELS)}.")
    root = f"{os.environ.get(VARIABLE) or REPOSITORY}".rstrip("/") + "/caffe/models"
    files = tuple(
        zoo.File(f"{root}/{path}", f"{name}{end}", sha1)
        for (path, sha1), end in zip(_MODELS[name], _ENDS, strict=False)
    )
    return zoo.Model("caffe", name, files, "")


if __name__ == "__main__":
    raise SystemExit(main())
