"""What slips cost OpenNMT-py's small model beside ours: `python -m benchmarks.stress --minutes 8`.

It is trained twice on the rows of `translate`: as they are, and as ours reads them, with their noise. All are asked for
the same test rows with the same slips, by a beam of 5, and scored by what scores ours in every evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, cast

import typer

import unroll
from benchmarks import corpus
from benchmarks.common import BENCH, ROOT, Row, folder_of, measure, tell
from benchmarks.peers.base import Decoding, Training
from unroll.data import tokenizers
from unroll.data.rows import references
from unroll.data.tokenizers import Tokenizer
from unroll.data.tokenizing import tokenize
from unroll.data.typed import Normalizer, Sentence
from unroll.evaluate import stress
from unroll.evaluate.scores import answered
from unroll.folders import Folders
from unroll.params import reading
from unroll.predict.predictor import Predictor
from unroll.shapes import SIDES
from unroll.training.validation import bleu

PEER = "opennmt_small"
BATCH, LEARNING_RATE = 48, 4e-3
PROBE, WARMUP = 120, 20
"""updates of the training that tells how many fit into the minutes, and those of them that do not count"""
Figures = dict[str, float]


class PeerPredictor:
    """A peer's model, asked as one of ours: each call is a process that answers all its texts.

    Args:
        root: the folder with what the peer has read.
        model: the folder that its training left.
    """

    search = None

    def __init__(
        self, root: Path, model: str, tokenizer: Tokenizer, normalizer: Normalizer | None, threads: int
    ) -> None:
        self.root, self.model, self.tokenizer, self.normalizer = root, model, tokenizer, normalizer
        self.threads = threads

    def unparted(self) -> PeerPredictor:
        """Return one that reads a text whole."""
        reads = self.normalizer and self.normalizer.unparted()
        return PeerPredictor(self.root, self.model, self.tokenizer, reads, self.threads)

    def stream(self, texts: Iterable[str], **_: Any) -> Iterator[list[SimpleNamespace]]:
        """Yield one answer to each text, as `Predictor.stream` does."""
        parted = [self.normalizer.parts(text) if self.normalizer else [Sentence(text)] for text in texts]
        asked = [part for parts in parted for part in parts if isinstance(part, Sentence)]
        said = iter(self._said(asked))
        for parts in parted:
            shown = [self._shown(next(said), part) if isinstance(part, Sentence) else part for part in parts]
            yield [SimpleNamespace(text="".join(shown))]

    def _said(self, asked: Sequence[Sentence]) -> list[str]:
        corpus.write_rows(
            corpus.folder(self.root) / "test.source", self.tokenizer.encode([sentence.text for sentence in asked])
        )
        output = self.root / "said"
        measure(PEER, Decoding(str(self.root), self.model, str(output), 5, 64, len(asked)), self.threads)
        return corpus.said(self.tokenizer, output)

    def _shown(self, said: str, read: Sentence) -> str:
        return self.normalizer.answer(said, read) if self.normalizer else said


def main(
    minutes: Annotated[float, typer.Option(help="Minutes of training, for each of both.")] = 8.0,
    sentences: Annotated[int, typer.Option(help="Rows of the test split that are tried.")] = 800,
    threads: Annotated[int, typer.Option(help="Threads of each.")] = 2,
    model: Annotated[str, typer.Option(help="Ours: a folder, or a registered version.")] = "data/translate/model",
) -> None:
    """Print the score under each slip, of OpenNMT-py's model of both trainings and of ours."""
    folders, ours = Folders(ROOT, corpus.PIPELINE), unroll.load(model)
    assert ours.normalizer
    pairs = references(folders.prepared / "test.tsv")
    figures: dict[str, Figures] = {}
    for name, noise in (("OpenNMT-py, rows as they are", False), ("OpenNMT-py, with reading and noise", True)):
        peer = trained(folders, noise, minutes, threads)
        figures[name] = under(cast(Predictor, peer), pairs, sentences, ours.normalizer)
        print(name, figures[name], flush=True)
    figures["Unroll"] = under(ours, pairs, sentences, ours.normalizer)
    rows: list[Row] = [
        {"under": slip, **{name: found[slip] for name, found in figures.items()}} for slip in figures["Unroll"]
    ]
    tell("stress", rows, minutes=minutes, threads=threads, sentences=sentences)


def trained(folders: Folders, noise: bool, minutes: float, threads: int) -> PeerPredictor:
    """Return the peer's model, trained for so many minutes on rows as they are, or as ours reads them."""
    root = (ROOT / BENCH / "stress" / ("noise" if noise else "plain")).absolute()
    tokenized, away = folders.tokenized, corpus.folder(root)
    away.mkdir(parents=True, exist_ok=True)
    if not noise:
        tokenized = root / "tokenized"
        tokenized.mkdir(exist_ok=True)
        plain = reading.load(ROOT, corpus.PIPELINE).tokenize.model_copy(update={"typed": None})
        tokenize(plain, None, SIDES, folders.prepared, tokenized)
    tokenizer = tokenizers.load(tokenized, "source")
    corpus.write_split(tokenized, "noisy" if noise else "train", away, "train")
    corpus.write_vocabulary(tokenizer, away)
    place, settings = folder_of(f"{PEER}.{root.name}"), {"batch": BATCH, "learning_rate": LEARNING_RATE, "decay": True}
    probe = measure(PEER, Training(str(root), place, PROBE, WARMUP, **settings), threads)
    updates = int(60 * minutes * probe["updates"] / probe["seconds"])
    measure(PEER, Training(str(root), place, updates, WARMUP, **settings), threads)
    return PeerPredictor(root, place, tokenizer, corpus.reads(folders) if noise else None, threads)


def under(predictor: Predictor, pairs: Mapping[str, list[str]], most: int, known: Normalizer) -> Figures:
    """Return a model's score as sources are and under each slip, and what else `unroll.evaluate.stress` asks."""
    sources = list(pairs)
    said = answered(predictor, sources, "as they are")
    rows = [stress.translated(source, pairs[source], one.text) for source, one in zip(sources, said, strict=True)]
    chosen = rows[:: -(-len(rows) // most)]
    trials = stress.slipped(predictor, chosen, stress.translated)
    trials |= {f"joined_{count}": stress.in_line(predictor, chosen, count) for count in (2, 3)}
    trials["read_whole"] = stress.whole(predictor, chosen)
    figures = {"as_is": _bleu(rows)} | {slip: _bleu(trial.rows) for slip, trial in trials.items()}
    copied = stress.copied(predictor, rows, known.words.__contains__)
    loops = stress.loops(predictor, stress.odd(rows))
    return figures | {f"copied_{kind}": share for kind, share in copied.items()} | {"odd_inputs_in_loops": loops}


def _bleu(rows: Sequence[stress.Row]) -> float:
    return bleu([row["hypothesis"] for row in rows], [row["references"] for row in rows])


if __name__ == "__main__":
    typer.run(main)
