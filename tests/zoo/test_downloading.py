"""Downloading, from a server of this process with made-up files."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmdnn import zoo
from mmdnn.errors import Error, FormatError, UsageError
from mmdnn.zoo import downloading

MODEL = bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        getattr(self, self.path.strip("/").split("/")[0].replace(".", "_"), self.missing)()

    def send(self, body, status=200, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
            self.wfile.flush()

    def missing(self):
        self.send(b"gone", 404)

    def good_model(self):
        self.send(MODEL)

    def moved(self):
        self.send(b"", 302, Location="/good.model")

    def to_file(self):
        self.send(b"", 302, Location="file:///etc/passwd")

    def to_ftp(self):
        self.send(b"", 302, Location="ftp://127.0.0.1/good.model")

    def round(self):
        self.send(b"", 302, Location="/round")

    def cut(self):
        self.close_connection = True
        self.send(MODEL, Content_Length=len(MODEL) + 1)

    def no_length(self):
        self.close_connection = True
        self.send(MODEL, Content_Length=None)

    def chunked(self):
        self.send(b"5\r\nabcde\r\n0\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked")

    def chunked_cut(self):
        self.close_connection = True
        self.send(b"5\r\nabc", Content_Length=None, Transfer_Encoding="chunked")

    def empty(self):
        self.send(b"")

    def large(self):
        self.close_connection = True
        self.send(b"x", Content_Length=downloading.LIMIT + 1)

    def parked(self):
        self.send(b"<b>buy this domain</b>", kind="text/html; charset=utf-8")

    def disguised(self):
        self.send(b"\n <!DOCTYPE HTML><title>gone</title>")

    def nonsense(self):
        self.close_connection = True
        self.wfile.write(b"\x00\x01 what\r\n\r\n")


@pytest.fixture(scope="module")
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy, and nobody waits long."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloading, "PATIENCE", 10)


def address(server, path=""):
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def model(server, *paths):
    files = tuple(zoo.File(address(server, path), path) for path in paths)
    return zoo.Model("cntk", "made-up", files, "{name} {files}")


class Heard(zoo.Told):
    def __init__(self):
        self.lines = []

    def existing(self, path):
        self.lines.append(("existing", path))

    def begin(self, path, url):
        self.lines.append(("begin", path, url))

    def received(self, count, total):
        self.lines.append(("received", count, total))

    def end(self, count):
        self.lines.append(("end", count))


def test_a_file_is_whole_and_has_its_place(server, tmp_path):
    heard = Heard()
    folder = tmp_path / "deep" / "er"
    (path,) = zoo.download(model(server, "good.model"), folder, told=heard)
    assert path == str(folder / "good.model")
    assert (folder / "good.model").read_bytes() == MODEL
    assert [each.name for each in folder.iterdir()] == ["good.model"]
    assert heard.lines[0] == ("begin", path, address(server, "good.model"))
    assert heard.lines[-1] == ("end", len(MODEL))
    assert heard.lines[-2] == ("received", len(MODEL), len(MODEL))


def test_what_is_there_is_not_asked_for_again(server, tmp_path):
    (tmp_path / "good.model").write_bytes(b"mine")
    asked, heard = len(server.asked), Heard()
    zoo.download(model(server, "good.model"), tmp_path, told=heard)
    assert len(server.asked) == asked
    assert heard.lines == [("existing", str(tmp_path / "good.model"))]
    assert (tmp_path / "good.model").read_bytes() == b"mine"


@pytest.mark.parametrize("path", ["moved", "no_length"])
def test_servers_that_send_elsewhere_or_do_not_say_how_long_it_is(path, server, tmp_path):
    zoo.download(model(server, path), tmp_path)
    assert (tmp_path / path).read_bytes() == MODEL


def test_chunks(server, tmp_path):
    zoo.download(model(server, "chunked"), tmp_path)
    assert (tmp_path / "chunked").read_bytes() == b"abcde"


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("nowhere", Error, "is refused: 404"),
        ("to_file", Error, "is refused: 302"),
        ("to_ftp", Error, "does not answer: unknown url type: ftp"),
        ("round", Error, "is refused: 302"),
        ("cut", Error, f"ended after {len(MODEL)} of {len(MODEL) + 1} bytes"),
        ("chunked_cut", Error, "ended before it was complete"),
        ("empty", FormatError, "is empty"),
        ("large", FormatError, "is larger than any model"),
        ("parked", Error, "is a web page now, not a model"),
        ("disguised", Error, "is a web page now, not a model"),
        ("nonsense", Error, "does not answer as a web server"),
    ],
)
def test_what_is_no_model_leaves_nothing_behind(path, error, words, server, tmp_path):
    with pytest.raises(error, match=words) as caught:
        zoo.download(model(server, path), tmp_path)
    assert type(caught.value) is error
    assert not list(tmp_path.iterdir())


def test_more_than_the_server_said_is_stopped_too(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "LIMIT", len(MODEL) - 1)
    with pytest.raises(FormatError, match="is larger"):
        zoo.download(model(server, "no_length"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nobody_answers(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        pass
    with pytest.raises(Error, match=r"does not answer: (?s:.)*--mirror"):
        zoo.download(model(closed, "good.model"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_server_that_falls_silent(server, tmp_path, monkeypatch):
    release = threading.Event()

    def silent(self):
        self.send(b"begin", Content_Length=100)
        release.wait(10)

    monkeypatch.setattr(Handler, "silent", silent, raising=False)
    monkeypatch.setattr(downloading, "PATIENCE", 0.2)
    with pytest.raises(Error, match="stopped answering: timed out"):
        zoo.download(model(server, "silent"), tmp_path)
    release.set()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "good.model", "data:,x"])
def test_only_the_web(url, tmp_path):
    made = zoo.Model("cntk", "x", (zoo.File(url, "x.model"),), "")
    with pytest.raises(UsageError, match="no address of HTTP or HTTPS"):
        zoo.download(made, tmp_path)
    with pytest.raises(UsageError, match="no address of HTTP or HTTPS"):
        zoo.download(zoo.model("cntk", "resnet50"), tmp_path, mirror="file:///tmp")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "", ".."])
def test_a_name_leads_nowhere_else(name, tmp_path):
    made = zoo.Model("cntk", "x", (zoo.File("http://127.0.0.1/x", name),), "")
    with pytest.raises(UsageError, match="is no name of a file"):
        zoo.download(made, tmp_path)


def test_checksums_in_addresses(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "torch", Handler.good_model, raising=False)
    right = hashlib.sha256(MODEL).hexdigest()[:8]
    for digest, good in ((right, True), ("00000000", False)):
        file = zoo.File(address(server, f"torch/net-{digest}.pth"), "net.pth")
        assert file.checksum == ("sha256", digest)
        made = zoo.Model("pytorch", "net", (file,), "")
        if not good:
            (tmp_path / "net.pth").unlink()
            with pytest.raises(FormatError, match=right):
                zoo.download(made, tmp_path)
        else:
            zoo.download(made, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_mirror_has_the_files_under_their_names(server, tmp_path):
    file = zoo.File("http://gone.invalid/other.name", "good.model")
    made = zoo.Model("cntk", "x", (file,), "")
    (path,) = zoo.download(made, tmp_path, mirror=address(server))
    assert (tmp_path / "good.model").read_bytes() == MODEL
    assert path == str(tmp_path / "good.model")


def test_a_folder_that_is_no_folder(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        zoo.download(model(server, "good.model"), tmp_path / "file")


def test_the_catalogue():
    assert zoo.frameworks() == ["caffe", "cntk", "keras", "mxnet", "pytorch"]
    assert len(zoo.CATALOGUE) == 14 + 8 + 9 + 16 + 21
    for framework in zoo.frameworks():
        names = [made.name for made in zoo.models(framework)]
        assert len(set(names)) == len(names)
        saved = [file.name for made in zoo.models(framework) for file in made.files]
        assert len(set(saved)) == len(saved), "one model would be taken for another"
    for made in zoo.CATALOGUE:
        for file in made.files:
            assert file.url.startswith(("http://", "https://"))
            kinds = {"pytorch": "sha256", "keras": "md5", "caffe": "sha1"}
            assert not file.checksum[1] or file.checksum[0] == kinds[made.framework]
        assert made.saved.format(name="x", files="y").endswith(("y.", "in y"))


@pytest.mark.parametrize(
    ("framework", "name", "urls"),
    [
        (
            "cntk",
            "resnet50",
            ["https://www.cntk.ai/Models/CNTK_Pretrained/ResNet50_ImageNet_CNTK.model"],
        ),
        (
            "caffe",
            "squeezenet",
            [
                "https://raw.githubusercontent.com/DeepScale/SqueezeNet/master/SqueezeNet_v1.1"
                "/deploy.prototxt",
                "https://github.com/DeepScale/SqueezeNet/raw/master/SqueezeNet_v1.1"
                "/squeezenet_v1.1.caffemodel",
            ],
        ),
        (
            "mxnet",
            "imagenet1k-inception-bn",
            [
                "http://data.mxnet.io/models/imagenet/inception-bn/Inception-BN-symbol.json",
                "http://data.mxnet.io/models/imagenet/inception-bn/Inception-BN-0126.params",
            ],
        ),
        (
            "keras",
            "resnet50",
            [
                "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
                "resnet50_weights_tf_dim_ordering_tf_kernels.h5"
            ],
        ),
        ("torch", "resnet18", ["https://download.pytorch.org/models/resnet18-5c106cde.pth"]),
    ],
)
def test_addresses(framework, name, urls):
    assert [file.url for file in zoo.model(framework, name).files] == urls


def test_names_that_are_not_there():
    with pytest.raises(UsageError, match=r"Unknown pretrained model name \[resnet5\].") as caught:
        zoo.model("cntk", "resnet5")
    assert "Did you mean resnet50?" in str(caught.value)
    with pytest.raises(UsageError, match="tensorflow models are not offered yet"):
        zoo.models("tensorflow")
    with pytest.raises(UsageError, match="no pre-trained models for 'fortran'"):
        zoo.models("fortran")


def test_what_comes_unprotected_and_unchecked() -> None:
    """Caffe's weights have checksums where they are published; PyTorch's come over HTTPS."""
    files = {(m.framework, m.name): m.files for f in zoo.frameworks() for m in zoo.models(f)}
    assert not files["caffe", "vgg16"][1].is_open
    assert not files["pytorch", "resnet18"][0].is_open
    assert files["mxnet", "vgg16"][1].is_open
    for made in files.values():
        assert all(len(file.sha1) in (0, 40) for file in made)
