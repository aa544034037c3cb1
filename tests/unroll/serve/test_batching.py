"""Requests that wait together are answered together, each with its own answers, and none waits for another's many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests import tiny
from unroll.errors import DataError
from unroll.params.evaluate import Beam, Sample, Search
from unroll.serve.batching import HYPOTHESES, Batcher

SEARCH = tiny.pipeline().evaluate.search
SAMPLE = tiny.pipeline("language").evaluate.search
ROOM = HYPOTHESES // SEARCH.beam


class Held:
    """Answers a text with itself; the first batch waits until it may go on, so that others come together."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.free = threading.Event()

    def __call__(self, texts: Sequence[str], n_best: int, search: Search, steps: int | None) -> list[list[Any]]:
        self.batches.append(list(texts))
        self.free.wait(10)
        if "bad" in texts:
            raise DataError("bad is no text")
        return [[text] * n_best for text in texts]


def run(play: Callable[[Batcher, Held], Awaitable[Any]], together: bool = True) -> tuple[Any, list[list[str]]]:
    """Return (what `play` makes of a batcher at work, its batches)."""
    held = Held()

    async def played() -> Any:
        batcher = Batcher(held, together)
        work = asyncio.create_task(batcher.work())
        try:
            return await play(batcher, held)
        finally:
            held.free.set()
            work.cancel()
            batcher.close()

    return asyncio.run(played()), held.batches


async def asked(batcher: Batcher, held: Held, *requests: tuple[list[str], int, Search]) -> list[Any]:
    """Ask one after the other, and let the first batch go on when all are there."""
    tasks = [asyncio.create_task(batcher.answer(*requests[0]))]
    while not held.batches:
        await asyncio.sleep(0.001)
    tasks += [asyncio.create_task(batcher.answer(*request)) for request in requests[1:]]
    await asyncio.sleep(0.01)
    held.free.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def several(*requests: tuple[list[str], int, Search], together: bool = True) -> tuple[Any, list[list[str]]]:
    return run(lambda batcher, held: asked(batcher, held, *requests), together)


def test_who_waits_meanwhile_is_answered_together() -> None:
    answers, batches = several((["a"], 1, SEARCH), (["b", "c"], 1, SEARCH), (["d"], 1, SEARCH))
    assert answers == [[["a"]], [["b"], ["c"]], [["d"]]]
    assert batches == [["a"], ["b", "d", "c"]]


def test_not_together_each_has_a_batch_of_its_own() -> None:
    answers, batches = several((["a"], 1, SEARCH), (["b"], 1, SEARCH), (["c"], 1, SEARCH), together=False)
    assert answers == [[["a"]], [["b"]], [["c"]]]
    assert batches == [["a"], ["b"], ["c"]]


def test_who_asks_otherwise_waits_for_another_batch() -> None:
    greedy = SEARCH.model_copy(update={"beam": 1})
    answers, batches = several((["a"], 1, SEARCH), (["b"], 1, SEARCH), (["c"], 2, SEARCH), (["d"], 1, greedy))
    assert answers == [[["a"]], [["b"]], [["c", "c"]], [["d"]]]
    assert batches == [["a"], ["b"], ["c"], ["d"]]


def test_many_texts_do_not_hold_up_one() -> None:
    many = [f"{number}" for number in range(3 * ROOM)]
    answers, batches = several((["a"], 1, SEARCH), (many, 1, SEARCH), (["b"], 1, SEARCH))
    assert answers[1:] == [[[text] for text in many], [["b"]]]
    assert "b" in batches[1]
    assert max(map(len, batches)) == ROOM


def test_what_is_drawn_is_drawn_alone_and_whole() -> None:
    assert isinstance(SAMPLE, Sample)
    texts = ["a"] * (HYPOTHESES + 1)
    _, batches = several((["b"], 1, SAMPLE), (texts, 1, SAMPLE), (["c"], 1, SAMPLE))
    assert batches == [["b"], texts, ["c"]]


def test_a_text_that_cannot_be_answered_is_the_matter_of_its_own_request() -> None:
    answers, _ = several((["a"], 1, SEARCH), (["b"], 1, SEARCH), (["bad", "c"], 1, SEARCH), (["d"], 1, SEARCH))
    assert answers[:2] + answers[3:] == [[["a"]], [["b"]], [["d"]]]
    assert isinstance(answers[2], DataError)


def test_of_who_has_left_nothing_more_is_begun() -> None:
    async def leaves(batcher: Batcher, held: Held) -> None:
        first = asyncio.create_task(batcher.answer(["a"] * (2 * ROOM), 1, SEARCH))
        while not held.batches:
            await asyncio.sleep(0.001)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        held.free.set()
        await batcher.answer(["b"], 1, SEARCH)

    _, batches = run(leaves)
    assert batches == [["a"] * ROOM, ["b"]]


def test_no_texts_are_no_work() -> None:
    assert run(lambda batcher, held: batcher.answer([], 1, SEARCH)) == ([], [])


def test_a_beam_bounds_a_batch() -> None:
    wide = SEARCH.model_copy(update={"beam": HYPOTHESES // 2})
    assert isinstance(wide, Beam)
    _, batches = several((["a"], 1, wide), (["b"] * 5, 1, wide))
    assert [len(batch) for batch in batches] == [1, 2, 2, 1]


def test_those_who_were_answered_together_ask_again_together() -> None:
    async def play(batcher: Batcher, held: Held) -> None:
        async def client(name: str) -> None:
            for number in range(4):
                await batcher.answer([f"{name}{number}"], 1, SEARCH)

        clients = [asyncio.create_task(client(name)) for name in "abcdef"]
        await asyncio.sleep(0.05)
        held.free.set()
        await asyncio.gather(*clients)

    _, batches = run(play)
    # The first to ask finds nobody beside it; from then on all are there.
    assert [len(batch) for batch in batches] == [6, 6, 6, 6]
