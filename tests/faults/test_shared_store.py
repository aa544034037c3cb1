"""A team's MLflow on PostgreSQL: two train and register at once, and what each of them did is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import unroll
from tests.stores import PASSWORD, Server, Worker, postgresql
from tests.tracked import answers, champion, client, history, make_folders, runs
from unroll.registry import names
from unroll.registry.champions import promote, rollback, versions
from unroll.serve import ui

pytestmark = pytest.mark.fault("two at once on PostgreSQL")

ROUNDS, POINTS = 3, 20
"""The last round's better model answers all rows rightly."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgresql() as database:
        server = Server(tmp_path_factory.mktemp("team"), database)
        server.start()
        yield server
        server.kill()


def secured(server: Server) -> str:
    """Return the server's address, with a password as a proxy in front of it would ask for."""
    return server.address.replace("://", f"://team:{PASSWORD}@")


@pytest.fixture
def team(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of one of a team, who are sent to the server by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", secured(server))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="module")
def two(server: Server) -> Iterator[list[Worker]]:
    workers = [Worker(secured(server)), Worker(secured(server))]
    yield workers
    for worker in workers:
        assert PASSWORD not in worker.kill()


@pytest.fixture(scope="module")
def rounds(server: Server, two: list[Worker], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rounds in which two train, record and register at once: a better model than before, and one as it was before."""
    home = tmp_path_factory.mktemp("clones")
    for number in range(ROUNDS):
        better = make_folders(home / f"better{number}", answers(2 * number + 2), 2 * number)
        worse = make_folders(home / f"worse{number}", answers(2 * number), 2 * number + 1)
        for worker, folders in zip(two, (better, worse) if number % 2 else (worse, better), strict=True):
            worker.begin(home, folders.root, POINTS)
        for worker in two:
            worker.end()
    return home


@pytest.mark.usefixtures("rounds")
def test_each_training_has_its_run_and_every_point(team: Path) -> None:
    trained = runs()
    assert len(trained) == 2 * ROUNDS
    curve = [(update, 1 / update) for update in range(1, POINTS + 1)]
    for run in trained:
        assert run.info.status == "FINISHED"
        ours = [point for point in history(run.info.run_id, "train_loss") if point[0] not in (2, 4)]
        assert ours == [point for point in curve if point[0] not in (2, 4)]  # these stand in the files, too
    assert len({run.data.tags["model.sha256"] for run in trained}) == 2 * ROUNDS


@pytest.mark.usefixtures("rounds")
def test_each_model_has_its_version_and_the_best_is_champion(team: Path) -> None:
    known = versions("translate")
    assert [one.version for one in known] == [str(number) for number in range(2 * ROUNDS, 0, -1)]
    assert all(one.verdict for one in known)
    assert client().get_model_version("translate", champion()).tags["bleu"] == "100.00"


@pytest.mark.usefixtures("rounds")
def test_who_was_champion_is_known_and_comes_back(team: Path) -> None:
    first = champion()
    other = next(one.version for one in versions("translate") if "champion" not in one.aliases)
    assert promote("translate", other) == first
    assert rollback("translate") == (other, first)


def test_the_champion_answers_where_there_are_no_files(team: Path, rounds: Path) -> None:
    asked = unroll.load("models:/translate@champion")
    assert names.resolve("models:/translate@champion").is_relative_to(team / "cache")
    trained = unroll.load(rounds / f"better{ROUNDS - 1}/data/translate/model", search=asked.search)
    assert asked("tea").text == trained("tea").text


@pytest.mark.usefixtures("rounds")
def test_no_password_is_kept_or_shown(team: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    import psycopg

    ui.serve(1)
    assert f"registry     {server.address}/#/models" in (shown := capsys.readouterr().out)
    assert PASSWORD not in shown
    with psycopg.connect(server.store, password=PASSWORD) as database:
        tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [str(row) for (table,) in tables for row in database.execute(f'SELECT * FROM "{table}"')]
    assert [row for row in rows if "model.sha256" in row]
    assert not [row for row in rows if PASSWORD in row]
    assert [path.name for path in server.home.iterdir()] == ["art"]  # all else of its machine may be read-only
    files = [path for path in server.home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
