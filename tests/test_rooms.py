"""The house: each framework has the same rooms, and knows no other framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from mmdnn import registry

FRAMEWORKS = registry.frameworks()
ENTRY_POINTS = {
    "reader": {"read"},
    "importer": {"to_ir"},
    "exporter": {"from_ir"},
    "writer": {"write"},
    "codegen": {"source"},
    "engine": {"run"},
    "graph": set(),
}


def folder(name: str) -> Path:
    module = __import__(FRAMEWORKS[name].package, fromlist=["FRAMEWORK"])
    return Path(module.__file__).parent


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_rooms_and_no_others(name: str) -> None:
    found = {p.stem for p in folder(name).iterdir() if p.suffix == ".py" or p.is_dir()}
    rooms = {room for room in found if not room.startswith("_")}
    assert rooms <= set(registry.ROOMS)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_rooms_have_their_doors(name: str) -> None:
    for room, doors in ENTRY_POINTS.items():
        if FRAMEWORKS[name].has(room):
            assert doors <= set(vars(FRAMEWORKS[name].room(room))), room


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_frameworks_do_not_know_each_other(name: str) -> None:
    others = tuple(f"mmdnn.frameworks.{other}" for other in FRAMEWORKS if other != name)
    for path in folder(name).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.startswith(others)], path


def test_common_operators_stand_in_modules_of_one_name() -> None:
    tool = Path(__file__).parents[1] / "tools" / "families.py"
    done = subprocess.run([sys.executable, tool], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
