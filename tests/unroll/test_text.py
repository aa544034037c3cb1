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
from unroll.params import Labels, Pieces, Vectors
from unroll.text import JOINER, LabelTokenizer, SpaceTokenizer, Tokenizer, VectorReader, WordTokenizer, restore

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
    return text.train(iter(SENTENCES), Pieces(kind=kind, vocab_size=vocab_size, lowercase=lowercase))  # type: ignore[arg-type]


PIECES = ("word", "space", "bpe", "unigram", "char")
TOKENS = (*PIECES, "label")


def labels(*texts: str) -> Tokenizer:
    return text.train(iter(texts), Labels(kind="label"))


def vectors(width: int) -> Tokenizer:
    return text.train(iter([]), Vectors(kind="vectors", width=width))


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {kind: train(kind) for kind in PIECES} | {"label": labels(*SENTENCES)}


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


def test_every_kind_of_params_is_learnt_and_tried() -> None:
    assert text.TRAINERS.keys() == {*TOKENS, "vectors"}


@given(pieces=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1), max_size=9))
def test_known_tokens_between_spaces_come_back_exactly(pieces: list[str]) -> None:
    spaces = SpaceTokenizer([*SpaceTokenizer.RESERVED, *sorted({*pieces} - {*text.SPECIAL})], lowercase=False)
    sentence = " ".join(piece for piece in pieces if piece not in text.SPECIAL)
    assert spaces.decode(spaces.encode([sentence])[0]) == sentence
    assert len(spaces.tokens(sentence)) == len(spaces.encode([sentence])[0])


def test_tokens_between_spaces_are_ranked_and_the_rest_is_unknown() -> None:
    spaces = text.train(
        iter(["b , b a", "a <eos> c [UNK]", "don't"]), Pieces(kind="space", vocab_size=8, lowercase=False)
    )
    assert spaces.vocabulary == [*text.SPECIAL, "a", "b", ",", "c"]
    assert spaces.decode(spaces.encode(["a , don't"])[0]) == "a , [UNK]"
    assert spaces.tokens("a , don't") == ["a", ",", "don't"]
    silent = spaces.encode(["<pad> <go> <eos> [UNK]"])[0]
    assert silent == [text.UNK] * 4, "a text that spells a silent piece does not mean it"


@given(texts=st.lists(anything, max_size=20), unseen=anything)
def test_a_label_is_a_whole_text(texts: list[str], unseen: str) -> None:
    learnt = labels(*texts)
    assert len(learnt) == len(text.SPECIAL) + len(set(texts))
    for label, ids in zip(texts, learnt.encode(texts), strict=True):
        assert len(ids) == 1
        assert ids[0] >= learnt.special
        assert learnt.decode(ids) == label
        assert learnt.tokens(label) == [label]
    if unseen not in texts:
        assert learnt.encode([unseen]) == [[text.UNK]]


def test_labels_are_ranked_and_the_empty_text_is_one_of_them(tmp_path: Path) -> None:
    learnt = labels("two words", "", "", "<pad>", "[UNK]", "b", "b", "b")
    assert learnt.vocabulary == [*text.SPECIAL, "b", "", "<pad>", "[UNK]", "two words"]
    learnt.save(tmp_path, "target")
    again = text.load(tmp_path, "target")
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
def test_what_is_no_vector_is_one_line(written: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        vectors(2).encode(["0 0", written])
    with pytest.raises(DataError, match=message):
        text.write_ids(tmp_path, "train", "source", vectors(2), [written])


def mapped(items: text.Ids) -> bool:
    """Return whether items lie in their file, not in memory of the process."""
    owner = items.ids
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return isinstance(owner, np.memmap)


def test_vectors_are_written_mapped_and_reloaded(tmp_path: Path) -> None:
    reader = vectors(3)
    text.write_ids(tmp_path, "train", "source", reader, iter(["1 2 3; 4 5 6", "7 8 9.5"]))
    items = text.open_ids(tmp_path, "train", "source")
    assert mapped(items)
    assert items.ids.dtype == np.dtype("<f4")
    assert [items[row].tolist() for row in range(len(items))] == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9.5]]]
    assert items.lengths.tolist() == [2, 1]
    assert (tmp_path / "train.source.values").read_bytes() == np.array([1, 2, 3, 4, 5, 6, 7, 8, 9.5], "<f4").tobytes()
    text.write_ids(tmp_path, "valid", "source", reader, [])
    assert len(text.open_ids(tmp_path, "valid", "source")) == 0
    reader.save(tmp_path, "source")
    again = text.load(tmp_path, "source")
    assert isinstance(again, VectorReader)
    assert again.width == 3
    with pytest.raises(NotImplementedError):
        again.join(["1"])


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
    words = text.train(iter(texts), Pieces(kind="word", vocab_size=WordTokenizer.special + 2, lowercase=False))
    assert words.vocabulary[WordTokenizer.special :] == ["a", "b"]


@pytest.mark.parametrize("kind", TOKENS)
def test_special_ids_stand_where_they_must(kind: str, tokenizers: dict[str, Tokenizer]) -> None:
    assert tokenizers[kind].vocabulary[:4] == ["<pad>", "<go>", "<eos>", "[UNK]"]
    used = {index for row in tokenizers[kind].encode(SENTENCES) for index in row}
    assert not used & {text.PAD, text.GO, text.EOS}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_saved_tokenizer_is_the_same_one(kind: str, tokenizers: dict[str, Tokenizer], tmp_path: Path) -> None:
    tokenizers[kind].save(tmp_path, "source")
    again = text.load(tmp_path, "source")
    assert again.vocabulary == tokenizers[kind].vocabulary
    assert again.encode(SENTENCES) == tokenizers[kind].encode(SENTENCES)
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
    monkeypatch.setattr(text, "COUNTING", 1)
    assert train(kind).vocabulary == many.vocabulary


@pytest.mark.parametrize("kind", PIECES)
def test_lower_case_if_asked_for(kind: str) -> None:
    folded = train(kind, lowercase=True)
    assert folded.decode(folded.encode(["I DRINK MILK."])[0]) == "i drink milk."


def test_too_few_texts_for_the_pieces_is_one_clear_line() -> None:
    with pytest.raises(DataError, match="vocab_size"):
        text.train(iter([]), Pieces(kind="bpe", vocab_size=300, lowercase=False))


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
    assert mapped(ids)
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
