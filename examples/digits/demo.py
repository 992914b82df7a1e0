"""Convert the digit recogniser from Caffe to PyTorch, prove it, and recognise a digit with it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
OUTPUT = Path("demo-output")


def run(*command: str) -> None:
    print(f"\n$ {' '.join(command)}", flush=True)
    subprocess.run([str(Path(sys.executable).with_name(command[0])), *command[1:]], check=True)


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    model, code = HERE / "digits", OUTPUT / "digits.py"
    files = [
        str(model.with_suffix(suffix).relative_to(Path.cwd()))
        for suffix in (".prototxt", ".caffemodel")
    ]
    run("mmconvert", "-in", files[0], "-iw", files[1], "-df", "pytorch", "-om", str(code))
    print(f"\nThe source it wrote, {code}:\n")
    print(code.read_text())
    run("mmcompare", ",".join(files), f"{code},{code.with_suffix('.safetensors')}", "--trust")
    classify(code)


def classify(code: Path) -> None:
    """Use the result as anyone would who has never heard of Caffe."""
    spec = importlib.util.spec_from_file_location("digits", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net = module.Digits()
    net.load_state_dict(load_file(code.with_suffix(".safetensors")))
    net.eval()
    test = np.load(HERE / "digits-test.npz")
    image, label = test["images"][3], int(test["labels"][3])
    with torch.no_grad():
        scores = net(torch.from_numpy(image[None]))[0]
        right = net(torch.from_numpy(test["images"])).argmax(1).numpy() == test["labels"]
    print("\nA digit, as the converted model sees it:\n")
    for row in image[0]:
        print("    " + "".join(" .:-=+*#%@"[min(int(pixel * 9.99), 9)] * 2 for pixel in row))
    print(f"\nIt says {int(scores.argmax())} ({scores.max():.1%} sure); the label is {label}.")
    print(f"Of {len(right)} held-out digits it gets {right.sum()} right.")


if __name__ == "__main__":
    main()
