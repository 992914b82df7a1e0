"""Runs Caffe networks in OpenCV; a program of its own, started by `engine`.

    python _opencv.py FOLDER [FOLDER ...]

A folder holds `job.json` ({"files": [prototxt, caffemodel], "inputs": [names]}), those files, and
`in.npz` with the inputs in that order. It gets `out.npz`, and `out.json` with the name of the layer that
made each of its arrays; or `error.json` with OpenCV's reason if it refuses.
"""

import json
import os
import sys
import zipfile

import cv2
import numpy as np

MOST = 160 << 20
"""Bytes of layers' outputs that are asked for in one go; for further ones the network is run again."""


def run(folder: str) -> None:
    """Run the job in that folder."""
    with open(os.path.join(folder, "job.json")) as file:
        job = json.load(file)
    try:
        files = [os.path.join(folder, name) for name in job["files"]]
        net = cv2.dnn.readNetFromCaffe(*files)
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        net.enableFusion(False)
        if hasattr(net, "enableWinograd"):
            net.enableWinograd(False)
        with np.load(os.path.join(folder, "in.npz")) as arrays:
            for index, name in enumerate(job["inputs"]):
                net.setInput(arrays[f"arr_{index}"], name)
            shapes = [list(arrays[f"arr_{index}"].shape) for index in range(len(job["inputs"]))]
        names = []  # type: list[str]
        with zipfile.ZipFile(os.path.join(folder, "out.npz"), "w") as file:
            for layers in groups(net, shapes):
                results = net.forwardAndRetrieve(layers)
                for layer, found in zip(layers, results):  # noqa: B905
                    for array in found:
                        with file.open(f"arr_{len(names)}.npy", "w", force_zip64=True) as member:
                            np.lib.format.write_array(member, array)
                        names.append(layer)
    except cv2.error as error:
        reason = " ".join(str(error.err or error).split())
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": "running", "reason": reason}, file)
        return
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump(names, file)


def groups(net: cv2.dnn.Net, shapes: "list[list[int]]") -> "list[list[str]]":
    """The layers in order, as many together as their outputs' sizes allow."""
    found, size = [[]], 0  # type: list[list[str]], int
    try:
        _, _, outputs = net.getLayersShapes(shapes)
    except (cv2.error, SystemError):  # it does not know the inputs' order, or a layer's shape
        return [list(net.getLayerNames())]
    for name, made in zip(net.getLayerNames(), outputs[1:]):  # noqa: B905 - the first are the inputs
        own = sum(4 * int(np.prod(shape)) for shape in made)
        if size + own > MOST and found[-1]:
            found, size = [*found, []], 0
        found[-1].append(name)
        size += own
    return found


def main(folders: "list[str]") -> None:
    """Run every job."""
    for folder in folders:
        run(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
