"""Round trips, vocabularies, placeholders, and files from which the same tokenizer comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data import tokenizers
from unroll.data.ids import EOS, GO, PAD, SPECIAL, UNK
from unroll.data.normal import normalize
from unroll.data.tokenizers import JOINER, LabelTokenizer, SpaceTokenizer, Tokenizer, VectorReader, WordTokenizer
from unroll.errors import DataError, IntegrityError
from unroll.params.tokenize import Labels, Pieces, Vectors

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
PIECES = ("word", "space", "bpe", "unigram", "char")
TOKENS = (*PIECES, "label")


def train(kind: str, vocab_size: int = 350, lowercase: bool = False) -> Tokenizer:
    learnt = tokenizers.train(iter(SENTENCES), Pieces(kind=kind, vocab_size=vocab_size, lowercase=lowercase))  # type: ignore[arg-type]
    assert isinstance(learnt, Tokenizer)
    return learnt


def labels(*texts: str) -> LabelTokenizer:
    return LabelTokenizer.train(iter(texts), Labels(kind="label"))


def vectors(width: int) -> VectorReader:
    return VectorReader.train(iter([]), Vectors(kind="vectors", width=width, scale=None))


@pytest.fixture(scope="module")
def made() -> dict[str, Tokenizer]:
    return {kind: train(kind) for kind in PIECES} | {"label": labels(*SENTENCES)}


anything = st.text(max_size=40).map(lambda raw: normalize(raw, "NFC"))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
@given(sentence=anything)
@settings(max_examples=150, deadline=None)
def test_subwords_come_back_exactly(kind: str, made: dict[str, Tokenizer], sentence: str) -> None:
    ids = made[kind].encode([sentence])[0]
    assert made[kind].decode(ids) == sentence
    assert len(made[kind].tokens(sentence)) == len(ids)


@given(sentence=anything)
def test_words_come_back_exactly_from_their_surfaces(made: dict[str, Tokenizer], sentence: str) -> None:
    if JOINER not in sentence:
        words = made["word"]
        assert words.join(words.tokens(sentence)) == sentence
        assert len(words.tokens(sentence)) == len(words.encode([sentence])[0])


def test_every_kind_of_params_is_learnt_and_tried() -> None:
    assert tokenizers.TRAINERS.keys() == {*TOKENS, "suffix", "treebank", "vectors"}


@given(pieces=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1), max_size=9))
def test_known_tokens_between_spaces_come_back_exactly(pieces: list[str]) -> None:
    spaces = SpaceTokenizer([*SpaceTokenizer.RESERVED, *sorted({*pieces} - {*SPECIAL})], lowercase=False)
    sentence = " ".join(piece for piece in pieces if piece not in SPECIAL)
    assert spaces.decode(spaces.encode([sentence])[0]) == sentence
    assert len(spaces.tokens(sentence)) == len(spaces.encode([sentence])[0])


def test_tokens_between_spaces_are_ranked_and_the_rest_is_unknown() -> None:
    spaces = tokenizers.train(
        iter(["b , b a", "a <eos> c [UNK]", "don't"]), Pieces(kind="space", vocab_size=8, lowercase=False)
    )
    assert spaces.vocabulary == [*SPECIAL, "a", "b", ",", "c"]
    assert spaces.decode(spaces.encode(["a , don't"])[0]) == "a , [UNK]"
    assert spaces.tokens("a , don't") == ["a", ",", "don't"]
    silent = spaces.encode(["<pad> <go> <eos> [UNK]"])[0]
    assert silent == [UNK] * 4, "a text that spells a silent piece does not mean it"


@given(texts=st.lists(anything, max_size=20), unseen=anything)
def test_a_label_is_a_whole_text(texts: list[str], unseen: str) -> None:
    learnt = labels(*texts)
    assert len(learnt) == len(SPECIAL) + len(set(texts))
    for label, ids in zip(texts, learnt.encode(texts), strict=True):
        assert len(ids) == 1
        assert ids[0] >= learnt.special
        assert learnt.decode(ids) == label
        assert learnt.tokens(label) == [label]
    if unseen not in texts:
        assert learnt.encode([unseen]) == [[UNK]]


def test_labels_are_ranked_and_the_empty_text_is_one_of_them(tmp_path: Path) -> None:
    learnt = labels("two words", "", "", "<pad>", "[UNK]", "b", "b", "b")
    assert learnt.vocabulary == [*SPECIAL, "b", "", "<pad>", "[UNK]", "two words"]
    learnt.save(tmp_path, "target")
    again = tokenizers.load(tmp_path, "target")
    assert isinstance(again, LabelTokenizer)
    assert (
        again.encode(["", "<pad>", "[UNK]", "new"])
        == learnt.encode(["", "<pad>", "[UNK]", "new"])
        == [[5], [6], [7], [3]]
    )
    assert again.decode([5]) == ""


def test_texts_that_are_too_many_for_labels_are_refused() -> None:
    with pytest.raises(DataError, match=r"70,000 distinct labels, of at most 65,532"):
        labels(*map(str, range(70_000)))


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_vectors_are_the_numbers_of_the_text(rows: list[list[float]]) -> None:
    written = "; ".join(" ".join(map(repr, row)) for row in rows)
    reader = vectors(len(rows[0]))
    found = reader.encode([written])[0]
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    assert found.tolist() == rows
    assert reader.tokens(written) == [str(n + 1) for n in range(len(rows))]
    assert len(reader) == 0


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1 2; 3", r"vector 2 of '1 2; 3': has 1 numbers where 2 are needed"),
        ("1 2; 3 x", r"vector 2 of '1 2; 3 x': not a row of finite numbers"),
        ("nan 2", r"vector 1 of 'nan 2': not a row of finite"),
        ("1 inf", r"vector 1 .*not a row of finite"),
        ("1 1e39", r"vector 1 .*not a row of finite"),
        ("", r"vector 1 of '': has 0 numbers"),
        ("1 2;", r"vector 2 .*has 0 numbers"),
    ],
)
def test_what_is_no_vector_is_one_line(written: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        vectors(2).encode(["0 0", written])


def test_a_reader_of_vectors_only_reads_and_comes_back(tmp_path: Path) -> None:
    vectors(3).save(tmp_path, "source")
    again = tokenizers.load(tmp_path, "source")
    assert isinstance(again, VectorReader)
    assert again.width == 3
    assert not isinstance(again, Tokenizer)
    assert not any(hasattr(again, name) for name in ("vocabulary", "join", "decode"))


def test_words_follow_the_lecture(made: dict[str, Tokenizer]) -> None:
    words = made["word"]
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
    words = tokenizers.train(iter(texts), Pieces(kind="word", vocab_size=WordTokenizer.special + 2, lowercase=False))
    assert words.vocabulary[WordTokenizer.special :] == ["a", "b"]


@pytest.mark.parametrize("kind", TOKENS)
def test_special_ids_stand_where_they_must(kind: str, made: dict[str, Tokenizer]) -> None:
    assert made[kind].vocabulary[:4] == ["<pad>", "<go>", "<eos>", "[UNK]"]
    used = {index for row in made[kind].encode(SENTENCES) for index in row}
    assert not used & {PAD, GO, EOS}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_saved_tokenizer_is_the_same_one(kind: str, made: dict[str, Tokenizer], tmp_path: Path) -> None:
    made[kind].save(tmp_path, "source")
    again = tokenizers.load(tmp_path, "source")
    assert again.vocabulary == made[kind].vocabulary
    assert again.encode(SENTENCES) == made[kind].encode(SENTENCES)
    again.save(tmp_path, "target")
    names = sorted(path.name for path in tmp_path.iterdir())
    for name in names[: len(names) // 2]:
        assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("source", "target")).read_bytes()


@pytest.mark.parametrize("kind", ["bpe", "unigram", "word", "space"])
def test_training_twice_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    for side in ("source", "target"):
        train(kind).save(tmp_path, side)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert all(content == files[name.replace("source", "target")] for name, content in files.items())


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_threads_that_count_change_no_piece(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    many = train(kind)
    monkeypatch.setattr(tokenizers, "COUNTING", 1)
    assert train(kind).vocabulary == many.vocabulary


@pytest.mark.parametrize("kind", PIECES)
def test_lower_case_if_asked_for(kind: str) -> None:
    folded = train(kind, lowercase=True)
    assert folded.decode(folded.encode(["I DRINK MILK."])[0]) == "i drink milk."


def test_too_few_texts_for_the_pieces_is_one_clear_line() -> None:
    with pytest.raises(DataError, match="vocab_size"):
        tokenizers.train(iter([]), Pieces(kind="bpe", vocab_size=300, lowercase=False))


@pytest.mark.parametrize("content", ["", "{}", '{"family": "subword", "lowercase": false}', '{"family": "x"}', "[]"])
def test_a_broken_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "source.tokenizer.json").write_text(content)
    (tmp_path / "source.model").write_bytes(b"not a model")
    with pytest.raises(IntegrityError, match="tokenizer"):
        tokenizers.load(tmp_path, "source")


TREC = [
    ("What 's an atom ?", "What's an atom?"),
    ("Why do n't they say `` no '' ?", 'Why don\'t they say "no"?'),
    ("He 'll pay 1,000 , I 'm sure .", "He’ll pay 1,000, I’m sure."),
    ("Who is J.F.K. 's mother-in-law ?", "Who is J.F.K.'s mother-in-law?"),
]


@pytest.mark.parametrize(("spaced", "typed"), TREC)
def test_the_treebanks_words_are_the_same_typed_or_spaced(spaced: str, typed: str) -> None:
    texts = [text for pair in TREC for text in pair]
    words = tokenizers.train(iter(texts), Pieces(kind="treebank", vocab_size=60, lowercase=True))
    first, second = words.encode([spaced, typed])
    assert first == second
    assert UNK not in first
    assert len(words.tokens(typed)) == len(first)


RARE = ["barking", "talking", "walking", "working", "zorbing", "Aden", "Eden", "Oden", "Uden", "Yden"]


def suffixes(texts: list[str], vocab_size: int = 40) -> Tokenizer:
    found = tokenizers.train(texts, Pieces(kind="suffix", vocab_size=vocab_size, lowercase=False))
    assert isinstance(found, Tokenizer)
    return found


def pieces_of(reader: Tokenizer, text: str) -> list[str]:
    return [reader.vocabulary[index] for index in reader.encode([text])[0]]


def test_a_word_that_train_lacks_is_told_by_the_longest_end_that_rare_words_share() -> None:
    words = suffixes(["we go", "we go", *RARE])
    assert pieces_of(words, "we skiing going sat Emden Emdes 7up") == [
        "we", "[UNK] x -ing", "[UNK] x -ing", "[UNK] x", "[UNK] Xx -den", "[UNK] Xx", "[UNK]",
    ]  # fmt: skip
    assert words.tokens("we skiing") == ["we", "skiing"]


def test_a_word_that_occurs_once_is_no_piece_of_its_own_so_that_training_meets_its_end() -> None:
    words = suffixes(["we go", "we go", *RARE])
    assert not set(RARE) & set(words.vocabulary)
    assert pieces_of(words, "zorbing") == pieces_of(words, "skiing")


def test_ends_leave_two_thirds_of_a_vocabulary_to_words() -> None:
    words = suffixes([*["a b c d e f g h"] * 2, *RARE], vocab_size=16)
    assert len(words.vocabulary) == 16
    assert sum(" " in piece for piece in words.vocabulary) == 4


def test_ends_come_back_from_a_folder(tmp_path: Path) -> None:
    words = suffixes(["we go", "we go", *RARE])
    words.save(tmp_path, "source")
    assert tokenizers.load(tmp_path, "source").encode(["we skiing"]) == words.encode(["we skiing"])
