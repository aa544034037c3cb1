"""Two models that are registered at once: two versions, and the better one is champion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import ALL
from tests.stores import Worker
from tests.tracked import answers, client, make_folders, settings
from unroll.registry.names import CHAMPION

pytestmark = pytest.mark.fault("two promotions at once")

ROUNDS = 20 if ALL else 6


@pytest.fixture(scope="module")
def two() -> Iterator[list[Worker]]:
    workers = [Worker(), Worker()]
    yield workers
    for worker in workers:
        worker.kill()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_better_of_two_is_champion(home: Path, two: list[Worker], number: int) -> None:
    good, bad = (make_folders(home / name, answers(right), seed) for name, right, seed in (("a", 6, 1), ("b", 0, 2)))
    for worker, folders in zip(two, (good, bad) if number % 2 else (bad, good), strict=True):
        worker.begin(home, folders.root)
    for worker in two:
        worker.end()
    versions = client().search_model_versions(f"name = '{settings().register_.name}'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    champion = client().get_model_version_by_alias(settings().register_.name, CHAMPION)
    assert champion.tags["bleu"] == "100.00"
