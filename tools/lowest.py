"""Run the suite's core with the lowest versions that pyproject.toml declares.

    python tools/lowest.py [--python python3.13] [folder]

Every requirement `name>=version` of the package and of its extras `caffe` and `verify` is installed as
`name==version`, in an environment of its own; PyTorch, whose old versions bring gigabytes, is left out. With
`--python` another interpreter is taken, and the newest versions that it allows: for the other end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("caffe", "verify")
TESTS = ("pytest", "pytest-xdist", "hypothesis")
CORE = (
    "tests/ir",
    "tests/tensors",
    "tests/verify",
    "tests/frameworks/onnx",
    "tests/frameworks/caffe/test_corpus.py",
    "tests/frameworks/caffe/test_caffe_engine.py",
    "tests/frameworks/mxnet/test_mxnet_corpus.py",
    "tests/frameworks/cntk/test_cntk_corpus.py",
    "tests/cli/test_commands.py",
    "tests/test_api.py",
)


def requirements(*, lowest: bool) -> list[str]:
    """What the package and the extras want, at its lower end or as it stands."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in EXTRAS for each in optional[extra])]
    tests = [each for each in optional["dev"] if re.match(rf"({'|'.join(TESTS)})[=<>]", each)]
    if lowest:
        wanted = [re.sub(r">=([\w.]+).*", r"==\1", each) for each in wanted]
    return [*wanted, *tests]


def main() -> int:
    """Make the environment, and run the tests in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--python", default="", help="another interpreter, with the newest versions"
    )
    parser.add_argument("folder", nargs="?", help="where the environment is made")
    args = parser.parse_args()
    folder = Path(args.folder or ROOT / f".venv-{Path(args.python).name or 'lowest'}")
    python = folder / "bin" / "python"
    subprocess.run([args.python or sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", *requirements(lowest=not args.python)]
    subprocess.run(pip, check=True)
    subprocess.run([*pip[:5], "--no-deps", "--editable", ROOT], check=True)
    frozen = subprocess.run([python, "-m", "pip", "list", "--format=freeze"], capture_output=True)
    print(frozen.stdout.decode(), flush=True)
    return subprocess.run([python, "-m", "pytest", "-q", "-n", "2", *CORE], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
