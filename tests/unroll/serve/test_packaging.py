"""A packaged model is served from its folder alone, as it was scored, with everything that it needs pinned."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.listening import free_port
from tests.unroll.artifacts.test_signing import keys
from unroll.artifacts import signing
from unroll.errors import IntegrityError, ParamsError, ResourceError
from unroll.predict import loading
from unroll.serve.packaging import needed, package, pinned

ROOT = Path(__file__).parents[3]


def test_it_is_served_from_its_folder_alone_as_it_was_scored(tmp_path: Path) -> None:
    search = tiny.pipeline().evaluate.search.model_copy(update={"beam": 2, "length_penalty": 0.5})
    model, folder = tiny.checkpoint(tmp_path), tmp_path / "out"
    package(model, search, folder)
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "unroll", "serve", "model", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=clean, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        server.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/answers", json.dumps({"texts": ["tea"]}), {"Content-Type": "application/json"})
        (found,) = json.loads(connection.getresponse().read())["predictions"]
        server.send_signal(signal.SIGTERM)
    best = loading.load(model, search)("tea")
    assert (found["text"], found["score"]) == (best.text, best.score)


def test_a_signed_model_goes_with_its_signatures_and_what_checks_them(tmp_path: Path) -> None:
    model = tiny.checkpoint(tmp_path)
    secret, public = keys(tmp_path)
    package(model, tiny.pipeline().evaluate.search, tmp_path / "out", signing.sign(model, secret))
    there = tmp_path / "out" / "model"
    signing.check(there, signing.read(there), public)
    assert "\nmodel-signing==" in (tmp_path / "out" / "requirements.txt").read_text()


def test_it_has_no_code_that_a_server_does_not_need(tmp_path: Path) -> None:
    package(tiny.checkpoint(tmp_path), tiny.pipeline().evaluate.search, tmp_path / "out")
    packages = {path.name for path in (tmp_path / "out" / "unroll").iterdir() if path.is_dir()}
    assert packages == {"artifacts", "data", "nn", "params", "predict", "serve"}
    assert not [*(tmp_path / "out").rglob("__pycache__")]
    dockerfile = (tmp_path / "out" / "Dockerfile").read_text()
    assert "--require-hashes" in dockerfile
    assert "USER 65534" in dockerfile


def test_all_that_it_needs_is_pinned_with_its_hashes() -> None:
    blocks = list(pinned(ROOT / "constraints.txt"))
    assert len(blocks) == len(needed("unroll", {"serve"}))
    assert all(re.match(r"[\w.-]+==[\w.]+(\+cpu)? .*\n    --hash=sha256:", block) for block in blocks)
    assert [block.split()[0] for block in blocks if block.startswith("torch")] == ["torch==2.13.0+cpu"]
    assert not [block for block in blocks if block.startswith(("mlflow", "pandas", "dvc", "nvidia"))]


def test_what_cannot_be_packaged_is_told_in_one_line(tmp_path: Path) -> None:
    model, search = tiny.checkpoint(tmp_path), tiny.pipeline().evaluate.search
    with pytest.raises(ParamsError, match="is there already"):
        package(model, search, tmp_path)
    with pytest.raises(ResourceError, match="works in a clone"):
        list(pinned(tmp_path / "constraints.txt"))
    (tmp_path / "constraints.txt").write_text("torch==2.13.0 \\\n    --hash=sha256:0\n")
    with pytest.raises(ResourceError, match="lacks annotated"):
        list(pinned(tmp_path / "constraints.txt"))
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        package(model, search, tmp_path / "out")
    assert not (tmp_path / "out").exists()
