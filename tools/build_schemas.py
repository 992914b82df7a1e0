"""Compile every `.proto` of the package to the `.desc` beside it.

Run after a schema changes, with `grpcio-tools` installed or `protoc` on the path:

    python tools/build_schemas.py
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "mmdnn"


def main() -> None:
    """Compile them all; ends with the compiler's own message on the first error."""
    compiler = (
        [sys.executable, "-m", "grpc_tools.protoc"] if find_spec("grpc_tools") else ["protoc"]
    )
    for proto in sorted(PACKAGE.rglob("*.proto")):
        target = proto.with_suffix(".desc")
        command = [*compiler, f"-I{proto.parent}", "--include_imports", f"-o{target}", str(proto)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
