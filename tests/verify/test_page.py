"""The page of a comparison: whole, offline, and what it shows in a browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from helpers import chromium
from mmdnn.verify.closeup import closeup
from mmdnn.verify.compare import difference
from mmdnn.verify.page import page
from mmdnn.verify.proof import Proof
from mmdnn.verify.report import Layer, Report
from mmdnn.verify.thumbnail import thumbnail
from mmdnn.verify.verdicts import Verdict

HOSTILE = [
    "<script>document.title = 'broken'</script>",
    '"><img src=x onerror="document.title = \'broken\'">',
    "</script></td></table><h1>",
    "'&amp;${hash} $title",
    "\u202eright to left",
    "control\x00\x1b[31m\n\r",
    "\ud800 half",
    "-->]]>",
    "very/" * 60 + "long",
    "unbroken" * 40,
    "卷积 層 😀",
]


def layer(name, scale=1e-6, verdict=Verdict.YES, **more):
    x = np.random.default_rng(len(name)).normal(size=(1, 3, 8, 8)).astype(np.float32)
    y = x + np.float32(scale) * x[:, :, ::-1]
    gap = difference(x, y)
    about = {"type": "Conv", "shape": x.shape, "dtype": "float32", "feed": "random"} | more
    return Layer(name, name, difference=gap, verdict=verdict, closeup=closeup(x, y), **about)


def report(*layers, **more):
    picture = thumbnail({"x": np.random.default_rng(0).uniform(0, 255, (1, 3, 20, 30))})
    return Report("Keras on a.h5", "MXNet on b.json", layers, ("random",), picture=picture, **more)


@pytest.fixture(scope="module")
def html():
    layers = [layer(name, 10.0 ** -(4 + i % 4), type=name) for i, name in enumerate(HOSTILE)]
    layers[3] = layer("wrong", 1, Verdict.NO, why="<b>off</b>")
    return page(report(*layers, level=Proof.ENGINES))


def test_it_asks_for_nothing(html):
    assert "default-src 'none'" in html
    addresses = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)|@import', html)
    assert all(each[0].startswith(("data:", "#")) for each in addresses)
    assert "http" not in html.replace("http-equiv", "")


def test_names_are_no_markup(html):
    assert "<img src=x" not in html
    assert html.count("<script>") == html.count("</script>") == 1
    assert "\\u202eright to left" in html
    assert "control\\x00\\x1b[31m\\n\\r" in html
    assert "\\ud800 half" in html
    assert "<b>off" not in html
    assert html.encode()


def test_it_says_what_is_known_of_every_layer(html):
    assert "1 of 11 layers disagrees" in html
    assert html.count("<tr id=") == 11
    assert "The worst layer: <bdi>wrong</bdi>" in html
    assert html.count('class="dot ') == 11
    assert 'class="no" data-is="agrees"' in html


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [layer("exact", 0.0)],
        [layer("one")],
        [Layer("x", "x", "", (), "str", difference(np.zeros(2), np.zeros(3)), "", Verdict.NO)],
        [layer("nan", np.nan, Verdict.NO), layer("exact", 0.0)],
    ],
)
def test_whatever_there_is(layers):
    text = page(report(*layers))
    assert "nan%" not in text
    assert re.search(r'\s(?:[xyd]|height|points)="[^"]*(?:nan|inf)', text) is None


def test_it_opens_without_complaints(html, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(html.encode("utf-8", "backslashreplace"))
    dom, console = chromium.open_page(path, tmp_path / "profile")
    assert console == []
    assert "11 of 11" in dom
    assert "<title>Keras on a.h5 and MXNet on b.json</title>" in dom


@pytest.mark.parametrize("width", [400, 1400])
def test_names_are_whole_and_nothing_sticks_out(html, tmp_path, width):
    script = """
        const wide = [...document.querySelectorAll('body *')].filter(
          e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('svg'));
        return [innerWidth, document.documentElement.scrollWidth, document.images[0].naturalWidth,
          wide.map(e => e.outerHTML.slice(0, 80)),
          [...document.querySelectorAll('bdi')].map(e => e.textContent)]"""
    inner, scroll, picture, wide, names = chromium.ask(html, script, tmp_path, width)
    assert (inner, scroll, picture, wide) == (width, width, 30, [])
    assert {HOSTILE[0], HOSTILE[8], HOSTILE[9], HOSTILE[10]} <= set(names)


def test_it_is_sorted_and_searched(html, tmp_path):
    script = """
        const shown = () => [...document.querySelectorAll('#layers > tbody > tr')]
          .filter(row => !row.hidden).map(row => Number(row.dataset.place));
        const click = name => [...document.querySelectorAll('thead button')]
          .find(button => button.textContent === name).click();
        const found = [shown()];
        for (const name of ['max', 'max', 'layer']) { click(name); found.push(shown()); }
        const search = document.getElementById('search');
        search.value = 'WRONG no'; search.dispatchEvent(new Event('input'));
        found.push(shown(), document.getElementById('count').textContent);
        return found"""
    first, falling, rising, again, searched, count = chromium.ask(html, script, tmp_path)
    assert first == again == list(range(11))
    assert falling[0] == rising[-1] == 3
    assert sorted(falling) == first
    assert (searched, count) == ([3], "1 of 11")
