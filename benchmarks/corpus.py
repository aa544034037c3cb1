"""The tokens of `translate` as text, which every peer can read: ids as numbers, a row on a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers import base
from unroll.data import tokenizers, typed
from unroll.data.ids import Ids
from unroll.data.rows import references
from unroll.data.tokenizers import Tokenizer
from unroll.data.typed import Normalizer, Sentence
from unroll.folders import Folders
from unroll.params import reading
from unroll.shapes import SIDES
from unroll.training import validation

PIPELINE = "translate"


def write(root: Path) -> None:
    """Write train, valid, the sources of test and the vocabulary, unless they are newer than the tokens."""
    folders, away = Folders(root, PIPELINE), folder(root)
    made, tokens = away / "vocabulary", folders.tokenized / "manifest.json"
    if not tokens.is_file():
        subprocess.run([sys.executable, "-m", "dvc", "repro", f"tokenize@{PIPELINE}"], cwd=root, check=True)
    if made.is_file() and made.stat().st_mtime > tokens.stat().st_mtime:
        return
    away.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid"):
        write_split(folders.tokenized, split, away, split)
    tokenizer, normalizer = tokenizers.load(folders.tokenized, "source"), reads(folders)
    pairs = references(folders.prepared / "test.tsv")
    write_rows(away / "test.source", tokenizer.encode([sentence.text for sentence in sentences(normalizer, pairs)]))
    targets = [targets[0] for targets in pairs.values()]
    if normalizer:
        targets = [normalizer.pair(source, target)[1] for source, target in zip(pairs, targets, strict=True)]
    write_rows(away / "test.target", tokenizer.encode(targets))
    write_vocabulary(tokenizer, away)


def folder(root: Path) -> Path:
    """Return where peers find what they read."""
    return base.corpus(str(root))


def write_split(tokenized: Path, split: str, away: Path, name: str) -> None:
    """Write both sides of a tokenized split, under another name."""
    for side in SIDES:
        ids = Ids(tokenized, split, side)
        write_rows(away / f"{name}.{side}", (ids[row] for row in range(len(ids))))


def write_vocabulary(tokenizer: Tokenizer, away: Path) -> None:
    """Write the ids that rows can have: last, for it says that all else is there."""
    write_rows(away / "vocabulary", ([index] for index in range(tokenizer.special, len(tokenizer))))


def write_rows(path: Path, rows: Iterable[Iterable[int]]) -> None:
    """Write ids, a row on a line."""
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))


def bleu(root: Path, answers: Path) -> float:
    """Return the BLEU of answers, ids as numbers, to the first sources of test, with all their references."""
    folders = Folders(root, PIPELINE)
    tokenizer, normalizer = tokenizers.load(folders.tokenized, "target"), reads(folders)
    pairs = references(folders.prepared / "test.tsv")
    texts = said(tokenizer, answers)
    if normalizer:
        asked = sentences(normalizer, pairs)
        texts = [normalizer.answer(text, sentence) for text, sentence in zip(texts, asked, strict=False)]
    return validation.bleu(texts, list(pairs.values())[: len(texts)])


def said(tokenizer: Tokenizer, answers: Path) -> list[str]:
    """Return answers, ids as numbers, as text."""
    return [tokenizer.decode(int(word) for word in line.split() if word.isdigit()) for line in answers.open()]


def reads(folders: Folders) -> Normalizer | None:
    """Return how the pipeline reads what is typed: who is measured reads and says what its model does."""
    return typed.load(folders.tokenized, reading.load(folders.root, PIPELINE).tokenize.typed)


def sentences(normalizer: Normalizer | None, sources: Iterable[str]) -> list[Sentence]:
    """Return sources as the model reads them, each as one sentence."""
    parts = [normalizer.sentence(source) if normalizer else source for source in sources]
    return [Sentence(part) if isinstance(part, str) else part for part in parts]
