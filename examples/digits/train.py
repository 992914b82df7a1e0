"""Train a small digit recogniser on scikit-learn's digits, and save it as a Caffe model.

    python examples/digits/train.py

writes digits.prototxt, digits.caffemodel and digits-test.npz (images and labels that were held out)
beside this file. It needs torch and scikit-learn; Caffe's files are written without Caffe.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from mmdnn.frameworks.caffe.graph import message

HERE = Path(__file__).parent
EPOCHS, BATCH = 40, 50

PROTOTXT = """\
name: "digits"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 8 dim: 8 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 16 kernel_size: 3 pad: 1 bias_term: false } }
layer { name: "bn1" type: "BatchNorm" bottom: "conv1" top: "conv1" }
layer { name: "scale1" type: "Scale" bottom: "conv1" top: "conv1" scale_param { bias_term: true } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 32 kernel_size: 3 pad: 1 bias_term: false } }
layer { name: "bn2" type: "BatchNorm" bottom: "conv2" top: "conv2" }
layer { name: "scale2" type: "Scale" bottom: "conv2" top: "conv2" scale_param { bias_term: true } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "fc1" type: "InnerProduct" bottom: "pool2" top: "fc1"
  inner_product_param { num_output: 64 } }
layer { name: "relu3" type: "ReLU" bottom: "fc1" top: "fc1" }
layer { name: "drop1" type: "Dropout" bottom: "fc1" top: "fc1" dropout_param { dropout_ratio: 0.3 } }
layer { name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2"
  inner_product_param { num_output: 10 } }
layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }
"""


class Digits(nn.Module):
    """The same network in torch, without the softmax, for training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc1 = nn.Linear(128, 64)
        self.fc2 = nn.Linear(64, 10)
        self.drop1 = nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = nn.functional.avg_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        return self.fc2(self.drop1(torch.relu(self.fc1(x.flatten(1)))))


def train(images: torch.Tensor, labels: torch.Tensor) -> Digits:
    torch.manual_seed(0)
    net = Digits()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    return net.eval()


def save(net: Digits, path: Path) -> None:
    """Write the weights as a caffemodel: a NetParameter whose layers hold name, type and blobs."""
    blobs = {
        "conv1": [net.conv1.weight],
        "bn1": [net.bn1.running_mean, net.bn1.running_var, torch.ones(1)],
        "scale1": [net.bn1.weight, net.bn1.bias],
        "conv2": [net.conv2.weight],
        "bn2": [net.bn2.running_mean, net.bn2.running_var, torch.ones(1)],
        "scale2": [net.bn2.weight, net.bn2.bias],
        "fc1": [net.fc1.weight, net.fc1.bias],
        "fc2": [net.fc2.weight, net.fc2.bias],
    }
    network = message("NetParameter")
    network.name = "digits"
    for name, tensors in blobs.items():
        layer = network.layer.add(name=name)
        for tensor in tensors:
            array = tensor.detach().numpy().astype(np.float32)
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(array.ravel().tolist())
    path.write_bytes(network.SerializeToString())


def main() -> None:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order] / 16).astype(np.float32)[:, None]
    labels = digits.target[order].astype(np.int64)
    held_out = 297
    net = train(torch.from_numpy(images[held_out:]), torch.from_numpy(labels[held_out:]))
    with torch.no_grad():
        right = net(torch.from_numpy(images[:held_out])).argmax(1).numpy() == labels[:held_out]
    print(f"{right.sum()} of {held_out} held-out digits recognised")
    (HERE / "digits.prototxt").write_text(PROTOTXT)
    save(net, HERE / "digits.caffemodel")
    np.savez_compressed(
        HERE / "digits-test.npz", images=images[:held_out], labels=labels[:held_out]
    )


if __name__ == "__main__":
    main()
