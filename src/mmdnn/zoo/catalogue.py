"""Which pre-trained models there are, and where their files are.

Names and addresses are those of MMdnn 0.3.1 (mmdnn/conversion/examples/<framework>/extractor.py, and
mmdnn/models/modelmap2.json for PyTorch's, which it had from torchvision), so that users find what they
know. Several hosts have shut down since: `mmdownload --mirror` takes the same files from elsewhere.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mmdnn.errors import UsageError


@dataclass(frozen=True)
class File:
    """One file of a model.

    Attributes:
        url: Where it is.
        name: What it is called when it is saved.
        sha1: Its SHA-1, or "" where it is not known.
        md5: Its MD5, or "".
    """

    url: str
    name: str
    sha1: str = ""
    md5: str = ""

    @property
    def checksum(self) -> tuple[str, str]:
        """The hash that is known of it ("md5", "sha1", "sha256"), and what it begins with; else "".

        An address as torch.hub's says what the SHA-256 begins with.
        """
        if self.sha1 or self.md5:
            return ("sha1", self.sha1) if self.sha1 else ("md5", self.md5)
        found = re.search(r"-([0-9a-f]{8})\.pth$", self.url)
        return "sha256", found[1] if found else ""

    @property
    def is_open(self) -> bool:
        """Whether it comes unprotected, and nothing says what it must be."""
        return not (self.url.startswith("https:") or self.checksum[1])


@dataclass(frozen=True)
class Model:
    """A pre-trained model.

    Attributes:
        framework: Whose it is, by the name that the commands know.
        name: What it is called here.
        files: Its files, the structure first.
        saved: What is said once it is there; {name} is the model's, {files} those it is saved in.
        note: What the user should know of it; where its network is built, of its files alone.
        builder: What builds its network in `keras.applications`, where the file holds weights alone.
    """

    framework: str
    name: str
    files: tuple[File, ...]
    saved: str
    note: str = ""
    builder: str = ""

    @property
    def built(self) -> str:
        """The name of the file with network and weights, where that is built."""
        return f"imagenet_{self.name}.h5" if self.builder else ""


_BVLC = "https://raw.githubusercontent.com/BVLC/caffe/master/models"
_BERKELEY = "http://dl.caffe.berkeleyvision.org"
_GISTS = "https://gist.githubusercontent.com/ksimonyan"
_FOR_MXNET = "http://data.mxnet.io/models/imagenet/test/caffe"
_OLD_TOOL = "http://mmdnn.eastasia.cloudapp.azure.com:89/models/caffe"
_SQUEEZENET = "DeepScale/SqueezeNet/{}master/SqueezeNet_v1.1"
_FCN = "https://raw.githubusercontent.com/linmajia/mmdnn-models/master/caffe"
_REDTAIL = "https://raw.githubusercontent.com/NVIDIA-AI-IOT/redtail/master/models/pretrained"
_CNTK = "https://www.cntk.ai/Models"
_MXNET = "http://data.mxnet.io/models"
_TORCH = "https://download.pytorch.org/models"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"

_CAFFE_FILES = {
    "alexnet": (f"{_BVLC}/bvlc_alexnet/deploy.prototxt", f"{_BERKELEY}/bvlc_alexnet.caffemodel"),
    "inception_v1": (
        f"{_BVLC}/bvlc_googlenet/deploy.prototxt",
        f"{_BERKELEY}/bvlc_googlenet.caffemodel",
    ),
    "vgg16": (
        f"{_GISTS}/211839e770f7b538e2d8/raw/c3ba00e272d9f48594acef1f67e5fd12aff7a806"
        "/VGG_ILSVRC_16_layers_deploy.prototxt",
        f"{_FOR_MXNET}/VGG_ILSVRC_16_layers.caffemodel",
    ),
    "vgg19": (
        f"{_GISTS}/3785162f95cd2d5fee77/raw/bb2b4fe0a9bb0669211cf3d0bc949dfdda173e9e"
        "/VGG_ILSVRC_19_layers_deploy.prototxt",
        f"{_FOR_MXNET}/VGG_ILSVRC_19_layers.caffemodel",
    ),
    **{
        f"resnet{depth}": (
            f"{_FOR_MXNET}/ResNet-{depth}-deploy.prototxt",
            f"{_FOR_MXNET}/ResNet-{depth}-model.caffemodel",
        )
        for depth in (50, 101, 152)
    },
    "squeezenet": (
        f"https://raw.githubusercontent.com/{_SQUEEZENET.format('')}/deploy.prototxt",
        f"https://github.com/{_SQUEEZENET.format('raw/')}/squeezenet_v1.1.caffemodel",
    ),
    "xception": (f"{_OLD_TOOL}/xception_deploy.prototxt", f"{_OLD_TOOL}/xception.caffemodel"),
    "inception_v4": (
        f"{_OLD_TOOL}/inception-v4_deploy.prototxt",
        f"{_OLD_TOOL}/inception-v4.caffemodel",
    ),
    "voc-fcn8s": (
        "https://raw.githubusercontent.com/shelhamer/fcn.berkeleyvision.org/master/voc-fcn8s"
        "/deploy.prototxt",
        f"{_BERKELEY}/fcn8s-heavy-pascal.caffemodel",
    ),
    **{
        f"voc-fcn{stride}s": (
            f"{_FCN}/voc-fcn{stride}s-deploy.prototxt",
            f"{_BERKELEY}/fcn{stride}s-heavy-pascal.caffemodel",
        )
        for stride in (16, 32)
    },
    "trailnet_sresnet": (
        f"{_REDTAIL}/TrailNet_SResNet-18.prototxt",
        f"{_REDTAIL}/TrailNet_SResNet-18.caffemodel",
    ),
}
"""Name to prototxt and caffemodel."""

_SHA1 = {
    "alexnet": "9116a64c0fbe4459d18f4bb6b56d647b63920377",
    "inception_v1": "405fc5acd08a3bb12de8ee5e23a96bec22f08204",
    "vgg16": "9363e1f6d65f7dba68c4f27a1e62105cdf6c4e24",
    "vgg19": "239785e7862442717d831f682bb824055e51e9ba",
    "resnet50": "b7c79ccc21ad0479cddc0dd78b1d20c4d722908d",
    "resnet101": "1dbf5f493926bb9b6b3363b12d5133c0f8b78904",
    "resnet152": "251edb93604ac8268c7fd2227a0f15144310e1aa",
    "squeezenet": "3397f026368a45ae236403ccc81cfcbe8ebe1bd0",
    "voc-fcn8s": "c449ea74dd7d83751d1357d6a8c323fcf4038962",
    "voc-fcn32s": "05eb922d7829c39448f57e5ab9d8cd75d6c0be6d",
}
"""Of Caffe's weights, as BVLC (models/*/readme.md), MXNet 1.9.1 (tools/caffe_converter/
convert_caffe_modelzoo.py) and OpenCV (opencv_extra, testdata/dnn/download_models.py) publish them. Of the
other files nothing that is public says more than where they are."""

_CNTK_FILES = {
    "alexnet": "CNTK_Pretrained/AlexNet_ImageNet_CNTK.model",
    "inception_v3": "CNTK_Pretrained/InceptionV3_ImageNet_CNTK.model",
    **{
        f"resnet{depth}": f"CNTK_Pretrained/ResNet{depth}_ImageNet_CNTK.model"
        for depth in (18, 50, 101, 152)
    },
    "Fast-RCNN_Pascal": "FRCN_Pascal/Fast-RCNN.model",
    "Fast-RCNN_grocery100": "FRCN_Grocery/Fast-RCNN_grocery100.model",
}

_MXNET_CHECKPOINTS = {
    "imagenet1k-inception-bn": ("imagenet/inception-bn/Inception-BN", 126),
    **{
        f"imagenet1k-resnet-{depth}": (f"imagenet/resnet/{depth}-layers/resnet-{depth}", 0)
        for depth in (18, 34, 50, 101, 152)
    },
    "imagenet1k-resnext-50": ("imagenet/resnext/50-layers/resnext-50", 0),
    "imagenet1k-resnext-101": ("imagenet/resnext/101-layers/resnext-101", 0),
    "imagenet1k-resnext-101-64x4d": ("imagenet/resnext/101-layers/resnext-101-64x4d", 0),
    "imagenet11k-resnet-152": ("imagenet-11k/resnet-152/resnet-152", 0),
    "imagenet11k-place365ch-resnet-152": ("imagenet-11k-place365-ch/resnet-152", 0),
    "imagenet11k-place365ch-resnet-50": ("imagenet-11k-place365-ch/resnet-50", 0),
    "vgg19": ("imagenet/vgg/vgg19", 0),
    "vgg16": ("imagenet/vgg/vgg16", 0),
    "squeezenet_v1.0": ("imagenet/squeezenet/squeezenet_v1.0", 0),
    "squeezenet_v1.1": ("imagenet/squeezenet/squeezenet_v1.1", 0),
}
"""Name to a checkpoint's prefix and epoch. The ImageNet-11k ones are saved under their names here: there they
are called as the ImageNet-1k ones are, and one would be taken for the other."""

_TORCH_HASHES = {
    "alexnet": "alexnet-owt-4df8aa71",
    "densenet121": "densenet121-a639ec97",
    "densenet161": "densenet161-8d451a50",
    "densenet169": "densenet169-b2777c0a",
    "densenet201": "densenet201-c1103571",
    "inception_v3": "inception_v3_google-1a9a5a14",
    "resnet101": "resnet101-5d3b4d8f",
    "resnet152": "resnet152-b121ed2d",
    "resnet18": "resnet18-5c106cde",
    "resnet34": "resnet34-333f7ec4",
    "resnet50": "resnet50-19c8e357",
    "squeezenet1_0": "squeezenet1_0-a815701f",
    "squeezenet1_1": "squeezenet1_1-f364aa15",
    "vgg11": "vgg11-bbd30ac9",
    "vgg11_bn": "vgg11_bn-6002323d",
    "vgg13": "vgg13-c768596a",
    "vgg13_bn": "vgg13_bn-abd245e5",
    "vgg16": "vgg16-397923af",
    "vgg16_bn": "vgg16_bn-6c64b313",
    "vgg19": "vgg19-dcbb9e9d",
    "vgg19_bn": "vgg19_bn-c79401a0",
}

_KERAS_ENDING = "weights_tf_dim_ordering_tf_kernels.h5"
_KERAS_FILES = {
    "inception_v3": (
        "InceptionV3",
        f"inception_v3/inception_v3_{_KERAS_ENDING}",
        "9a0d58056eeedaa3f26cb7ebd46da564",
    ),
    "vgg16": ("VGG16", f"vgg16/vgg16_{_KERAS_ENDING}", "64373286793e3c8b2b4e3219cbf3544b"),
    "vgg19": ("VGG19", f"vgg19/vgg19_{_KERAS_ENDING}", "cbe5617147190e668d6c5d5026f83318"),
    "resnet50": (
        "ResNet50",
        f"resnet/resnet50_{_KERAS_ENDING}",
        "2cb95161c43110f7111970584f804107",
    ),
    "mobilenet": ("MobileNet", "mobilenet/mobilenet_1_0_224_tf.h5", ""),
    "xception": (
        "Xception",
        f"xception/xception_{_KERAS_ENDING}",
        "0a58e3b7378bc2990ea3b43d5981f1f6",
    ),
    "inception_resnet_v2": (
        "InceptionResNetV2",
        f"inception_resnet_v2/inception_resnet_v2_{_KERAS_ENDING}",
        "e693bd0210a403b3192acc6073ad2e96",
    ),
    "densenet": (
        "DenseNet201",
        f"densenet/densenet201_{_KERAS_ENDING}",
        "1ceb130c1ea1b78c3bf6114dbdfd8807",
    ),
    "nasnet": ("NASNetLarge", "nasnet/NASNet-large.h5", "11577c9a518f0070763c2b964a382f17"),
}
"""Name to what builds the network in keras.applications, its weights and their MD5, which Keras 3.15's
sources have (keras/src/applications). The old tool's yolo2 was on a host that is gone."""

