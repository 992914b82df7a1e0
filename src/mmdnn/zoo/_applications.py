"""Saves a network of `keras.applications`; a program of its own, started by `applications`.

    python _applications.py FOLDER

`job.json` in the folder: {"network": its builder, "weights": their file, "target": the file to write,
"backend": of Keras}. It gets `out.json` and `out.npz`, which is empty, or `error.json`.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    """Run the job."""
    job = json.loads((folder / "job.json").read_text())
    os.environ.update(KERAS_BACKEND=job["backend"], TF_CPP_MIN_LOG_LEVEL="3")
    import keras

    try:
        network = getattr(keras.applications, job["network"])(weights=job["weights"])
        network.save(job["target"])
    except Exception as error:  # noqa: BLE001 - whatever Keras raises is its reason
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        (folder / "error.json").write_text(json.dumps({"stage": "building", "reason": reason}))
        return
    np.savez(folder / "out.npz")
    (folder / "out.json").write_text("null")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
