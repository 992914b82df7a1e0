"""Networks as CNTK's own examples build them, trained for one step; a program for CNTK's interpreter.

    python cntk_models.py FOLDER [NAME...]

gives `FOLDER/<name>.model` for each name in `NETWORKS`. `job.json` in that folder may say more, or
others: {name: [network, {"pixels": 64, ...}]}, the arguments of the function here of that name. Beside
each stands `<name>.npz`, an input for it as `x`, and what CNTK computes of it as `y`.

Weights are He's, always the same ones; scales and biases are drawn. The running statistics are those of
one minibatch, so that no layer's values vanish or explode, however many there are.

(Examples/Image/Classification of CNTK 2.7: ResNet, GoogLeNet/InceptionV3, AlexNet.)
"""

import json
import os
import sys
from zlib import crc32

import cntk as C  # noqa: N812 - as its users do
import numpy as np
from cntk.initializer import he_normal
from cntk.layers import (
    AveragePooling,
    BatchNormalization,
    Convolution,
    Convolution2D,
    Dense,
    Dropout,
    MaxPooling,
    Sequential,
)

BATCH = 4
"""Pictures of the minibatch."""


def normalised(x, size, maps, strides=(1, 1), pad=True):
    y = Convolution(
        size, maps, activation=None, init=he_normal(), pad=pad, strides=strides, bias=False
    )(x)
    return BatchNormalization(map_rank=1, normalization_time_constant=4096, use_cntk_engine=False)(
        y
    )


def rectified(x, size, maps, strides=(1, 1), pad=True):
    return C.relu(normalised(x, size, maps, strides, pad))


def basic(x, maps, strides, project):
    y = normalised(rectified(x, (3, 3), maps, strides), (3, 3), maps)
    return C.relu(y + (normalised(x, (1, 1), maps, strides) if project else x))


def bottleneck(x, maps, strides, project):
    y = rectified(rectified(x, (1, 1), maps), (3, 3), maps, strides)
    y = normalised(y, (1, 1), 4 * maps)
    return C.relu(y + (normalised(x, (1, 1), 4 * maps, strides) if project else x))


def stages(x, block, counts, maps, project_first):
    for index, count in enumerate(counts):
        for place in range(count):
            first = place == 0
            strides = (2, 2) if first and index else (1, 1)
            x = block(x, maps << index, strides, first and (index > 0 or project_first))
    return x


def imagenet_resnet(block, counts, pixels=224, maps=64, classes=1000):
    """A ResNet for ImageNet; the last pooling takes all that is left of the picture."""
    features = C.input_variable((3, pixels, pixels), name="features")
    x = rectified(features, (7, 7), maps, (2, 2))
    x = MaxPooling((3, 3), strides=(2, 2), pad=True)(x)
    x = stages(x, block, counts, maps, block is bottleneck)
    x = AveragePooling(x.shape[1:], name="final_avg_pooling")(x)
    return Dense(classes, init=C.normal(0.01), name="z")(x)


def resnet18(**sizes):
    return imagenet_resnet(basic, (2, 2, 2, 2), **sizes)


def resnet50(**sizes):
    return imagenet_resnet(bottleneck, (3, 4, 6, 3), **sizes)


def resnet152(**sizes):
    return imagenet_resnet(bottleneck, (3, 8, 36, 3), **sizes)


def resnet20(pixels=32, maps=16, classes=10, count=3):
    """The ResNet for CIFAR."""
    features = C.input_variable((3, pixels, pixels), name="features")
    x = stages(rectified(features, (3, 3), maps), basic, [count] * 3, maps, project_first=False)
    x = AveragePooling(x.shape[1:], name="final_avg_pooling")(x)
    return Dense(classes, init=C.normal(0.01), name="z")(x)


def chain(x, *layers):
    for layer in layers:
        x = rectified(x, *layer)
    return x


def pooled(x, maps):
    return rectified(AveragePooling((3, 3), strides=(1, 1), pad=True)(x), (1, 1), maps)


