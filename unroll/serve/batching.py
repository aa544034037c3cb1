"""What is asked at the same time is answered together: a batch of texts costs little more than one of them.

One thread answers. While it does, requests wait; then those that are asked alike give a text each in turn, until the
batch is full. Nobody waits for a batch to fill, but for the moment in which those who were answered together ask again;
and nobody's many texts hold up somebody's one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from unroll.params.evaluate import Sample, Search

if TYPE_CHECKING:
    from unroll.predict.predictor import Prediction

HYPOTHESES = 320
"""Rows of a batch, `beam` for each of its texts: what bounds its memory."""
MOMENTS = 10
"""of two milliseconds, for which a batch waits at most"""
Ask = Callable[[Sequence[str], int, Search, int | None], list[list["Prediction"]]]
"""(texts, n_best, search, likeliest tokens that each step names; None: no steps) -> the answers to each text"""


def room(search: Search) -> int:
    """Return how many sentences a batch has at most."""
    return max(HYPOTHESES // getattr(search, "beam", 1), 1)


class Job:
    """A request on its way: its texts, those that nobody has taken yet, and the answers so far."""

    def __init__(self, texts: Sequence[str], n_best: int, search: Search, steps: int | None = None) -> None:
        self.texts, self.n_best, self.search, self.steps = texts, n_best, search, steps
        self.waiting = deque(range(len(texts)))
        self.answers: dict[int, list[Prediction]] = {}
        self.done: asyncio.Future[list[list[Prediction]]] = asyncio.get_running_loop().create_future()

    def goes_with(self, other: Job) -> bool:
        """Return whether both are asked alike, so that one search answers both."""
        return (self.n_best, self.search, self.steps) == (other.n_best, other.search, other.steps)

    def give(self, place: int, found: list[Prediction]) -> None:
        """Take the answers to a text; with the last one the request is answered."""
        self.answers[place] = found
        if len(self.answers) == len(self.texts) and not self.done.done():
            self.done.set_result([self.answers[number] for number in range(len(self.texts))])


class Batcher:
    """A queue of requests, and the thread that answers them.

    Args:
        ask: how texts are answered.
        together: whether texts of several requests go into one batch.
        told: called with the number of texts of each batch.
    """

    def __init__(self, ask: Ask, together: bool = True, told: Callable[[int], None] = lambda count: None) -> None:
        self._ask, self._together, self._told = ask, together, told
        self._jobs: deque[Job] = deque()
        self._asked = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "answers")

    async def answer(
        self, texts: Sequence[str], n_best: int, search: Search, steps: int | None = None
    ) -> list[list[Prediction]]:
        """Return the answers to texts; cancelled, no more of them are begun.

        Args:
            steps: likeliest tokens that each step of an answer names; None: answers have no steps.
        Raises:
            DataError: as `Predictor.stream`.
        """
        if not texts:
            return []
        job = Job(texts, n_best, search, steps)
        self._jobs.append(job)
        self._asked.set()
        try:
            return await job.done
        finally:
            with suppress(ValueError):  # it was the last to be answered, and has left
                self._jobs.remove(job)

    async def work(self) -> None:
        """Answer for ever what is asked."""
        loop = asyncio.get_running_loop()
        while True:
            await self._asked.wait()
            while self._jobs:
                taken = self._next()
                if taken:
                    await loop.run_in_executor(self._thread, self._answer, taken, loop)
                if len(taken) > 1:
                    await self._moment()
            self._asked.clear()

    async def _moment(self) -> None:
        """Wait for as long as more is asked every two milliseconds: the first to ask again is not answered alone."""
        for _ in range(MOMENTS):
            waiting = len(self._jobs)
            await asyncio.sleep(0.002)
            if len(self._jobs) == waiting:
                return

    def close(self) -> None:
        """Let the thread end once it has answered its batch."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> list[tuple[Job, int]]:
        """Take a batch: texts of the request that waits longest, and of those that are asked like it."""
        first = self._jobs[0]
        if isinstance(first.search, Sample):  # which draws by how often it was asked a text before
            alike, most = [first], len(first.texts)
        else:
            alike = [job for job in self._jobs if job.goes_with(first)] if self._together else [first]
            most = room(first.search)
        taken: list[tuple[Job, int]] = []
        while len(taken) < most and (givers := [job for job in alike if job.waiting]):
            taken += [(job, job.waiting.popleft()) for job in givers[: most - len(taken)]]
        for job in alike:  # who is not done waits behind the others
            self._jobs.remove(job)
            if job.waiting:
                self._jobs.append(job)
        return taken

    def _answer(self, taken: Sequence[tuple[Job, int]], loop: asyncio.AbstractEventLoop) -> None:
        first = taken[0][0]
        self._told(len(taken))
        try:
            texts = [job.texts[place] for job, place in taken]
            answers = self._ask(texts, first.n_best, first.search, first.steps)
        except Exception as error:
            jobs = list(dict.fromkeys(job for job, _ in taken))
            if len(jobs) == 1:
                loop.call_soon_threadsafe(_fail, first, error)
                return
            for one in jobs:  # a text that cannot be answered is the matter of its own request
                self._answer([(job, place) for job, place in taken if job is one], loop)
            return
        for (job, place), found in zip(taken, answers, strict=True):
            loop.call_soon_threadsafe(job.give, place, found)


def _fail(job: Job, error: Exception) -> None:
    job.waiting.clear()
    if not job.done.done():
        job.done.set_exception(error)
