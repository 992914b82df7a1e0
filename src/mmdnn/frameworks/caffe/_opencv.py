"""Runs a Caffe network in OpenCV; a program of its own, started by `engine`.

    python _opencv.py FOLDER

The folder holds `job.json` ({"files": [prototxt, caffemodel], "inputs": [names]}) and `in.npz`
with the inputs in that order. It gets `out.npz`, and `out.json` with the name of the layer that
made each of its arrays.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np


def main(folder: Path) -> None:
    """Run the job in that folder; ends with OpenCV's reason if it refuses."""
    job = json.loads((folder / "job.json").read_text())
    try:
        net = cv2.dnn.readNetFromCaffe(*job["files"])
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        net.enableFusion(False)
        if hasattr(net, "enableWinograd"):
            net.enableWinograd(False)
        with np.load(folder / "in.npz") as arrays:
            for index, name in enumerate(job["inputs"]):
                net.setInput(arrays[f"arr_{index}"], name)
        layers = list(net.getLayerNames())
        results = net.forwardAndRetrieve(layers)
    except cv2.error as error:
        sys.exit(" ".join(str(error.err or error).split()))
    names = [layer for layer, found in zip(layers, results, strict=True) for _ in found]
    np.savez(folder / "out.npz", *(array for found in results for array in found))
    (folder / "out.json").write_text(json.dumps(names))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