def inception_a(x, maps, last):
    one, five, three, before = maps
    return C.splice(
        rectified(x, (1, 1), one),
        chain(x, ((1, 1), before), ((5, 5), five)),
        chain(x, ((1, 1), one), ((3, 3), three), ((3, 3), three)),
        pooled(x, last),
        axis=0,
    )


def reduction_a(x, maps, one, three):
    return C.splice(
        rectified(x, (3, 3), maps, (2, 2), pad=False),
        chain(x, ((1, 1), one), ((3, 3), three), ((3, 3), three, (2, 2), False)),
        MaxPooling((3, 3), strides=(2, 2), pad=False)(x),
        axis=0,
    )


def inception_b(x, maps, inner):
    row, column = (1, 7), (7, 1)
    return C.splice(
        rectified(x, (1, 1), maps),
        chain(x, ((1, 1), inner), (row, inner), (column, maps)),
        chain(x, ((1, 1), inner), (column, inner), (row, inner), (column, inner), (row, maps)),
        pooled(x, maps),
        axis=0,
    )


def reduction_b(x, maps, wide):
    return C.splice(
        chain(x, ((1, 1), maps), ((3, 3), wide, (2, 2), False)),
        chain(x, ((1, 1), maps), ((1, 7), maps), ((7, 1), maps), ((3, 3), maps, (2, 2), False)),
        MaxPooling((3, 3), strides=(2, 2), pad=False)(x),
        axis=0,
    )


def forked(x, maps):
    return C.splice(rectified(x, (1, 3), maps), rectified(x, (3, 1), maps), axis=0)


def inception_c(x, one, three, before, last):
    return C.splice(
        rectified(x, (1, 1), one),
        forked(rectified(x, (1, 1), three), three),
        forked(chain(x, ((1, 1), before), ((3, 3), three)), three),
        pooled(x, last),
        axis=0,
    )


