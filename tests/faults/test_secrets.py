"""A password in the address of a store that is away: no door shows it, whatever goes wrong there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from stages import register
from tests.tracked import answers, make_folders, recipe, settings
from unroll.cli.main import main
from unroll.errors import one_line
from unroll.registry import live

pytestmark = pytest.mark.fault("password in an address")

SECRET = "S3CRET"
ADDRESSES = (
    f"http://me:{SECRET}@127.0.0.1:1",
    f"http://me:an@{SECRET}@127.0.0.1:1/mlflow",
    f"postgresql://me:{SECRET}@127.0.0.1:1/mlflow",
    f"postgresql://me:{SECRET}@/mlflow?host=/nowhere",
    f"postgresql:///mlflow?host=/nowhere&user=me&password={SECRET}",
    f"mysql://me:{SECRET}@127.0.0.1:1/mlflow",
    f"odd://me:{SECRET}@here",
)
COMMANDS = (
    "versions translate", "compare translate", "promote translate 1", "rollback translate",
    "lineage models:/translate/1", "verify models:/translate/1", "ui --port 1",
    "translate --model models:/translate@champion tea",
)  # fmt: skip


def train(home: Path) -> None:
    with live.live("translate", recipe(), "f1") as run:
        run.log({"train_loss": 1.0}, 1)


def registers(home: Path) -> None:
    with one_line():
        register.run(settings(), make_folders(home, answers(3)))


def command(line: str) -> Callable[[Path], None]:
    def run(home: Path) -> None:
        sys.argv = ["unroll", *line.split()]
        main()

    return run


DOORS = {"train": train, "register": registers} | {line: command(line) for line in COMMANDS}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_door_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"{SECRET} of the environment")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    monkeypatch.setattr(sys, "argv", sys.argv)
    for name, door in DOORS.items():
        with suppress(SystemExit):
            door(tmp_path)
        said = capfd.readouterr()
        told = [line for line in (said.out + said.err).splitlines() if SECRET in line]
        assert not told, f"{name}: {told}"
        assert said.err.startswith("unroll: "), name
        assert said.err.count("\n") == 1, f"{name}: {said.err}"