_WEIGHTS = (
    "The file holds the weights alone: the network is code of keras.applications. With Keras here "
    "(pip install 'mmdnn[keras]'), the same command makes {built} of both."
)

_STATE_DICT = (
    "The file holds the weights alone (a state dict), as torchvision publishes them: the network is "
    "torchvision's code, and PyTorch files are not read here yet."
)


def _all() -> Iterator[Model]:
    for name, urls in _CAFFE_FILES.items():
        names = f"{name}-deploy.prototxt", f"{name}.caffemodel"
        sums = "", _SHA1.get(name, "")
        files = tuple(File(*each) for each in zip(urls, names, sums, strict=True))
        yield Model("caffe", name, files, "Caffe Model {name} saved as {files}.")
    for name, path in _CNTK_FILES.items():
        yield Model(
            "cntk", name, (_kept(f"{_CNTK}/{path}"),), "Cntk Model {name} saved as {files}."
        )
    for name, (prefix, epoch) in _MXNET_CHECKPOINTS.items():
        stem = name if name.startswith("imagenet11k") else prefix.rsplit("/", 1)[1]
        files = tuple(
            File(f"{_MXNET}/{prefix}{end}", f"{stem}{end}")
            for end in ("-symbol.json", f"-{epoch:04}.params")
        )
        yield Model("mxnet", name, files, "MXNet Model {name} saved as {files}.")
    for name, (builder, path, md5) in _KERAS_FILES.items():
        file = File(f"{_KERAS}/{path}", path.rsplit("/", 1)[1], md5=md5)
        model = Model("keras", name, (file,), "Keras model {name} is saved in {files}", "", builder)
        yield replace(model, note=_WEIGHTS.format(built=model.built))
    for name, stem in _TORCH_HASHES.items():
        file = File(f"{_TORCH}/{stem}.pth", f"imagenet_{name}.pth")
        yield Model(
            "pytorch", name, (file,), "PyTorch pretrained model is saved as {files}.", _STATE_DICT
        )


