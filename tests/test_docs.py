"""The site: it is built without a warning, wants nothing from another host, and its notebook runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.docs


class Loaded(HTMLParser):
    """Collects what a page loads by itself when it is opened: not its links, which wait for a click."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "source", "iframe"):
            self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "srcset")]


def foreign(file: Path) -> list[str]:
    """Return the addresses on other hosts that a page or a style sheet loads."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".css":
        addresses = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", text)
    else:
        page = Loaded()
        page.feed(text)
        addresses = page.addresses
    return [address for address in addresses if re.match(r"(https?:)?//", address.strip())]


def test_the_site_builds_without_a_warning_and_wants_no_other_host(tmp_path: Path) -> None:
    # No model: it is built as it is published.
    environment = {name: value for name, value in os.environ.items() if name != "UNROLL_MODEL"}
    strict = ["--fail-on-warning", "--keep-going", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *strict, "docs", tmp_path],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert {"index.html", "first.html", "lecture.html", "unroll.html"} <= {page.name for page in pages}
    files = [*pages, *tmp_path.rglob("*.css")]
    assert not {str(file.relative_to(tmp_path)): found for file in files if (found := foreign(file))}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.html", '<script src="https://host.example/a.js"></script>', ["https://host.example/a.js"]),
        ("a.html", '<link rel="stylesheet" href="//host.example/a.css">', ["//host.example/a.css"]),
        ("a.html", '<img alt="" src="http://host.example/a.png"/>', ["http://host.example/a.png"]),
        ("a.html", '<a href="https://host.example">a</a> <img src="a.png"> <script>1</script>', []),
        ("a.css", '@import "https://host.example/a.css";', ["https://host.example/a.css"]),
        ("a.css", "a {src: url( '//host.example/a.woff2')} b {src: url(b.png)}", ["//host.example/a.woff2"]),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert foreign(tmp_path / name) == expected


def test_the_notebook_runs(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_MODEL", str(tiny_model_folder))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a stage that ran here before draws into files
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):  # nothing is left in the user's own
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = read_myst_markdown_notebook((ROOT / "docs/first.md").read_text(encoding="utf-8"))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "docs")}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "equals its loop" in "".join(output.get("text", "") for output in outputs)
