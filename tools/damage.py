"""Damage files of every input format, read and import them: errors of our own kinds, in time and in memory.

    python tools/damage.py MODELS [--count 2000] [--seed 0]

MODELS is a folder of models: each folder in it that `mmdnn` can read is one, as is each single file. Bytes
are changed, cut, doubled and exchanged. A damaged model is read, or refused by an `mmdnn.Error`; in at most
10 seconds, and in at most four times the file's size and 300 MB. Each runs in a process of its own that is
forked from one where all is imported. The exit status is 1 if any does anything else.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmdnn.errors import Error
from mmdnn.opening import open_model

SECONDS, TIMES, MORE = 10, 4, 300 << 20
ASIDE = {"case.json", "golden.npz"}
"""What stands beside models, and is none."""
MOST = 8 << 20
"""Larger files are left out: reading them takes the time that damaging needs."""


def models(folder: Path) -> Iterator[list[Path]]:
    """The models below a folder, as lists of files; reading them imports what is needed before a fork."""
    for each in sorted([folder, *(p for p in folder.rglob("*") if p.is_dir())]):
        files = [p for p in sorted(each.iterdir()) if p.is_file() and p.stat().st_size < MOST]
        files = [p for p in files if p.name not in ASIDE]
        wanted = [files, *([file] for file in files)]
        for chosen in wanted:
            if not 0 < len(chosen) < 3:
                continue
            if read(chosen) == "read":
                yield chosen
                break


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to four changes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not changed:
            break
        place = rng.randrange(min(len(changed), rng.choice([64, 4096, len(changed)])))
        length = rng.choice([1, 1, 2, 4, 8, 64])
        how = rng.randrange(6)
        if how == 0:
            changed[place] = rng.randrange(256)
        elif how == 1:
            del changed[place : place + length]
        elif how == 2:
            changed[place:place] = changed[place : place + length]
        elif how == 3:
            del changed[place:]
        elif how == 4:
            changed[place : place + length] = rng.choice([b"\xff", b"\0", b"\x80"]) * length
        else:
            other = rng.randrange(len(changed))
            changed[place : place + length] = changed[other : other + length]
    return bytes(changed)


def read(files: list[Path]) -> str:
    """What reading and importing does, in a word and the reason."""
    try:
        open_model(files).model()
    except Error as error:
        return f"refused {type(error).__name__}"
    except MemoryError:
        return "CRASH MemoryError: too much memory"
    except BaseException as error:  # noqa: BLE001 - what it may not be is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"CRASH {type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
    return "read"


def alone(files: list[Path]) -> str:
    """`read` in a process of its own, held to time and memory."""
    receiving, sending = os.pipe()
    process = os.fork()
    if not process:
        os.close(receiving)
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = now + TIMES * sum(file.stat().st_size for file in files) + MORE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        os.write(sending, read(files)[:4000].encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return "CRASH too slow" if name == "SIGALRM" else f"CRASH {name}"
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument(
        "--count", type=int, default=2000, help="damaged files of each folder given"
    )
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    np.seterr(all="ignore")
    wrong = 0
    for folder in chosen.models:
        found = list(models(folder))
        rng, counts = random.Random(chosen.seed), Counter[str]()
        with tempfile.TemporaryDirectory(prefix="mmdnn-damage-") as name:
            for index in range(chosen.count if found else 0):
                files = rng.choice(found)
                copies = [Path(name, file.name) for file in files]
                bad = rng.randrange(len(files))
                for place, (file, copy) in enumerate(zip(files, copies, strict=True)):
                    data = file.read_bytes()
                    copy.write_bytes(damaged(data, rng) if place == bad else data)
                said = alone(copies)
                counts[" ".join(said.split()[:2])] += 1
                if said.startswith("CRASH"):
                    wrong += 1
                    print(f"{files[0]} #{index}: {said}", flush=True)
                for copy in copies:
                    copy.unlink()
        print(f"{folder}: {len(found)} models, {dict(counts)}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
