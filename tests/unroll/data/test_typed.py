"""Typed text becomes the sentences that a model knows, and what it says becomes the answer to what was typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data import typed
from unroll.data.casing import MARKS
from unroll.data.copying import PLACEHOLDERS
from unroll.data.typed import LONGEST, Normalizer, Sentence
from unroll.params.tokenize import Typed

ROWS = [
    ("Where is the station?", "¿Dónde está la estación?"),
    ("I know that Tom is in the house.", "Sé que Tom está en la casa."),
    ("I know Tom.", "Conozco a Tom."),
    ("Does Tom know that the milk is here? Hello, you.", "¿Sabe Tom que la leche está aquí? Hola."),
    ("My house, my milk and I don't know what you drink.", "Mi casa, mi leche y no sé qué bebes."),
] * 40 + [("We know Ouagadougou.", "Conocemos Ouagadougou.")]


def normalizer(**changes: Any) -> Normalizer:
    return Normalizer.learn(Typed(**{"sentences": "en", "case": True, "copied": True} | changes), ROWS)


def read(text: str, **changes: Any) -> list[str]:
    return [part if isinstance(part, str) else f"<{part.text}>" for part in normalizer(**changes).parts(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Where is the station?", ["<where is the station?>"]),
        ("where is the station", ["<⇩ where is the station>"]),
        ("WHERE IS TOM?", ["<where is ⇧ tom?>"]),
        ("Where Is The Station", ["<where is the station>"]),
        ("i know tom", ["<i know ⇧ tom>"]),
        ("Hello. Where is Tom?  I know!", ["<hello.>", " ", "<where is ⇧ tom?>", "  ", "<i know!>"]),
        ("Hello!Where is Tom", ["<hello!>", " ", "<where is ⇧ tom>"]),
        ("Hello\n\n- you know\n1. Hello", ["<hello>", "\n\n", "- ", "<⇩ you know>", "\n", "1. ", "<hello>"]),
        ("<p>Hello <b>Tom</b></p>", ["<p>", "<hello>", " ", "<b>", "<tom>", "</b>", "</p>"]),
        ("Hello... You?!", ["<hello>", "... ", "<you?>"]),
        ("wehre is the statoin", ["<⇩ where is the station>"]),
        ("i dont know", ["<i don't know>"]),
        ("“Hello” , you", ['<"hello", you>']),
        ("Guten Morgen, wie geht es dir?", ["Guten Morgen, wie geht es dir?"]),
        ("12:30", ["12:30"]),
        ("😀 !!", ["😀 !!"]),
        ("", []),
        ("   ", ["   "]),
    ],
)
def test_a_text_is_parted_and_read(text: str, parts: list[str]) -> None:
    assert read(text) == parts


def test_what_is_not_wanted_is_not_done() -> None:
    text = "WHERE IS TOM? I know bob@x.org"
    assert read(text, sentences=None) == ["<where is ⇧ tom? i know ⟨x1⟩>"] or len(read(text, sentences=None)) == 1
    assert read("Where is TOM?", case=False) == ["<Where is TOM?>"]
    assert read("I know bob@x.org", copied=False) == ["<i know bob@x.org>"]


@given(st.text(max_size=80).map(lambda text: " ".join(text.split())))
def test_nothing_between_sentences_is_lost(text: str) -> None:
    parts = normalizer().parts(text)
    spelled = "".join(part if isinstance(part, str) else part.raw for part in parts)
    assert spelled.replace(" ", "") == text.replace(" ", "")


def test_a_long_sentence_is_parted_at_a_comma_or_between_words() -> None:
    words = ["know"] * (2 * LONGEST)
    parted = [*typed.shortened(" ".join(words))]
    assert [len(part.split()) for part in parted] == [LONGEST, LONGEST]
    words[LONGEST - 6] = "know,"
    assert len(next(typed.shortened(" ".join(words))).split()) == LONGEST - 5
    assert "".join(typed.shortened(" ".join(words))) == " ".join(words)


@pytest.mark.parametrize(
    ("text", "said", "answer"),
    [
        ("where is Zbigniew", "⇩ dónde está ⟨a1⟩", "dónde está Zbigniew"),
        ("WHERE IS https://x.org/a", "dónde está ⟨x1⟩", "DÓNDE ESTÁ https://x.org/a"),
        ("Where is Tom?", "¿dónde está ⇧ tom?", "¿Dónde está Tom?"),
        ("Where is Tom?", "¿dónde está ⟨a1⟩?", "¿Dónde está ?"),
    ],
)
def test_an_answer_is_given_as_it_was_asked_for(text: str, said: str, answer: str) -> None:
    reads = normalizer()
    (sentence,) = reads.parts(text)
    assert isinstance(sentence, Sentence)
    assert reads.answer(said, sentence) == answer


def test_a_pair_is_read_as_what_is_typed_is() -> None:
    reads = normalizer()
    assert reads.pair("Where is Ouagadougou?", "¿Dónde está Ouagadougou?") == (
        "where is ⟨a1⟩?",
        "¿dónde está ⟨a1⟩?",
    )
    (sentence,) = reads.parts("Where is Ouagadougou?")
    assert isinstance(sentence, Sentence)
    assert sentence.text == "where is ⟨a1⟩?"
    assert reads.pair("I know Tom.", "Conozco a Tom.") == ("i know ⇧ tom.", "conozco a ⇧ tom.")
    chance = np.random.default_rng(1)
    assert any("⟨" in reads.pair("I know Tom.", "Conozco a Tom.", chance, 0.9)[0] for _ in range(9))


def test_names_that_are_rare_and_alike_are_unknown_and_frequent_ones_known() -> None:
    words = normalizer().words
    assert "Tom" in words
    assert "Ouagadougou" not in words


def test_its_words_come_back_from_a_folder(tmp_path: Path) -> None:
    reads = normalizer()
    reads.save(tmp_path)
    again = typed.load(tmp_path, reads.params)
    assert again is not None
    assert again.words.ranked == reads.words.ranked
    assert typed.load(tmp_path, None) is None


def test_symbols_are_what_no_tokenizer_may_part() -> None:
    assert {"⇧", "▁⇧", "⟨a1⟩", "▁⟨a1⟩"} <= set(normalizer().symbols)
    assert not set(PLACEHOLDERS) & set(normalizer(copied=False).symbols)
    assert not set(MARKS) & set(normalizer(case=False).symbols)


HOSTILE = ("a.", "a-", "1,", "_a", "'a", "<a", "Aa", "@", "a@", "&a", "1 ", "- ", "a/", "x\n", "zq ", ". ", "!", "⟨")


@pytest.mark.parametrize("part", HOSTILE)
def test_what_is_written_to_keep_it_busy_is_read_through(part: str) -> None:
    text = part * (20_000 // len(part))
    parts = normalizer().parts(text)
    assert "".join(part if isinstance(part, str) else part.raw for part in parts).replace(" ", "") == text.replace(
        " ", ""
    )
