"""Folders of models that were forged, and signed anew."""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tests.faults.hostile.doors import ESC, TITLE, hole, in_place, listening, text, unroll
from tests.faults.hostile.running import Case, Door
from unroll.artifacts.manifest import MANIFEST, dump_json, identity, sha256

TEMPLATES: dict[str, Path] = {}


def template(kind: str) -> Path:
    """Return a checkpoint of a kind, made once."""
    if kind not in TEMPLATES:
        char: dict[str, Any] = {"tokenize__source__kind": "char", "tokenize__source__vocab_size": 300}
        typed = {"tokenize__typed": {"sentences": "en", "case": True, "copied": True}}
        changes = {"word": {}, "char": char, "typed": char | typed}[kind]
        folder = Path(tempfile.mkdtemp(prefix="hostile"))
        TEMPLATES[kind] = tiny.checkpoint(folder, tiny.pipeline(train__updates=11, **changes))
        if kind == "typed":
            (TEMPLATES[kind] / "source.words.txt").write_text("drink\nmilk\n")
            signed(TEMPLATES[kind])
    return TEMPLATES[kind]


def model(
    forge: Callable[[Path], Any],
    code: int = 4,
    says: str = "",
    kind: str = "word",
    sign: bool = True,
    ask: Door | None = None,
) -> Case:
    """Return a model's folder that was forged, and signed anew."""

    def make(folder: Path) -> Door:
        shutil.copytree(template(kind), folder / "model")
        forge(folder / "model")
        if sign:
            signed(folder / "model")
        return ask or unroll("translate", "--model", "model", "I drink milk")

    return Case(make, code, says)


def signed(folder: Path) -> None:
    """Give a folder a manifest that names its files, with their hashes where they can be read in no time."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    files = {path.name: path for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    quick = {name: path.is_file() and path.stat().st_size < 2**28 for name, path in files.items()}
    manifest["files"] = {name: sha256(path) if quick[name] else "0" * 64 for name, path in files.items()}
    written(folder, manifest)


def written(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest with its own hash."""
    manifest.pop("sha256", None)
    text = dump_json(manifest | {"sha256": identity(manifest)})
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="")


