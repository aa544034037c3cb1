"""Round trips, vocabularies, placeholders and what attention restores of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll import text
from unroll.corpus import normalize
from unroll.errors import DataError, IntegrityError
from unroll.params import Tokenize
from unroll.text import JOINER, Tokenizer, WordTokenizer, restore

SENTENCES = [
    "I drink milk.",
    "You drink water, don't you?",
    "She has 3.5 dogs.",
    "¿Dónde está la leche?",
    "Él bebe leche.",
    "See https://example.org/a.",
    'He said: "No!"',
    "It's 8:30 now.",
    "We live in a small house.",
    "Bebo agua.",
] * 3


def train(kind: str, vocab_size: int = 350, lowercase: bool = False) -> Tokenizer:
    return text.train(iter(SENTENCES), Tokenize(kind=kind, joint=True, vocab_size=vocab_size, lowercase=lowercase))


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {kind: train(kind) for kind in text.TRAINERS}


anything = st.text(max_size=40).map(lambda raw: normalize(raw, "NFC"))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
@given(sentence=anything)
@settings(max_examples=150, deadline=None)
def test_subwords_come_back_exactly(kind: str, tokenizers: dict[str, Tokenizer], sentence: str) -> None:
    ids = tokenizers[kind].encode([sentence])[0]
    assert tokenizers[kind].decode(ids) == sentence
    assert len(tokenizers[kind].tokens(sentence)) == len(ids)


@given(sentence=anything)
def test_words_come_back_exactly_from_their_surfaces(tokenizers: dict[str, Tokenizer], sentence: str) -> None:
    if JOINER not in sentence:
        words = tokenizers["word"]
        assert words.join(words.tokens(sentence)) == sentence
        assert len(words.tokens(sentence)) == len(words.encode([sentence])[0])


def test_words_follow_the_lecture(tokenizers: dict[str, Tokenizer]) -> None:
    words = tokenizers["word"]
    ids = words.encode(["He has 42 zebras, see www.zoo.org/z."])[0]
    assert [words.vocabulary[i] for i in ids] == [
        "He",
        "has",
        "[NUM]",
        "[UNK]",
        f"{JOINER},",
        "[UNK]",
        "[URL]",
        f"{JOINER}.",
    ]


def test_a_vocabulary_holds_the_most_frequent_words() -> None:
    texts = ["a a a b b c", "a b d"]
    words = text.train(
        iter(texts), Tokenize(kind="word", joint=True, vocab_size=WordTokenizer.special + 2, lowercase=False)
    )
    assert words.vocabulary[WordTokenizer.special :] == ["a", "b"]


@pytest.mark.parametrize("kind", text.TRAINERS)
def test_special_ids_stand_where_they_must(kind: str, tokenizers: dict[str, Tokenizer]) -> None:
    assert tokenizers[kind].vocabulary[:4] == ["<pad>", "<go>", "<eos>", "[UNK]"]
    used = {index for row in tokenizers[kind].encode(SENTENCES) for index in row}
    assert not used & {text.PAD, text.GO, text.EOS}


@pytest.mark.parametrize("kind", text.TRAINERS)
def test_a_saved_tokenizer_is_the_same_one(kind: str, tokenizers: dict[str, Tokenizer], tmp_path: Path) -> None:
    tokenizers[kind].save(tmp_path, "source")
    again = text.load(tmp_path, "source")
    assert again.vocabulary == tokenizers[kind].vocabulary
    assert again.encode(SENTENCES) == tokenizers[kind].encode(SENTENCES)
    again.save(tmp_path, "target")
    names = sorted(path.name for path in tmp_path.iterdir())
    for name in names[: len(names) // 2]:
        assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("source", "target")).read_bytes()


@pytest.mark.parametrize("kind", ["bpe", "unigram", "word"])
def test_training_twice_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    for side in ("source", "target"):
        train(kind).save(tmp_path, side)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert all(content == files[name.replace("source", "target")] for name, content in files.items())


@pytest.mark.parametrize("kind", text.TRAINERS)
def test_lower_case_if_asked_for(kind: str) -> None:
    folded = train(kind, lowercase=True)
    assert folded.decode(folded.encode(["I DRINK MILK."])[0]) == "i drink milk."


def test_too_few_texts_for_the_pieces_is_one_clear_line() -> None:
    with pytest.raises(DataError, match="vocab_size"):
        text.train(iter([]), Tokenize(kind="bpe", joint=True, vocab_size=300, lowercase=False))


@pytest.mark.parametrize("content", ["", "{}", '{"family": "subword", "lowercase": false}', '{"family": "x"}', "[]"])
def test_a_broken_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "source.tokenizer.json").write_text(content)
    (tmp_path / "source.model").write_bytes(b"not a model")
    with pytest.raises(IntegrityError, match="tokenizer"):
        text.load(tmp_path, "source")


def test_ids_written_are_the_ids_read(tokenizers: dict[str, Tokenizer], tmp_path: Path) -> None:
    sentences = ["", *SENTENCES, "", "Bebo."]
    text.write_ids(tmp_path, "train", "source", tokenizers["bpe"], iter(sentences))
    ids = text.open_ids(tmp_path, "train", "source")
    assert [ids[row].tolist() for row in range(len(ids))] == tokenizers["bpe"].encode(sentences)


def test_no_text_at_all_can_be_written_and_read(tokenizers: dict[str, Tokenizer], tmp_path: Path) -> None:
    text.write_ids(tmp_path, "valid", "source", tokenizers["word"], iter([]))
    assert len(text.open_ids(tmp_path, "valid", "source")) == 0


def test_placeholders_become_the_words_that_attention_points_at() -> None:
    source, surfaces = (
        ["Tom", "[NUM]", "[UNK]", "[URL]", f"{JOINER}."],
        ["Tom", "42", "Xanadu", "www.x.org", f"{JOINER}."],
    )
    weights = np.array(
        [
            [0.1, 0.1, 0.7, 0.05, 0.05],  # [UNK] looks at Xanadu
            [0.1, 0.1, 0.7, 0.05, 0.05],  # [NUM] looks there too, but there is one number
            [0.9, 0.0, 0.0, 0.05, 0.05],  # so does [URL]
            [0.9, 0.0, 0.0, 0.0, 0.1],  # a known word stays
        ]
    )
    target = ["[UNK]", f"{JOINER}[NUM]", "[URL]", "vive"]
    assert restore(target, source, surfaces, weights) == ["Xanadu", f"{JOINER}42", "www.x.org", "vive"]
