"""What is typed: texts, places, names of models."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.faults.hostile.doors import BIDI, ESC, TITLE, unroll
from tests.faults.hostile.models import template
from tests.faults.hostile.running import Case, Door


def typed(*words: str, code: int, says: str, stdin: bytes | None = None) -> Case:
    """Return a command, and a model to ask."""

    def make(folder: Path) -> Door:
        shutil.copytree(template("word"), folder / "model")
        return unroll(*words, stdin=stdin)

    return Case(make, code, says)


def locked(content: str, says: str) -> Case:
    """Return a dvc.lock."""

    def make(folder: Path) -> Door:
        shutil.copytree(template("word"), folder / "data" / "model")
        (folder / "dvc.lock").write_text(content)
        return unroll("verify")

    return Case(make, 4, says)


TRANSLATE = ("translate", "--model", "model")
TYPED: dict[str, Case] = {
    "a title in a text": typed(*TRANSLATE, f"I drink {TITLE}{BIDI}milk", code=0, says=""),
    "a text of line ends": typed(*TRANSLATE, "\r\n\u2028\x85", code=0, says=""),
    "half a surrogate in a text": typed(*TRANSLATE, "\udce9", code=0, says=""),
    "a line of fifty megabytes": typed(
        *TRANSLATE, code=0, says="too long", stdin=b"milk " * 10_000_000 + b"\nI drink\n"
    ),
    "twenty thousand marks": typed(*TRANSLATE, "e" + "\u0301\u0323" * 10_000, code=0, says=""),
    "Latin-1": typed(*TRANSLATE, code=3, says="not UTF-8", stdin=b"se\xf1or\n"),
    "a model of 5,000 letters": typed("translate", "--model", "m" * 5000, "a", code=2, says="no such folder"),
    "a model that clears the screen": typed("translate", "--model", f"m{ESC}", "a", code=2, says="m\\x1b[2J"),
    "a lineage of 5,000 letters": typed("lineage", "m" * 5000, code=4, says="make the folder again"),
    "a place of 5,000 letters": typed("verify", "m" * 5000, code=2, says="no artifact"),
    "no store of models": typed("translate", "--model", "models:/a@champion", "a", code=2, says="no such store"),
    "no store of versions": typed("versions", "a", code=2, says="no such store"),
    "a lock that is a list": locked("[1]\n", "not what DVC wrote"),
    "a lock that leads elsewhere": locked(
        "stages: {a: {outs: [{path: x, md5: ../../../../../../dev/zero}]}}\n", "names no object"
    ),
}
