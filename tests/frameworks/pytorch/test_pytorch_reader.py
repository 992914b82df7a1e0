"""Files of PyTorch are data: nothing is executed, nothing imported, and weights stay where they are."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import onnx_ir as ir
import pytest

import mmdnn
from helpers import torch_files
from mmdnn.errors import Error, FormatError, UnsupportedError
from mmdnn.frameworks.pytorch import importer, reader
from mmdnn.registry import Source


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _script(path: Path, pickle: bytes, code: str = "") -> Path:
    members = {"net/data.pkl": pickle, "net/constants.pkl": b"\x80\x02).", "net/version": b"3"}
    return _archive(path, {**members, "net/code/__torch__.py": code.encode()})


MODULE = b"\x80\x02c__torch__\nNet\n)\x81}b."
CALL = b"\x80\x02ctime\nsleep\nK\x05\x85R."


def test_a_pickle_that_calls_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"time\.sleep"):
        reader.read(Source(_script(tmp_path / "net.pt", CALL)))


@pytest.mark.parametrize(
    ("pickle", "words"),
    [
        (b"\x80\x02", "ends too early"),
        (b"\x80\x02K", "ends too early"),
        (b"\x80\x02\xff.", "opcode"),
        (b"\x80\x02u.", "damaged"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "ends too early"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02}.", "holds no module"),
    ],
)
def test_damaged_pickles(pickle: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=words):
        reader.read(Source(_script(tmp_path / "net.pt", pickle)))


def test_code_of_many_brackets(tmp_path: Path) -> None:
    code = "def f(x: Tensor) -> Tensor:\n  return " + "(" * 100_000 + "x" + ")" * 100_000
    with pytest.raises(FormatError, match="no code of TorchScript"):
        reader.read(Source(_script(tmp_path / "net.pt", MODULE, code)))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("while True:\n      y = torch.add(1, 1)\n    return x", "runs too long"),
        ("import os\n    return x", "Import"),
        ("return open('x')", "calls open"),
        ("return (self).forward(x, )", "too deeply"),
        ("return x.__class__", "prim::__class__"),
        ("return [y for y in x]", "ListComp"),
    ],
)
def test_code_is_not_executed(body: str, words: str, tmp_path: Path) -> None:
    code = f"class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    {body}\n"
    path = _script(tmp_path / "net.pt", MODULE, code)
    program = reader.read(Source(path, input_shapes={"x": (1, 2)}))
    with pytest.raises(Error, match=words):
        importer.to_ir(program)


def test_a_state_dict_is_told_as_one(tmp_path: Path) -> None:
    path = _archive(tmp_path / "net.pt", {"net/data.pkl": b"\x80\x02}.", "net/version": b"3"})
    with pytest.raises(UnsupportedError, match="holds weights"):
        reader.read(Source(path))


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"graph_module": {"graph": 1}}'])
def test_damaged_programs(document: bytes, tmp_path: Path) -> None:
    members = {"net/archive_format": b"pt2", "net/models/model.json": document}
    with pytest.raises(FormatError):
        importer.to_ir(reader.read(Source(_archive(tmp_path / "net.pt2", members))))


def test_weights_stay_in_the_archive(shared: Path) -> None:
    folder = shared / "corpus" / "pytorch" / "net_resnet"
    model = torch_files.convert(folder)
    weights = model.graph.initializers
    assert "layer1.0.conv1.weight" in weights
    for name, value in weights.items():
        if name.endswith("conv1.weight"):
            assert isinstance(value.const_value, ir.ExternalTensor)
            assert Path(value.const_value.path) == folder / "net.pt2"


def test_layers_are_named_as_modules(shared: Path) -> None:
    model = torch_files.convert(shared / "corpus" / "pytorch" / "jit_net_resnet")
    layers = {node.metadata_props.get("mmdnn.layer") for node in model.graph}
    assert {"conv1", "layer1.0.conv1", "layer1.0.bn1", "fc"} <= layers


def test_torch_is_not_imported(shared: Path) -> None:
    folder = shared / "corpus" / "pytorch"
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests');"
        "from helpers import torch_files;"
        f"[torch_files.convert(Path({str(folder)!r}) / n) for n in ('net_resnet', 'trace_lstm')];"
        "assert 'torch' not in sys.modules and 'pickle' not in vars(sys.modules['mmdnn'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


@pytest.mark.parametrize("name", ["net_resnet", "io_nested", "trace_lstm", "hop_cond"])
def test_a_conversion_is_proved_by_torch(shared: Path, name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = shared / "corpus" / "pytorch" / name
    found = mmdnn.convert(folder / torch_files.info(folder)["files"][0], tmp_path / "net.onnx")
    _, wanted = torch_files.arrays(folder)
    assert found.report is not None
    assert len(found.report.layers) >= len(wanted)


def test_samples_are_not_unpickled(tmp_path: Path) -> None:
    samples = _archive(tmp_path / "samples", {"x/data.pkl": CALL}).read_bytes()
    path = _archive(tmp_path / "net.pt2", {"net/data/sample_inputs/model.pt": samples})
    with pytest.raises(UnsupportedError, match=r"time\.sleep"):
        reader.check_samples(path)
