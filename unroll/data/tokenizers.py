"""Text <-> tokens <-> ids.

An `ItemReader` turns what people write into rows of items; a `Tokenizer` is one whose items are ids, so that it can
also say what ids spell. The families: sentencepiece's subwords (`bpe`, `unigram`, `char`), whose round trip is exact;
the lecture's words, what stands between spaces, and whole texts as labels, whose round trip is exact up to placeholders
such as `[UNK]`; and vectors, which are numbers already and are only read.
"""

from __future__ import annotations

import io
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unroll.data.ids import EOS, GO, ID_DTYPE, PAD, SPECIAL, UNK, VALUE_DTYPE, Items
from unroll.data.numbers import finite
from unroll.errors import DataError, IntegrityError
from unroll.params.tokenize import Labels, Pieces, Vectors

JOINER = "￭"
"""Stands before a word token that no space precedes, so that detokenization needs no rules."""
WORD_START = "▁"
"""Stands before a subword that a space precedes."""
COUNTING = 2
"""Threads that count for `bpe` and `char`; `unigram` adds fractions, whose order more than one would change."""

Params = Pieces | Labels | Vectors


class ItemReader(ABC):
    """Text -> rows of items of one side.

    Attributes:
        suffix: of the file in which `write_ids` puts items.
        dtype: of an item there.
    """

    suffix = "ids"
    dtype: np.dtype = ID_DTYPE

    def __len__(self) -> int:
        """Return how many ids there are."""
        return 0

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Sequence[Items]:
        """Return the items of each text, without an end mark."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """Return the surface of each item of `text`: as many as `encode` gives."""

    @abstractmethod
    def save(self, folder: Path, side: str) -> None:
        """Write the files from which `load` rebuilds it."""


class Tokenizer(ItemReader):
    """Text <-> ids of one language.

    Attributes:
        vocabulary: the piece of each id; the first `special` ids are never part of a text.
    """

    vocabulary: list[str]
    special: int

    def __len__(self) -> int:
        return len(self.vocabulary)

    @abstractmethod
    def join(self, pieces: Sequence[str]) -> str:
        """Return the text that pieces spell."""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text that ids spell; `<pad>`, `<go>` and `<eos>` are silent."""
        return self.join([self.vocabulary[index] for index in ids if index >= UNK])


class SubwordTokenizer(Tokenizer):
    """Pieces learnt by sentencepiece: `bpe` (Sennrich 2016), `unigram` (Kudo 2018) or `char`.

    What no piece covers is spelt in bytes, so every text in normal form comes back exactly (lower-cased if asked for).
    """

    special = len(SPECIAL)

    def __init__(self, model: bytes, lowercase: bool) -> None:
        from sentencepiece import SentencePieceProcessor

        self.model, self.lowercase = model, lowercase
        self.processor = SentencePieceProcessor(model_proto=model)
        self.vocabulary = [self.processor.id_to_piece(index) for index in range(self.processor.get_piece_size())]

    @classmethod
    def train(cls, texts: Iterable[str], params: Pieces, symbols: Sequence[str] = ()) -> SubwordTokenizer:
        """Learn pieces from texts; the vocabulary is smaller than asked for where the texts do not yield enough.

        Args:
            symbols: pieces that are never parted, whether the texts have them or not.
        """
        from sentencepiece import SentencePieceTrainer

        model = io.BytesIO()
        lines = (text.lower() if params.lowercase else text for text in texts)
        try:
            SentencePieceTrainer.train(
                sentence_iterator=lines,
                model_writer=model,
                model_type=params.kind,
                vocab_size=params.vocab_size,
                hard_vocab_limit=False,
                byte_fallback=True,
                character_coverage=0.9999,
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                pad_id=PAD,
                bos_id=GO,
                eos_id=EOS,
                unk_id=UNK,
                pad_piece=SPECIAL[PAD],
                bos_piece=SPECIAL[GO],
                eos_piece=SPECIAL[EOS],
                unk_piece=SPECIAL[UNK],
                user_defined_symbols=list(symbols),
                num_threads=1 if params.kind == "unigram" else COUNTING,
                minloglevel=2,
            )
        except RuntimeError as error:
            reason = str(error).split("]")[-1].strip() or str(error)
            raise DataError(
                f"tokenize: sentencepiece cannot learn {params.vocab_size} pieces here: {reason}; "
                "set tokenize.vocab_size to fit the corpus"
            ) from None
        return cls(model.getvalue(), params.lowercase)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = self.processor.encode([text.lower() if self.lowercase else text for text in texts])
        return found

    def tokens(self, text: str) -> list[str]:
        found: list[str] = self.processor.encode(text.lower() if self.lowercase else text, out_type=str)
        return found

    def join(self, pieces: Sequence[str]) -> str:
        return str(self.processor.decode_pieces(list(pieces)))

    def save(self, folder: Path, side: str) -> None:
        _save_config(folder, side, {"family": "subword", "lowercase": self.lowercase})
        (folder / f"{side}.model").write_bytes(self.model)

    @classmethod
    def from_folder(cls, folder: Path, side: str, config: dict[str, Any]) -> SubwordTokenizer:
        """Rebuild from the files of `save`."""
        return cls((folder / f"{side}.model").read_bytes(), config["lowercase"])


