"""A ResNet-50 of CNTK's, converted to CNTK, beside the original: forward in CNTK 2.7, and the conversion.

    python benchmarks/cntk_speed.py [--rounds 15]

Both networks are in one process and take turns, so that a noisy machine is noisy for both: the median of
each pair's ratio counts. Goals: within 5 %; a conversion within twice the time of `cp` plus 0.6 s, and
200 MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import BIN, CONSOLE, run, table

from conversion import cells
from mmdnn.frameworks.cntk import engine

ROUNDS = 15
BATCH = 4
MOST = 1.05
MODELS = Path(__file__).parents[1] / "tools" / "cntk_models.py"

FORWARD = f"""
import json, sys, time
import cntk, numpy
cntk.try_set_default_device(cntk.cpu())
pictures = numpy.random.RandomState(0).rand({BATCH}, 3, 224, 224).astype('f')
nets = [cntk.load_model(path) for path in sys.argv[2:]]
times = []
for turn in range(int(sys.argv[1])):
    taken = [0.0, 0.0]
    for index in (0, 1) if turn % 2 else (1, 0):
        start = time.perf_counter()
        nets[index].eval({{nets[index].arguments[0]: pictures}})
        taken[index] = time.perf_counter() - start
    times.append(taken)
print(json.dumps(times[2:]))
"""


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else ROUNDS
    python = [engine.interpreter(), "-W", "ignore"]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        place = Path(scratch)
        make = [*python, str(MODELS), scratch, "resnet50"]
        subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
        original, ours = place / "resnet50.model", place / "ours.dnn"
        size = f"{original.stat().st_size / 1e6:.0f} MB"
        copy = run(["cp", original, place / "copy"], repeat=5)
        convert = [BIN / "mmconvert", original, "-om", ours, "--noVerify"]
        converted = run(convert, repeat=5)
        command = [*python, "-c", FORWARD, str(rounds), str(original), str(ours)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    turns = json.loads(done.stdout.splitlines()[-1])
    before, after = (median([turn[index] for turn in turns]) for index in (0, 1))
    ratio = median([turn[1] / turn[0] for turn in turns])
    speed = table(f"ResNet-50 in CNTK 2.7, batch {BATCH}", "", "CNTK's", "ours", "ratio", "kept")
    kept = "yes" if ratio <= MOST else "NO"
    speed.add_row("forward", f"{before:.3f} s", f"{after:.3f} s", f"{ratio:.3f}", kept)
    CONSOLE.print(speed)
    conversion = table(f"ResNet-50, {size}, CNTK to CNTK", "", "cp", "time", "goal", "peak", "kept")
    conversion.add_row("mmconvert", *cells(copy, converted))
    CONSOLE.print(conversion)


if __name__ == "__main__":
    main()