def manifested(change: Callable[[dict[str, Any]], Any], says: str = "", code: int = 4) -> Case:
    """Return a model with another manifest."""

    def forge(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        change(manifest)
        written(folder, manifest)

    return model(forge, code, says, sign=False)


def params(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Return what changes the parameters of a model."""

    def forge(folder: Path) -> None:
        found = json.loads((folder / "params.json").read_text())
        change(found)
        (folder / "params.json").write_text(json.dumps(found))

    return forge


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    """Return what changes the weights of a model."""

    def forge(folder: Path) -> None:
        found = load_file(folder / "model.safetensors")
        change(found)
        save_file(found, folder / "model.safetensors")

    return forge


def headed(change: Callable[[dict[str, Any]], Any], more: int = 0) -> Callable[[Path], None]:
    """Return what changes the list at the head of the weights, and adds a hole behind them."""

    def forge(folder: Path) -> None:
        path = folder / "model.safetensors"
        content = path.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        listed = json.loads(content[8 : 8 + length])
        changed = change(listed)
        head = (changed if isinstance(changed, str) else json.dumps(listed)).encode()
        path.write_bytes(struct.pack("<Q", len(head)) + head + content[8 + length :])
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size + more)

    return forge


def first(listed: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the first weight in a list."""
    entry: dict[str, Any] = next(value for name, value in listed.items() if name != "__metadata__")
    return entry


def claims(folder: Path) -> None:
    """Make weights of a terabyte that agree with their list."""
    shape, size = [2**19, 2**19], 2**40
    head = json.dumps({"head.readout.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(8 + len(head) + size)


def vocabulary(change: Callable[[list[Any]], Any]) -> Callable[[Path], None]:
    """Return what changes the words of a tokenizer."""

    def forge(folder: Path) -> None:
        path = folder / "target.tokenizer.json"
        found = json.loads(path.read_text())
        found["vocabulary"] = change(found["vocabulary"]) or found["vocabulary"]
        path.write_text(json.dumps(found))

    return forge


def put(owner: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a dotted path."""
    *names, last = path.split(".")
    for name in names:
        owner = owner[name]
    owner[last] = value


def deep(count: int) -> dict[str, Any]:
    """Return a manifest whose ancestry is that long."""
    found: dict[str, Any] = {"kind": "raw", "files": {}, "inputs": {}, "sha256": "0" * 64}
    for _ in range(count):
        found = {"kind": "raw", "files": {}, "inputs": {"raw": found}, "sha256": "0" * 64}
    return found


NAN, INF = float("nan"), float("inf")
ONE = "head.readout.weight"
MODELS: dict[str, Case] = {
    "a pipe for a manifest": model(in_place(MANIFEST, os.mkfifo), says="a pipe", sign=False),
    "a pipe for weights": model(in_place("model.safetensors", os.mkfifo), says="a pipe"),
    "a pipe for parameters": model(in_place("params.json", os.mkfifo), says="a pipe"),
    "a socket for weights": model(in_place("model.safetensors", listening), says="a socket"),
    "a socket for a manifest": model(in_place(MANIFEST, listening), says="a socket", sign=False),
    "a link to a device": model(in_place("params.json", lambda p: p.symlink_to("/dev/zero")), says="params.json"),
    "a folder for weights": model(in_place("model.safetensors", Path.mkdir), says="model.safetensors"),
    "weights of a terabyte of nothing": model(in_place("model.safetensors", hole(2**40)), says="was ever written"),
    "weights of a terabyte, as listed": model(claims, says="was ever written"),
    "a lineage of a terabyte": model(claims, says="was ever written", ask=unroll("lineage", "model")),
    "a folder of a terabyte to verify": replace(
        model(claims, says="was ever written", ask=unroll("verify", "model")), lines=2
    ),
    "parameters of a terabyte": model(in_place("params.json", hole(2**40)), says="was ever written"),
    "a tokenizer of a terabyte": model(in_place("source.tokenizer.json", hole(2**40)), says="was ever written"),
    "a manifest of a terabyte": model(in_place(MANIFEST, hole(2**40)), says="was ever written", sign=False),
    "30,000 units": model(params(lambda p: put(p, "model.encoder.hidden", 30_000)), says="do not belong together"),
    "30,000 units, and parts that are not there": model(
        params(lambda p: (put(p, "model.encoder.hidden", 30_000), put(p, "parts", "mine.py"))),
        says="do not belong together",
    ),
    "100,000 layers": model(
        params(lambda p: put(p, "model.encoder.layers", 100_000)), says="less than or equal to 100"
    ),
    "a hundred layers of 30,000 units": model(
        params(lambda p: (put(p, "model.head.layers", 100), put(p, "model.head.hidden", 30_000))),
        says="do not belong together",
    ),
    "a million dimensions": model(params(lambda p: put(p, "embed.dimensions", 2**20)), says="do not belong together"),
    "more units than any number": model(params(lambda p: put(p, "model.encoder.hidden", 10**400)), says="hidden"),
    "a dropout that is none": model(params(lambda p: put(p, "model.dropout", NAN)), says="model.dropout"),
    "parts from elsewhere": model(params(lambda p: put(p, "parts", "../evil.py")), says="inside the folder"),
    "parameters nested without end": model(in_place("params.json", text("[" * 100_000)), says="cannot be read"),
    "parameters that are a list": model(in_place("params.json", text("[1, 2]")), says="params.json"),
    "weights that are no numbers": model(weights(lambda w: w[ONE].fill_(NAN)), says="is no number"),
    "infinite weights": model(weights(lambda w: w[ONE].fill_(INF)), says="is no number"),
    "weights of 64 bits": model(weights(lambda w: w.update({ONE: w[ONE].double()})), says="dtype"),
    "weights that are counts": model(weights(lambda w: w.update({ONE: w[ONE].long()})), says="dtype"),
    "a weight too many": model(weights(lambda w: w.update({"a" + ESC: torch.zeros(2)})), says="a\\x1b[2J"),
    "a weight too few": model(weights(lambda w: w.pop(ONE)), says="do not belong together"),
    "a list of weights too long": model(
        in_place("model.safetensors", text(struct.pack("<Q", 2**62) + b"{}")), says="cannot have"
    ),
    "a list longer than its file": model(
        in_place("model.safetensors", text(struct.pack("<Q", 999) + b"{}")), says="cannot have"
    ),
    "weights that overlap": model(headed(lambda h: first(h).update(data_offsets=[0, 8])), says="deserializing header"),
    "weights before their file": model(
        headed(lambda h: first(h).update(data_offsets=[-8, 8])), says="deserializing header"
    ),
    "a weight of negative size": model(headed(lambda h: first(h).update(shape=[-1, -4])), says="not the weights"),
    "a weight larger than all": model(headed(lambda h: first(h).update(shape=[2**62, 2**62])), says="its list needs"),
    "more behind the weights": model(headed(lambda h: None, more=2**20), says="its list needs"),
    "a dtype that nobody knows": model(headed(lambda h: first(h).update(dtype="F7")), says="not the weights"),
    "a list that is nested without end": model(headed(lambda h: "[" * 100_000), says="not the weights"),
    "a list that is no list": model(headed(lambda h: "7"), says="not the weights"),
    "source.pkl": model(lambda f: (f / "source.pkl").write_bytes(b"x"), says="source.pkl: is no part"),
    "source.so": model(lambda f: (f / "source.so").write_bytes(b"x"), says="source.so: is no part"),
    "target.py": model(lambda f: (f / "target.py").write_bytes(b"x"), says="target.py: is no part"),
    "a name in capitals": model(lambda f: (f / "Model.safetensors").write_bytes(b"x"), says="is no part"),
    "a name that clears the screen": model(lambda f: (f / f"source{ESC}").write_bytes(b"x"), says="source\\x1b[2J"),
    "a kind that clears the screen": manifested(lambda m: m.update(kind=ESC), "no kind"),
    "a kind that is a number": manifested(lambda m: m.update(kind=7), "no readable manifest"),
    "files that are a list": manifested(lambda m: m.update(files=[]), "no readable manifest"),
    "a file elsewhere": manifested(lambda m: m["files"].update({"../x": "0" * 64}), "inside the folder"),
    "a file at the root": manifested(lambda m: m["files"].update({"/etc/passwd": "0" * 64}), "inside the folder"),
    "a file with a NUL": manifested(lambda m: m["files"].update({"a\0b": "0" * 64}), "cannot be seen"),
    "a file of 300 letters": manifested(lambda m: m["files"].update({"a" * 300: "0" * 64}), "too long"),
    "the manifest in itself": manifested(lambda m: m["files"].update({"./manifest.json": "0" * 64}), "a plain path"),
    "a file below the manifest": manifested(lambda m: m["files"].update({"manifest.json/x": "0" * 64}), "is no file"),
    "inputs that are numbers": manifested(lambda m: m.update(inputs={"raw": 3}), "no readable manifest"),
    "inputs of another folder": manifested(lambda m: m.update(inputs={"../../etc": deep(0)}), "no kind"),
    "an ancestry of 300": manifested(lambda m: m.update(inputs={"raw": deep(300)}), code=0),
    "a manifest that is nested without end": model(
        in_place(MANIFEST, text('{"inputs":' * 50_000)), says="no readable manifest", sign=False
    ),
    "a hash that is a number": manifested(lambda m: m["files"].update({"params.json": 7}), "no readable manifest"),
    "words that stand there twice": model(vocabulary(lambda v: v.__setitem__(-1, v[-2])), 0),
    "words that are numbers": model(vocabulary(lambda v: [*range(len(v))]), says="no piece of a text"),
    "words that are lists": model(vocabulary(lambda v: [[1]] * len(v)), says="tokenizer"),
    "three million words": model(vocabulary(lambda v: ["a"] * 3_000_000), says="tokenizer"),
    "words that set a title": model(vocabulary(lambda v: [*v[:9], *(f"{word}{TITLE}" for word in v[9:])]), 0),
    "no words": model(vocabulary(lambda v: [""]), says="no piece of a text"),
    "half a tokenizer": model(
        lambda f: (f / "source.model").write_bytes((f / "source.model").read_bytes()[:2000]),
        says="tokenizer",
        kind="char",
    ),
    "a tokenizer of noise": model(
        in_place("source.model", text(bytes(range(256)) * 40)), says="tokenizer", kind="char"
    ),
    "nothing": model(lambda f: None, 0, kind="typed"),
    "no known words": model(lambda f: (f / "source.words.txt").unlink(), says="cannot be read", kind="typed"),
    "known words in Latin-1": model(in_place("source.words.txt", text(b"\xff\n")), says="cannot be read", kind="typed"),
    "a word of ten megabytes": model(
        in_place("source.words.txt", text("a" * 10**7)), says="what is no word", kind="typed"
    ),
    "ten thousand words of a thousand letters": model(
        in_place("source.words.txt", text(("a" * 1000 + "\n") * 10_000)), says="what is no word", kind="typed"
    ),
    "a family that nobody knows": model(
        in_place("target.tokenizer.json", text('{"family": "os.system"}')), says="os.system"
    ),
}
