"""What a server may send: so much, so fast, and nothing from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

from tests.faults.hostile.fetched import OK, says, served
from unroll.data import downloads
from unroll.data.downloads import LostError, Steady


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


class Answer(io.BytesIO):
    """What a server says."""

    def __init__(self, content: bytes, length: str | None) -> None:
        super().__init__(content)
        self.headers = Message()
        if length is not None:
            self.headers["Content-Length"] = length


def test_a_file_comes_as_it_is() -> None:
    with downloads.opened(served(says(OK, b"Content-Length: 9\r\n\r\nabc", b"defghi"))()) as answer:
        assert downloads.announced(answer, None) == 9
        assert b"".join(downloads.arriving(answer, 9)) == b"abcdefghi"


def test_a_file_in_chunks_comes_as_it_is() -> None:
    with downloads.opened(
        served(says(OK, b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))()
    ) as answer:
        assert downloads.announced(answer, None) is None
        assert b"".join(downloads.arriving(answer, None)) == b"abcde"


def test_a_file_of_this_machine_is_read(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"abc")
    with downloads.opened((tmp_path / "a b").as_uri()) as answer:
        assert b"".join(downloads.arriving(answer, downloads.announced(answer, 3))) == b"abc"


@pytest.mark.parametrize(("length", "pinned", "total"), [(None, None, None), (None, 3, 3), ("3", None, 3), ("3", 3, 3)])
def test_either_side_may_say_how_much_comes(length: str | None, pinned: int | None, total: int | None) -> None:
    assert downloads.announced(Answer(b"", length), pinned) == total


@pytest.mark.parametrize("length", ["banana", "-1", "", "1.5", "٣"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(LostError, match="says that its length is"):
        downloads.announced(Answer(b"", length), None)


@pytest.mark.parametrize(("total", "told"), [(2, "does not end after 2 bytes"), (4, "broke off after 3 of 4 bytes")])
def test_more_or_less_than_was_announced_is_refused(total: int, told: str) -> None:
    with pytest.raises(LostError, match=told):
        list(downloads.arriving(Answer(b"abc", None), total))


def test_without_a_word_there_is_an_end_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "UNANNOUNCED", 2)
    with pytest.raises(LostError, match="does not end after 2 bytes"):
        list(downloads.arriving(Answer(b"abc", None), None))


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[tuple[float, int]]], Steady]:
    """A connection on which so many bytes come at such seconds."""

    def make(arrivals: list[tuple[float, int]]) -> Steady:
        clock, coming = [0.0], iter(arrivals)

        class Connection(io.RawIOBase):
            def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
                clock[0], count = next(coming)
                return count

        monkeypatch.setattr(downloads.time, "monotonic", lambda: clock[0])
        made = Steady(Connection())
        made.in_head = False
        return made

    return make


def test_what_is_fast_enough_may_take_its_time(steady: Callable[[list[tuple[float, int]]], Steady]) -> None:
    made = steady([(float(second), 1000) for second in range(1, 30)])
    assert sum(made.readinto(bytearray(1)) or 0 for _ in range(29)) == 29_000


def test_what_becomes_slow_is_given_up(steady: Callable[[list[tuple[float, int]]], Steady]) -> None:
    made = steady([(1.0, 10**9), (31.0, 1), (50.0, 1), (62.0, 1)])
    for _ in range(3):
        made.readinto(bytearray(1))
    with pytest.raises(TimeoutError, match="slower than 1,000 bytes a second"):
        made.readinto(bytearray(1))
