"""Runs Caffe networks in OpenCV, each in a process of its own, without starting Python for each.

    python opencv_program.py RUNNER

`RUNNER` is the engine's own program. Each line read is a folder that it is given; the answer is a line of
JSON: {"returncode": ..., "stderr": ...}. OpenCV ends its process on some files, so each runs in a fork.
"""

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path


def child(runner, folder: Path) -> None:
    """Run the job, tell why where it fails, and end without any of the parent's clean-up."""
    code = 1
    try:
        runner.main([str(folder)])
        code = 0
    except SystemExit as end:
        (folder / "stderr").write_text(str(end.code))
    except BaseException:  # noqa: BLE001 - each failure is told
        (folder / "stderr").write_text(traceback.format_exc())
    os._exit(code)


def main(program: str) -> None:
    spec = importlib.util.spec_from_file_location("runner", program)
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    runner.cv2.setNumThreads(0)
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        pid = os.fork() or child(runner, folder)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = folder / "stderr"
        text = said.read_text() if said.exists() else ""
        print(json.dumps({"returncode": code, "stderr": text}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
