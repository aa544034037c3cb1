"""Text <-> tokens <-> ids, and the memory-mapped arrays in which the ids of a corpus lie.

The families share one interface: sentencepiece's subwords (`bpe`, `unigram`, `char`), whose round trip is exact; the
lecture's words, what stands between spaces, and whole texts as labels, whose round trip is exact up to placeholders
such as `[UNK]`; and vectors, which are numbers already and are only read.
"""

from __future__ import annotations

import io
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from unroll.errors import DataError, IntegrityError
from unroll.params import Labels, Pieces, Vectors

PAD, GO, EOS, UNK = range(4)
SPECIAL = ["<pad>", "<go>", "<eos>", "[UNK]"]
JOINER = "￭"
"""Stands before a word token that no space precedes, so that detokenization needs no rules."""

ID_DTYPE = np.dtype("<u2")
VALUE_DTYPE = np.dtype("<f4")
OFFSET_DTYPE = np.dtype("<i8")
CHUNK = 10_000
COUNTING = 2
"""Threads that count for `bpe` and `char`; `unigram` adds fractions, whose order more than one would change."""

Params = Pieces | Labels | Vectors
Items = Sequence[int] | np.ndarray
"""one row of ids, or of vectors: n x width"""


class Tokenizer(ABC):
    """Text <-> ids of one language.

    Attributes:
        vocabulary: the piece of each id; the first `special` ids are never part of a text.
        suffix: of the file in which `write_ids` puts items.
        dtype: of an item there.
    """

    suffix = "ids"
    dtype: np.dtype = ID_DTYPE
    vocabulary: list[str]
    special: int
    lowercase: bool

    def __len__(self) -> int:
        return len(self.vocabulary)

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Sequence[Items]:
        """Return the ids of each text, without an end mark."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """Return the surface of each token of `text`: as many as `encode` gives ids."""

    @abstractmethod
    def join(self, pieces: Sequence[str]) -> str:
        """Return the text that pieces spell."""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text that ids spell; `<pad>`, `<go>` and `<eos>` are silent."""
        return self.join([self.vocabulary[index] for index in ids if index >= UNK])

    @abstractmethod
    def save(self, folder: Path, side: str) -> None:
        """Write the files from which `load` rebuilds this tokenizer."""

    def _case(self, text: str) -> str:
        return text.lower() if self.lowercase else text


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
    def train(cls, texts: Iterable[str], params: Pieces) -> SubwordTokenizer:
        """Learn pieces from texts; the vocabulary is smaller than asked for where the texts do not yield enough."""
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
        return self.processor.encode([self._case(text) for text in texts])

    def tokens(self, text: str) -> list[str]:
        return self.processor.encode(self._case(text), out_type=str)

    def join(self, pieces: Sequence[str]) -> str:
        return self.processor.decode_pieces(list(pieces))

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

    def __init__(self, vocabulary: list[str], lowercase: bool) -> None:
        self.vocabulary, self.lowercase = vocabulary, lowercase
        # A text that spells `<pad>` or another silent piece does not mean it.
        self.index = {piece: index for index, piece in enumerate(vocabulary) if index >= UNK}

    @classmethod
    def train(cls, texts: Iterable[str], params: Pieces) -> ListTokenizer:
        """Keep the most frequent pieces; those of equal frequency in alphabetical order."""
        blank = cls(list(cls.RESERVED), params.lowercase)
        counts = Counter(piece for text in texts for piece, _ in blank.split(text))
        for piece in cls.RESERVED:
            counts.pop(piece, None)
        return cls([*cls.RESERVED, *_ranked(counts)[: params.vocab_size - cls.special]], params.lowercase)

    @abstractmethod
    def split(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield each token as (piece, surface): they differ where the piece is a placeholder."""

    def _id(self, piece: str) -> int:
        return self.index.get(piece, UNK)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[self._id(piece) for piece, _ in self.split(text)] for text in texts]

    def tokens(self, text: str) -> list[str]:
        return [surface for _, surface in self.split(text)]

    def save(self, folder: Path, side: str) -> None:
        config = {"family": self.family, "lowercase": self.lowercase, "vocabulary": self.vocabulary}
        _save_config(folder, side, config)

    @classmethod
    def from_folder(cls, folder: Path, side: str, config: dict[str, Any]) -> ListTokenizer:
        """Rebuild from the file of `save`."""
        return cls(config["vocabulary"], config["lowercase"])


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda piece: (-counts[piece], piece))


class WordTokenizer(ListTokenizer):
    """The lecture's words: known ones by frequency, `[NUM]` and `[URL]` for numbers and addresses, else `[UNK]`.

    A letter sequence with inner apostrophes is a word, every other visible character is one. A token that no space
    precedes carries `JOINER`. The round trip is exact but for the placeholders and for a `JOINER` in the text itself.
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


class SpaceTokenizer(ListTokenizer):
    """What stands between spaces, for texts that somebody has tokenized: known tokens by frequency, else `[UNK]`."""

    family = "space"

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        return ((piece, piece) for piece in self._case(text).split())

    def join(self, pieces: Sequence[str]) -> str:
        return " ".join(pieces)


class LabelTokenizer(ListTokenizer):
    """A whole text is one token, the empty text too; one that training did not show is `[UNK]`."""

    family = "label"

    @classmethod
    def learn(cls, texts: Iterable[str], _: Labels) -> LabelTokenizer:
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
        return cls([*cls.RESERVED, *labels], lowercase=False)

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        yield text, text

    def join(self, pieces: Sequence[str]) -> str:
        return "".join(pieces)


class VectorReader(Tokenizer):
    """Vectors written as text: numbers parted by spaces, vectors by semicolons. They have no ids and no vocabulary."""

    suffix = "values"
    dtype = VALUE_DTYPE
    special = 0
    lowercase = False

    def __init__(self, width: int) -> None:
        self.vocabulary, self.width = [], width

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

    def join(self, pieces: Sequence[str]) -> str:
        raise NotImplementedError("vectors are read, never said")

    def save(self, folder: Path, side: str) -> None:
        _save_config(folder, side, {"family": "vectors", "width": self.width})

    @classmethod
    def from_folder(cls, folder: Path, side: str, config: dict[str, Any]) -> VectorReader:
        """Rebuild from the file of `save`."""
        return cls(config["width"])


def finite(cells: Sequence[str] | Sequence[bytes], where: str) -> np.ndarray:
    """Return numbers that were read as text.

    Raises:
        DataError: one of them is no number, or not finite as a float32.
    """
    try:
        with np.errstate(over="ignore"):
            numbers = np.array(cells, dtype=np.float32)
    except ValueError:
        numbers = np.array([np.nan], np.float32)
    if not np.isfinite(numbers).all():
        raise DataError(f"{where}: not a row of finite numbers; mend or remove it")
    return numbers


Family = type[SubwordTokenizer] | type[ListTokenizer] | type[VectorReader]
FAMILIES: dict[str, Family] = {
    "subword": SubwordTokenizer,
    "word": WordTokenizer,
    "space": SpaceTokenizer,
    "label": LabelTokenizer,
    "vectors": VectorReader,
}
TRAINERS: dict[str, Callable[[Iterable[str], Any], Tokenizer]] = {
    "word": WordTokenizer.train,
    "space": SpaceTokenizer.train,
    "bpe": SubwordTokenizer.train,
    "unigram": SubwordTokenizer.train,
    "char": SubwordTokenizer.train,
    "label": LabelTokenizer.learn,
    "vectors": VectorReader.train,
}


def train(texts: Iterable[str], params: Params) -> Tokenizer:
    """Learn the tokenizer of `params.kind` from texts in normal form.

    Raises:
        DataError: the texts cannot fill a vocabulary of this size, or are too many to be labels.
    """
    return TRAINERS[params.kind](texts, params)


def load(folder: Path, side: str) -> Tokenizer:
    """Rebuild the tokenizer of a side (`source` or `target`) from a folder that was verified.

    Raises:
        IntegrityError: its files do not make a tokenizer.
    """
    try:
        config = json.loads((folder / f"{side}.tokenizer.json").read_text(encoding="utf-8"))
        return FAMILIES[config["family"]].from_folder(folder, side, config)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise IntegrityError(f"{folder}: the {side} tokenizer cannot be loaded: {error}") from None


def restore(
    target_pieces: Sequence[str], source_pieces: Sequence[str], source_surfaces: Sequence[str], weights_TS: np.ndarray
) -> list[str]:
    """Replace placeholders in an output by the source words that attention points at (Luong 2015b).

    `[NUM]` and `[URL]` look at the source's own numbers and addresses first, if there are any.
    """
    restored = []
    for piece, weights_S in zip(target_pieces, weights_TS, strict=True):
        name = piece.removeprefix(JOINER)
        if name in WordTokenizer.PLACEHOLDERS and len(source_pieces):
            alike = [s for s, other in enumerate(source_pieces) if other.removeprefix(JOINER) == name]
            best = max(alike or range(len(source_pieces)), key=lambda s: weights_S[s])
            piece = piece[: -len(name)] + source_surfaces[best].removeprefix(JOINER)
        restored.append(piece)
    return restored


class Ids:
    """The items of one side of one split, memory-mapped: `ids` end to end, `offsets` where each row begins.

    The items of a `VectorReader` are no ids but vectors: `ids` is then N x width, and a row n x width.
    """

    def __init__(self, folder: Path, split: str, side: str) -> None:
        self.offsets = _map(folder / f"{split}.{side}.offsets", OFFSET_DTYPE)
        values = folder / f"{split}.{side}.values"
        if values.exists():
            flat = _map(values, VALUE_DTYPE)
            self.ids = flat.reshape(int(self.offsets[-1]), -1) if len(flat) else flat.reshape(0, 0)
        else:
            self.ids = _map(folder / f"{split}.{side}.ids", ID_DTYPE)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Return the number of items of each row, without an end mark."""
        return np.diff(self.offsets)


def open_ids(folder: Path, split: str, side: str) -> Ids:
    """Map the items that `write_ids` wrote."""
    return Ids(folder, split, side)


def write_ids(folder: Path, split: str, side: str, tokenizer: Tokenizer, texts: Iterable[str]) -> None:
    """Write the ids of texts, or their vectors, a chunk at a time, so memory does not grow with the corpus.

    Raises:
        DataError: as in `VectorReader.encode`.
    """
    texts, written = iter(texts), 0
    name = f"{split}.{side}"
    with (
        (folder / f"{name}.{tokenizer.suffix}").open("wb") as items,
        (folder / f"{name}.offsets").open("wb") as offsets,
    ):
        offsets.write(np.zeros(1, OFFSET_DTYPE).tobytes())
        while chunk := list(islice(texts, CHUNK)):
            rows = tokenizer.encode(chunk)
            ends = written + np.cumsum([len(row) for row in rows], dtype=OFFSET_DTYPE)
            offsets.write(ends.tobytes())
            items.write(_flat(rows, tokenizer.dtype).tobytes())
            written = int(ends[-1])


def _flat(rows: Sequence[Items], dtype: np.dtype) -> np.ndarray:
    return np.fromiter(chain.from_iterable(rows), dtype) if dtype == ID_DTYPE else np.concatenate(rows).astype(dtype)


def _map(path: Path, dtype: np.dtype) -> np.ndarray:
    # An empty file cannot be mapped. A plain view, because a memmap takes ten times as long to give a row.
    return np.asarray(np.memmap(path, dtype, mode="r")) if path.stat().st_size else np.empty(0, dtype)


def _save_config(folder: Path, side: str, config: dict[str, Any]) -> None:
    text = json.dumps(config, ensure_ascii=False, indent=0, sort_keys=True)
    (folder / f"{side}.tokenizer.json").write_text(text + "\n", encoding="utf-8", newline="")