def _kept(url: str) -> File:
    """A file that keeps its name."""
    return File(url, url.rsplit("/", 1)[1])


CATALOGUE = tuple(_all())
"""Every model, in the order in which they are listed."""

_ALIASES = {"torch": "pytorch", "tf.keras": "keras"}
_NOT_YET = ("tensorflow", "tf", "darknet", "coreml")
"""What the old tool downloaded for, besides."""


def frameworks() -> list[str]:
    """The frameworks that have models here."""
    return sorted({model.framework for model in CATALOGUE})


def models(framework: str) -> list[Model]:
    """A framework's models.

    Raises:
        UsageError: There are none.
    """
    wanted = _ALIASES.get(framework.lower(), framework.lower())
    found = [model for model in CATALOGUE if model.framework == wanted]
    if found:
        return found
    known = f"There are models for {', '.join(frameworks())}."
    if wanted in _NOT_YET:
        raise UsageError(f"{framework} models are not offered yet", hint=known)
    raise UsageError(f"there are no pre-trained models for '{framework}'", hint=known)


def model(framework: str, name: str) -> Model:
    """A model by its framework and name.

    Raises:
        UsageError: There is none.
    """
    known = {each.name: each for each in models(framework)}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]}?" if near else None
    raise UsageError(f"Unknown pretrained model name [{name}].", hint=hint)
