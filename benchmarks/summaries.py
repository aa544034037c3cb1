"""What the answers of `summarise` are worth beside the description's own beginning: `python -m benchmarks.summaries`.

After `make repro PIPELINE=summarise`. Held against them is "lead": the first sentence of the description, cut after as
many words as the median sentence of train has. Told apart are packages that training has, in files that it has not, and
those that it never saw. Of the words of a sentence that no training row has, some stand in the description, from which
they can be copied; and some words that are said stand neither there nor in train: they are invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from statistics import median

from benchmarks.answers import answers_of
from benchmarks.common import ROOT
from pipelines.summarise import NEW
from unroll.data.rows import Row, read_rows
from unroll.folders import Folders
from unroll.training.validation import bleu, chrf

WORD = re.compile(r"[^\W\d_]\w*")
"""a word, or a name in a program, whose parts points part"""
_SENTENCE = re.compile(r"(?<=[^.\s][.!?:])\s+(?=[A-Z])")
GROUPS: dict[str, Callable[[Row], bool]] = {
    "all": lambda row: True,
    "known packages": lambda row: package(row) not in NEW["test"],
    "new packages": lambda row: package(row) in NEW["test"],
}


def package(row: Row) -> str:
    """Return the package that a row is from."""
    return row.attribution.split("/")[0]


def words(text: str) -> set[str]:
    """Return the words of a text.

    >>> sorted(words("Turn a.b_2 into 3 lists."))
    ['Turn', 'a', 'b_2', 'into', 'lists']
    """
    return set(WORD.findall(text))


def lead(source: str, most: int) -> str:
    """Return the first sentence of a description, at most so many words of it.

    >>> lead("It reads i.e. parses. Then it ends.", 10), lead("It reads and parses. Then it ends.", 3)
    ('It reads i.e. parses.', 'It reads and.')
    """
    first = _SENTENCE.split(source)[0].split()
    return " ".join(first[:most]).rstrip(".,;:") + "."


def figures(rows: Sequence[Row], said: Sequence[str], train: AbstractSet[str]) -> dict[str, float]:
    """Return what answers to rows are worth.

    Args:
        train: the words of the training rows.
    Returns:
        BLEU and chrF; `unseen`, words of the sentences that train has not, of which `within` percent stand in the
        description and `copied` percent of these in the answer; `invented`, percent of the words said.
    """
    wanted = [[row.target] for row in rows]
    unseen = [words(row.target) - train for row in rows]
    within = [new & words(row.source) for new, row in zip(unseen, rows, strict=True)]
    copied = [new & words(one) for new, one in zip(within, said, strict=True)]
    made_up = [words(one) - train - words(row.source) for one, row in zip(said, rows, strict=True)]

    def percent(some: Sequence[set[str]], of: Sequence[set[str]]) -> float:
        return round(100 * sum(map(len, some)) / max(sum(map(len, of)), 1), 2)

    return {
        "rows": len(rows), "bleu": round(bleu(said, wanted), 2), "chrf": round(chrf(said, wanted), 2),
        "unseen": sum(map(len, unseen)), "within": percent(within, unseen), "copied": percent(copied, within),
        "invented": percent(made_up, [words(one) for one in said]),
    }  # fmt: skip


def table(train: Sequence[Row], rows: Sequence[Row], said: dict[str, str]) -> Iterator[str]:
    """Yield a Markdown table of `figures`, of the model's answers and of `lead`, for each of `GROUPS`.

    Args:
        said: {source: answer}.
    """
    known = set().union(*(words(f"{row.source} {row.target}") for row in train))
    most = round(median(len(row.target.split()) for row in train))
    yield "| answers | rows | | BLEU | chrF | unseen words | within, % | copied, % | invented, % |"
    yield "|---" * 9 + "|"
    for group, belongs in GROUPS.items():
        chosen = [row for row in rows if belongs(row)]
        both = {"summarise": [said[row.source] for row in chosen], "lead": [lead(row.source, most) for row in chosen]}
        for name, answers in both.items():
            count, *others = figures(chosen, answers, known).values()
            yield f"| {name} | {group} | {count:,.0f} | " + " | ".join(f"{value:,g}" for value in others) + " |"


def main() -> None:
    """Print the table for the test rows."""
    folders = Folders(ROOT, "summarise")
    said = {answer["source"]: answer["hypothesis"] for answer in answers_of(folders)}
    train, test = (list(read_rows(folders.prepared / f"{split}.tsv")) for split in ("train", "test"))
    print("\n".join(table(train, test, said)))


if __name__ == "__main__":
    main()
