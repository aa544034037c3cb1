"""The stories of pipelines/stories.yaml: whoever reads them with care finds each answer."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from unroll import parts
from unroll.data.readers import READERS
from unroll.data.rows import Row

ROOT = Path(__file__).parents[2]


def stories(rows: int, *facts: int, seed: int = 1) -> list[Row]:
    parts.bring("pipelines/stories.py", ROOT)
    return list(READERS["stories"](SimpleNamespace(rows=rows, seed=seed, facts=facts), Path()))


def read(text: str) -> str:
    """Answer a question by keeping book of who and what has been where: written without a look at how they are made."""
    *sentences, question = re.split(r"(?<=[.?]) ", text)
    visited: dict[str, list[str]] = {}
    carried: dict[str, set[str]] = {}
    for sentence in sentences:
        who, what = sentence.split()[0], sentence.rstrip(".").split()[-1]
        if " to the " in sentence:
            for one in (who, *carried.get(who, ())):
                visited.setdefault(one, []).append(what)
        elif re.search(r"took|got|grabbed|picked", sentence):
            carried.setdefault(who, set()).add(what)
            visited.setdefault(what, []).append(visited[who][-1])
        else:
            carried[who].remove(what)
    asked = re.fullmatch(r"Where (?:is|was) (?:the )?(\w+)(?: before the (\w+))?\?", question)
    assert asked
    rooms = visited[asked[1]]
    if not asked[2]:
        return rooms[-1]
    last = max(place for place, room in enumerate(rooms) if room == asked[2])
    return next(room for room in reversed(rooms[:last]) if room != asked[2])


@pytest.mark.parametrize("facts", [1, 2, 3])
def test_a_careful_reader_finds_the_answer(facts: int) -> None:
    rows = stories(300, facts)
    assert [read(row.source) for row in rows] == [row.target for row in rows]


def test_questions_need_the_facts_that_are_asked_for() -> None:
    asked = [row.source.rpartition(". ")[2] for row in stories(30, 1, 2, 3)]
    forms = r"Where is [A-Z]\w+\?", r"Where is the \w+\?", r"Where was the \w+ before the \w+\?"
    assert all(re.fullmatch(forms[place % 3], question) for place, question in enumerate(asked))


def test_no_room_is_a_good_guess() -> None:
    counts = Counter(row.target for row in stories(3000, 1, 2, 3))
    assert len(counts) == 6
    assert max(counts.values()) < 0.22 * 3000


def test_a_seed_tells_the_stories() -> None:
    assert stories(50, 1, 2, seed=7) == stories(50, 1, 2, seed=7) != stories(50, 1, 2, seed=8)
