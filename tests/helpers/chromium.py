"""Opening pages in a headless Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=3000",
    "--enable-logging=stderr",
    "--dump-dom",
)


def need() -> str:
    """The program; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    return found


def open_page(page: Path, folder: Path) -> tuple[str, list[str]]:
    """What becomes of a page's document, and what its console says."""
    command = [need(), *FLAGS, f"--user-data-dir={folder}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    console = [x for x in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in x]
    return done.stdout.decode(), console


def ask(html: str, script: str, folder: Path, width: int = 1400) -> Any:
    """What a script answers that runs at the end of a page of this width: a JSON value.

    Args:
        html: The page; what it says of scripts that are not its own is taken out.
        script: The body of a function.
        folder: Where to work; it has to be empty.
        width: Of the page in pixels.
    """
    code = f"parent.postMessage(JSON.stringify((() => {{ {script} }})()), '*')"
    asked = html.replace("Content-Security-Policy", "none").replace(
        "</body>", f"<script>addEventListener('load', () => {code})</script></body>"
    )
    outside = folder / "outside.html"
    outside.write_text(
        f"<!DOCTYPE html><pre id=answer></pre><script>onmessage = e => answer.textContent = e.data</script>"
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{escape(asked)}"></iframe>'
    )
    dom, _ = open_page(outside, folder / "profile")
    return json.loads(unescape(dom.split('<pre id="answer">')[1].split("</pre>")[0]))