def inception_v3(pixels=299, divisor=1, classes=1000, auxiliary=True):
    """Inception v3, pictures from 0 to 255; `divisor` makes every layer so much narrower."""

    def of(*maps):
        return tuple(each // divisor for each in maps)

    features = C.input_variable((3, pixels, pixels), name="features")
    x = C.element_times(C.minus(features, 128), 1 / 128)
    x = rectified(x, (3, 3), *of(32), strides=(2, 2), pad=False)
    x = rectified(x, (3, 3), *of(32), pad=False)
    x = rectified(x, (3, 3), *of(64))
    x = MaxPooling((3, 3), strides=(2, 2), pad=False)(x)
    x = rectified(x, (1, 1), *of(80), pad=False)
    x = rectified(x, (3, 3), *of(192), pad=False)
    x = MaxPooling((3, 3), strides=(2, 2), pad=False)(x)
    for last in (32, 64, 64):
        x = inception_a(x, of(64, 64, 96, 48), *of(last))
    x = reduction_a(x, *of(384, 64, 96))
    for inner in (128, 160, 160, 192):
        x = inception_b(x, *of(192, inner))
    side = x
    x = reduction_b(x, *of(192, 320))
    for _ in range(2):
        x = inception_c(x, *of(320, 384, 448, 192))
    x = AveragePooling(x.shape[1:], pad=False)(x)
    z = Dense(classes, init=he_normal(), name="z")(Dropout(dropout_rate=0.2)(x))
    if not auxiliary:
        return z
    side = AveragePooling((5, 5), strides=(3, 3), pad=False)(side)
    side = rectified(side, (1, 1), *of(128))
    side = rectified(side, side.shape[1:], *of(768), pad=False)
    return C.combine([z, Dense(classes, init=he_normal(), name="aux")(side)])


def spelled_out(depth, radius, alpha, beta, name):
    """Local response normalisation as the example has it, without a block."""

    def layer(x):
        squares = C.reshape(C.square(x), (1, C.InferredDimension), 0, 1)
        kernel = C.constant(alpha / depth, (1, depth, 1, 1), name="W")
        sums = C.reshape(C.convolution(kernel, squares), C.InferredDimension, 0, 2)
        return C.element_divide(x, C.exp(beta * C.log(1 + sums)), name=name)

    assert depth == 2 * radius + 1
    return layer


def alexnet(pixels=227, divisor=1, classes=1000, blocks=False):
    """AlexNet; its normalisations are spelled out, as the example does, or `blocks`."""

    def lrn(name):
        if blocks:
            return lambda x: C.local_response_normalization(x, 2, 1.0, 1e-4, 0.75, name=name)
        return spelled_out(5, 2, 1e-4, 0.75, name)

    def of(maps):
        return maps // divisor

    features = C.input_variable((3, pixels, pixels), name="features")
    x = C.minus(features, C.constant(114), name="mean_removed_input")
    with C.layers.default_options(activation=None, pad=True, bias=True, init=he_normal()):
        return Sequential(
            [
                Convolution2D((11, 11), of(96), pad=False, strides=(4, 4), name="conv1"),
                C.layers.Activation(C.relu, name="relu1"),
                lrn("norm1"),
                MaxPooling((3, 3), (2, 2), name="pool1"),
                Convolution2D((5, 5), of(192), init_bias=0.1, name="conv2"),
                C.layers.Activation(C.relu, name="relu2"),
                lrn("norm2"),
                MaxPooling((3, 3), (2, 2), name="pool2"),
                Convolution2D((3, 3), of(384), name="conv3"),
                C.layers.Activation(C.relu, name="relu3"),
                Convolution2D((3, 3), of(384), init_bias=0.1, name="conv4"),
                C.layers.Activation(C.relu, name="relu4"),
                Convolution2D((3, 3), of(256), init_bias=0.1, name="conv5"),
                C.layers.Activation(C.relu, name="relu5"),
                MaxPooling((3, 3), (2, 2), name="pool5"),
                Dense(of(4096), init_bias=0.1, name="fc6"),
                C.layers.Activation(C.relu, name="relu6"),
                Dropout(0.5, name="drop6"),
                Dense(of(4096), init_bias=0.1, name="fc7"),
                C.layers.Activation(C.relu, name="relu7"),
                Dropout(0.5, name="drop7"),
                Dense(classes, name="fc8"),
            ]
        )(x)


NETWORKS = {
    each.__name__: each for each in (resnet18, resnet20, resnet50, resnet152, inception_v3, alexnet)
}


def draw(model, random):
    """Scales around 1, biases around 0; no two alike."""
    for each in model.parameters:
        if each.name == "scale":
            each.value = random.uniform(0.5, 1.5, each.shape).astype(np.float32)
        elif each.name in ("bias", "b"):
            each.value = (random.standard_normal(each.shape) * 0.2).astype(np.float32)


def take_statistics(model, features, pictures):
    """Have the running statistics taken, by a step of training that goes nowhere."""
    label = C.input_variable(model.outputs[0].shape)
    loss = C.squared_error(model.outputs[0], label)
    for other in model.outputs[1:]:
        loss = loss + 0 * C.reduce_sum(other)
    learner = C.sgd(model.parameters, C.learning_parameter_schedule(0.0))
    trainer = C.Trainer(model, (loss, None), [learner])
    labels = np.zeros((len(pictures), *label.shape), np.float32)
    trainer.train_minibatch({features: pictures, label: labels})


def make(name, network, sizes, folder):
    C.cntk_py.set_fixed_random_seed(1)
    random = np.random.RandomState(crc32(name.encode()) & 0xFFFF)
    model = NETWORKS[network](**sizes)
    (features,) = model.arguments
    pictures = random.standard_normal((BATCH, *features.shape)).astype(np.float32) * 50 + 120
    draw(model, random)
    if any(each.name == "aggregate_count" for each in model.constants):
        take_statistics(model, features, pictures)
    model.save(os.path.join(folder, name + ".model"))
    found = model.eval({features: pictures[:1]}, outputs=model.outputs[:1])
    y = found if isinstance(found, np.ndarray) else found[model.outputs[0]]
    np.savez(os.path.join(folder, name + ".npz"), x=pictures[:1], y=y)


def main(folder, *names):
    C.try_set_default_device(C.cpu())
    job = {name: [name, {}] for name in names}
    path = os.path.join(folder, "job.json")
    if os.path.exists(path):
        with open(path) as file:
            job.update(json.load(file))
    for name, (network, sizes) in job.items():
        make(name, network, sizes, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
