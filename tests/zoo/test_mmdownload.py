"""mmdownload as users type it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import picture_network
from mmdnn.cli import mmdownload

CNTK = (
    "Supported models: ['alexnet', 'inception_v3', 'resnet18', 'resnet50', 'resnet101', 'resnet152', "
    "'Fast-RCNN_Pascal', 'Fast-RCNN_grocery100']\n"
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def call(capsys, line):
    try:
        code = mmdownload.main(line.split())
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def test_the_documented_list(capsys):
    assert call(capsys, "-f cntk") == (0, CNTK, "")


@pytest.mark.parametrize(
    ("framework", "some"),
    [
        ("caffe", "'vgg16'"),
        ("keras", "'densenet'"),
        ("mxnet", "'imagenet1k-resnet-50'"),
        ("pytorch", "'resnet101'"),
    ],
)
def test_other_lists(framework, some, capsys):
    code, out, _ = call(capsys, f"-f {framework}")
    assert code == 0
    assert out.startswith("Supported models: ['")
    assert some in out


def test_the_documented_download(capsys, served, here):
    folder, url = served
    data = np.arange(300_000, dtype=np.uint8).tobytes()
    (folder / "ResNet50_ImageNet_CNTK.model").write_bytes(data)
    line = f"-f cntk -n resnet50 -o ./ --mirror {url}"
    assert call(capsys, line) == (
        0,
        "Downloading file [./ResNet50_ImageNet_CNTK.model] from "
        f"[{url}/ResNet50_ImageNet_CNTK.model]\n"
        "progress: 293.0 KB downloaded, 100%\n"
        "Cntk Model resnet50 saved as [./ResNet50_ImageNet_CNTK.model].\n",
        "",
    )
    assert Path("ResNet50_ImageNet_CNTK.model").read_bytes() == data
    assert call(capsys, line) == (
        0,
        "File [./ResNet50_ImageNet_CNTK.model] existed!\n"
        "Cntk Model resnet50 saved as [./ResNet50_ImageNet_CNTK.model].\n",
        "",
    )


def test_two_files(capsys, served, here):
    folder, url = served
    (folder / "xception-deploy.prototxt").write_text("layer {}")
    (folder / "xception.caffemodel").write_bytes(b"\0" * 1024)
    code, out, err = call(capsys, f"-f caffe -n xception -p new --mirror {url}/")
    assert (code, err) == (0, "")
    assert out.endswith(
        "progress: 1.0 KB downloaded, 100%\n"
        "Caffe Model xception saved as [new/xception-deploy.prototxt] and "
        "[new/xception.caffemodel].\n"
    )
    assert sorted(path.name for path in (here / "new").iterdir()) == [
        "xception-deploy.prototxt",
        "xception.caffemodel",
    ]


def test_the_first_of_two_stays_when_the_second_fails(capsys, served, here):
    folder, url = served
    (folder / "resnet-50-symbol.json").write_text("{}")
    code, out, err = call(capsys, f"-f mxnet -n imagenet1k-resnet-50 --mirror {url}")
    assert code == 1
    assert f"error: {url}/resnet-50-0000.params is refused: 404" in err
    assert "saved as" not in out
    assert [path.name for path in here.iterdir()] == ["resnet-50-symbol.json"]


def test_an_unknown_name(capsys):
    code, out, err = call(capsys, "-f cntk -n resnet5")
    assert (code, out) == (1, CNTK)
    assert err == "error: Unknown pretrained model name [resnet5].\n  Did you mean resnet50?\n"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("-f tensorflow", 1, "tensorflow models are not offered yet"),
        ("-f fortran", 1, "no pre-trained models for 'fortran'"),
        ("-n resnet50", 2, "--framework"),
        ("-f cntk -n resnet50 --mirror ftp://x", 1, "is no address of HTTP or HTTPS"),
    ],
)
def test_mistakes(line, code, words, capsys, here):
    found, _, err = call(capsys, line)
    assert found == code
    assert words in err
    assert not list(here.iterdir())


def test_json(capsys, served, here):
    code, out, _ = call(capsys, "-f cntk --json")
    assert code == 0
    assert json.loads(out)["models"][0] == "alexnet"
    folder, url = served
    (folder / "imagenet_vgg11.pth").write_bytes(b"other")
    code, out, err = call(capsys, f"-f pytorch -n vgg11 --json --mirror {url}")
    assert (code, err) == (1, "")
    assert "SHA-256" in json.loads(out)["error"]["message"]


def test_progress_is_drawn_where_a_person_watches(capsys, served, here, monkeypatch):
    folder, url = served
    (folder / "resnet-50-symbol.json").write_text("{}")
    (folder / "resnet-50-0000.params").write_bytes(bytes(4 << 20))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, _ = call(capsys, f"-f mxnet -n imagenet1k-resnet-50 --mirror {url}")
    assert code == 0
    assert re.search(r"\rprogress: 1\d{3}\.0 KB downloaded, 2\d%\r", out)
    assert "\rprogress: 4096.0 KB downloaded, 100%\n" in out


def test_and_what_it_sees(capsys, served, here):
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("onnxruntime")
    folder, url = served
    picture_network.save(folder / "xception-deploy.prototxt", size=299)
    (folder / "xception-deploy.caffemodel").rename(folder / "xception.caffemodel")
    cv2.imwrite("grey.png", np.full((40, 30, 3), 128, np.uint8))
    code, out, err = call(capsys, f"-f caffe -n xception -i grey.png --mirror {url}")
    assert (code, err) == (0, "")
    lines = out.splitlines()[-5:]
    assert all(re.fullmatch(r"\('n\d{8} .+', \d{1,3}, [\de.-]+\)", line) for line in lines)
    assert "Caffe Model xception saved as" in out.splitlines()[-6]
