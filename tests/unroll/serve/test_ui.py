from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.tracked import silent_server
from unroll.errors import ResourceError
from unroll.registry import tracking
from unroll.serve import ui

ROOT = Path(__file__).parents[3]


def test_a_taken_port_is_one_line(home: Path) -> None:
    with silent_server() as server, pytest.raises(ResourceError, match="is taken"):
        ui.serve(server.getsockname()[1])


def test_pages_are_served_to_this_machine_and_end_with_the_command(home: Path) -> None:
    with tracking.reaching() as client:
        tracking.experiment_of(client, "translate")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    program = f"from unroll.serve.ui import serve; serve({port})"
    command = subprocess.Popen(
        [sys.executable, "-c", program], env=environment | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert command.stdout
    try:
        links = dict(line.split() for line in iter(command.stdout.readline, "Ctrl-C ends it.\n"))
        assert links.keys() == {"translate", "registry"}
        assert links["translate"].startswith(f"http://127.0.0.1:{port}/#/experiments/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert b"MLflow" in page.read()
    finally:
        command.send_signal(signal.SIGTERM)
        command.wait(30)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
