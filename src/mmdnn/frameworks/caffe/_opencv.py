"""Runs Caffe networks in OpenCV; a program of its own, started by `engine`.

    python _opencv.py FOLDER [FOLDER ...]

A folder holds `job.json` ({"files": [prototxt, caffemodel], "inputs": [names]}), those files, and
`in.npz` with the inputs in that order. It gets `out.npz`, and `out.json` with the name of the layer that
made each of its arrays; or `error.json` with OpenCV's reason if it refuses.
"""

import json
import os
import sys

import cv2
import numpy as np


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
        layers = list(net.getLayerNames())
        results = net.forwardAndRetrieve(layers)
    except cv2.error as error:
        reason = " ".join(str(error.err or error).split())
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": "running", "reason": reason}, file)
        return
    names = [layer for layer, found in zip(layers, results) for _ in found]  # noqa: B905
    np.savez(os.path.join(folder, "out.npz"), *(array for found in results for array in found))
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump(names, file)


def main(folders: "list[str]") -> None:
    """Run every job."""
    for folder in folders:
        run(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