class ListTokenizer(Tokenizer):
    """Pieces found by a rule, known by a list of those seen in training: the rest is `[UNK]`."""

    family: str
    RESERVED: tuple[str, ...] = tuple(SPECIAL)
    special = len(RESERVED)

    def __init__(self, vocabulary: list[str]) -> None:
        self.vocabulary = vocabulary
        # A text that spells `<pad>` or another silent piece does not mean it.
        self.index = {piece: index for index, piece in enumerate(vocabulary) if index >= UNK}

    @abstractmethod
    def split(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield each token as (piece, surface): they differ where the piece is a placeholder."""

    def _id(self, piece: str) -> int:
        return self.index.get(piece, UNK)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[self._id(piece) for piece, _ in self.split(text)] for text in texts]

    def tokens(self, text: str) -> list[str]:
        return [surface for _, surface in self.split(text)]


class PieceTokenizer(ListTokenizer):
    """A list of the most frequent pieces, with letter case or without."""

    def __init__(self, vocabulary: list[str], lowercase: bool) -> None:
        super().__init__(vocabulary)
        self.lowercase = lowercase

    @classmethod
    def train(cls, texts: Iterable[str], params: Pieces) -> PieceTokenizer:
        """Keep the most frequent pieces; those of equal frequency in alphabetical order."""
        blank = cls(list(cls.RESERVED), params.lowercase)
        counts = Counter(piece for text in texts for piece, _ in blank.split(text))
        for piece in cls.RESERVED:
            counts.pop(piece, None)
        return cls([*cls.RESERVED, *_ranked(counts)[: params.vocab_size - cls.special]], params.lowercase)

    def save(self, folder: Path, side: str) -> None:
        config = {"family": self.family, "lowercase": self.lowercase, "vocabulary": self.vocabulary}
        _save_config(folder, side, config)

    @classmethod
    def from_folder(cls, folder: Path, side: str, config: dict[str, Any]) -> PieceTokenizer:
        """Rebuild from the file of `save`."""
        return cls(config["vocabulary"], config["lowercase"])

    def _case(self, text: str) -> str:
        return text.lower() if self.lowercase else text


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda piece: (-counts[piece], piece))


class WordTokenizer(PieceTokenizer):
    """The lecture's words: known ones by frequency, `[NUM]` and `[URL]` for numbers and addresses, else `[UNK]`.

    A letter sequence with inner apostrophes is a word, every other visible character is one. A token that no space
    precedes carries `JOINER`. The round trip is exact but for the placeholders and for a `JOINER` in the text itself.

    >>> words = WordTokenizer.train(["I drink milk."], Pieces(kind="word", vocab_size=20, lowercase=False))
    >>> [words.vocabulary[index] for index in words.encode(["I drink 3 teas."])[0]]
    ['I', 'drink', '[NUM]', '[UNK]', '￭.']
    """

    family = "word"
    PATTERN = re.compile(
        r"(?P<URL>(?:https?://|www\.)\S*[\w/])|(?P<NUM>\d+(?:[.,:]\d+)*)|[^\W\d_]+(?:['’][^\W\d_]+)*|\S"
    )
    PLACEHOLDERS = ("[UNK]", "[NUM]", "[URL]")
    RESERVED = (*SPECIAL[:UNK], *PLACEHOLDERS, *(f"{JOINER}[{name}]" for name in ("UNK", "NUM", "URL")))
    special = len(RESERVED)

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        text = self._case(text)
        end = -1
        for match in self.PATTERN.finditer(text):
            joiner = JOINER if match.start() == end else ""
            surface = joiner + match.group()
            yield (f"{joiner}[{match.lastgroup}]" if match.lastgroup else surface), surface
            end = match.end()

    def _id(self, piece: str) -> int:
        unknown = self.index[JOINER + "[UNK]"] if piece.startswith(JOINER) else UNK
        return self.index.get(piece, unknown)

    def join(self, pieces: Sequence[str]) -> str:
        spaced = "".join(piece[1:] if piece.startswith(JOINER) else f" {piece}" for piece in pieces)
        return spaced.removeprefix(" ")


class SpaceTokenizer(PieceTokenizer):
    """What stands between spaces, for texts that somebody has tokenized: known tokens by frequency, else `[UNK]`."""

    family = "space"

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        return ((piece, piece) for piece in self._case(text).split())

    def join(self, pieces: Sequence[str]) -> str:
        return " ".join(pieces)


class SuffixTokenizer(SpaceTokenizer):
    """What stands between spaces; a word that occurs once in train, or not at all, is told by its form and its end.

    So what a word does can be guessed though it was never seen: "Zorbing" begins with a capital and ends in -ing (the
    suffixes of Brants 2000, with the letter case of Weischedel 1993). The longest end counts that enough rare words of
    train have; the less is kept of a word, the more of them share a piece.

    >>> texts = ["we were walking, you were talking", "we were skiing, they sang", "we sing"]
    >>> words = SuffixTokenizer.train(texts * 2 + [f"{c}{c}ing" for c in "abcde"], Pieces(kind="suffix", vocab_size=20,
    ...     lowercase=False))
    >>> [words.vocabulary[index] for index in words.encode(["we were zorbing"])[0]]
    ['we', 'were', '[UNK] x -ing']
    """

    family = "suffix"
    LONGEST = 4
    """letters of an end"""
    FEWEST = 5
    """rare words of train that share a form, for it to become a piece"""

    @classmethod
    def train(cls, texts: Iterable[str], params: Pieces, symbols: Sequence[str] = ()) -> PieceTokenizer:
        """Keep the forms that enough rare words have, and of the words that recur as many as there is room for."""
        blank = cls(list(cls.RESERVED), params.lowercase)
        counts = Counter(piece for text in texts for piece, _ in blank.split(text))
        rare = [word for word, count in counts.items() if count == 1]
        shared = Counter(form for word in rare for form in _forms(word, cls.LONGEST))
        room = params.vocab_size - cls.special
        forms = [form for form in _ranked(shared) if shared[form] >= cls.FEWEST][: room // 3]
        known = Counter({word: count for word, count in counts.items() if count > 1 and word not in cls.RESERVED})
        return cls([*cls.RESERVED, *_ranked(known)[: room - len(forms)], *forms], params.lowercase)

    def _id(self, piece: str) -> int:
        found = self.index.get(piece)
        if found is None:
            found = next((self.index[form] for form in _forms(piece, self.LONGEST) if form in self.index), UNK)
        return found


def _forms(word: str, longest: int) -> list[str]:
    """Return what a word may be told by, the closest first; spaces tell them from words, which have none.

    >>> _forms("Zorbing", 3)
    ['[UNK] Xx -ing', '[UNK] Xx -ng', '[UNK] Xx -g', '[UNK] Xx']
    """
    letters = "X" if word.isupper() and len(word) > 1 else "Xx" if word[:1].isupper() else "x"
    signs = "".join(sign for sign, there in (("0", any(map(str.isdigit, word))), ("-", "-" in word[1:-1])) if there)
    form = f"[UNK] {letters}{signs}"
    return [*(f"{form} -{word[-n:].lower()}" for n in range(min(longest, len(word) - 1), 0, -1)), form]


class TreebankTokenizer(SpaceTokenizer):
    """Words as the Penn Treebank parts them, of texts that somebody has tokenized so and of typed ones alike.

    >>> [piece for piece, _ in TreebankTokenizer([], lowercase=False).split("Who's John? Don't say ``that ''!")]
    ['Who', "'s", 'John', '?', 'Do', "n't", 'say', '"', 'that', '"', '!']
    """

    family = "treebank"
    PATTERN = re.compile(
        r"(?:[^\W\d_]\.){2,}|\w+(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b|\d+(?:[.,:]\d+)*"
        r"|\w+(?:[-&/]\w+)*|(?P<quote>``|''|[\"“”„])|\S",
        re.IGNORECASE,
    )

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        for match in self.PATTERN.finditer(self._case(text)):
            piece = '"' if match.lastgroup else match.group().replace("’", "'")
            yield piece, piece


class LabelTokenizer(ListTokenizer):
    """A whole text is one token, the empty text too; one that training did not show is `[UNK]`."""

    family = "label"

    @classmethod
    def train(cls, texts: Iterable[str], _: Labels) -> LabelTokenizer:
        """Give every distinct text an id, by frequency, then by the alphabet.

        Raises:
            DataError: there are more of them than ids.
        """
        labels = _ranked(Counter(texts))
        most = np.iinfo(ID_DTYPE).max + 1 - cls.special
        if len(labels) > most:
            raise DataError(
                f"tokenize: {len(labels):,} distinct labels, of at most {most:,}; "
                "set tokenize kind 'word' or 'bpe' where texts are no labels"
            )
        return cls([*cls.RESERVED, *labels])

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        yield text, text

    def join(self, pieces: Sequence[str]) -> str:
        return "".join(pieces)

    def save(self, folder: Path, side: str) -> None:
        _save_config(folder, side, {"family": self.family, "lowercase": False, "vocabulary": self.vocabulary})

    @classmethod
    def from_folder(cls, folder: Path, side: str, config: dict[str, Any]) -> LabelTokenizer:
        """Rebuild from the file of `save`."""
        return cls(config["vocabulary"])


class VectorReader(ItemReader):
    """Vectors written as text: numbers parted by spaces, vectors by semicolons. They have no ids.

    >>> VectorReader(2).encode(["0 1; 0.5 2"])[0].tolist()
    [[0.0, 1.0], [0.5, 2.0]]
    """

    suffix = "values"
    dtype = VALUE_DTYPE

    def __init__(self, width: int) -> None:
        self.width = width

    @classmethod
    def train(cls, _: Iterable[str], params: Vectors) -> VectorReader:
        """Take the width; there is nothing to learn."""
        return cls(params.width)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the vectors of each text, n x width.

        Raises:
            DataError: says which vector has another width, or something that is no finite number.
        """
        return [self._vectors(text) for text in texts]

    def _vectors(self, text: str) -> np.ndarray:
        rows = []
        for number, part in enumerate(text.split(";"), start=1):
            where, cells = f"vector {number} of '{text[:40]}'", part.split()
            if len(cells) != self.width:
                raise DataError(
                    f"{where}: has {len(cells)} numbers where {self.width} are needed; "
                    "part numbers by spaces and vectors by ';'"
                )
            rows.append(finite(cells, where))
        return np.stack(rows)

    def tokens(self, text: str) -> list[str]:
        return [str(number) for number in range(1, text.count(";") + 2)]

    def save(self, folder: Path, side: str) -> None:
        _save_config(folder, side, {"family": "vectors", "width": self.width})

    @classmethod
    def from_folder(cls, folder: Path, side: str, config: dict[str, Any]) -> VectorReader:
        """Rebuild from the file of `save`."""
        return cls(config["width"])


Family = type[SubwordTokenizer] | type[PieceTokenizer] | type[LabelTokenizer] | type[VectorReader]
FAMILIES: dict[str, Family] = {
    "subword": SubwordTokenizer,
    "word": WordTokenizer,
    "space": SpaceTokenizer,
    "suffix": SuffixTokenizer,
    "treebank": TreebankTokenizer,
    "label": LabelTokenizer,
    "vectors": VectorReader,
}
TRAINERS: dict[str, Callable[[Iterable[str], Any], ItemReader]] = {
    "word": WordTokenizer.train,
    "space": SpaceTokenizer.train,
    "suffix": SuffixTokenizer.train,
    "treebank": TreebankTokenizer.train,
    "bpe": SubwordTokenizer.train,
    "unigram": SubwordTokenizer.train,
    "char": SubwordTokenizer.train,
    "label": LabelTokenizer.train,
    "vectors": VectorReader.train,
}


def train(texts: Iterable[str], params: Params, symbols: Sequence[str] = ()) -> ItemReader:
    """Learn the reader of `params.kind` from texts in normal form.

    Args:
        symbols: pieces that subwords are never parted in.
    Raises:
        DataError: the texts cannot fill a vocabulary of this size, or are too many to be labels.
    """
    if symbols and isinstance(params, Pieces):
        return SubwordTokenizer.train(texts, params, symbols)
    return TRAINERS[params.kind](texts, params)


def load(folder: Path, side: str) -> ItemReader:
    """Rebuild the reader of a side (`source` or `target`) from a folder that was verified.

    Raises:
        IntegrityError: its files do not make a tokenizer.
    """
    try:
        config = json.loads((folder / f"{side}.tokenizer.json").read_text(encoding="utf-8"))
        return FAMILIES[config["family"]].from_folder(folder, side, config)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise IntegrityError(f"{folder}: the {side} tokenizer cannot be loaded: {error}") from None


def _save_config(folder: Path, side: str, config: dict[str, Any]) -> None:
    text = json.dumps(config, ensure_ascii=False, indent=0, sort_keys=True)
    (folder / f"{side}.tokenizer.json").write_text(text + "\n", encoding="utf-8", newline="")
