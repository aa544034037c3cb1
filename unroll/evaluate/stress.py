"""What a model is worth on what people type: the test rows again, each with a slip, and what no test row has.

A slip is one of `unroll.data.noise`, of which training may have seen others; test rows have none but these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from unroll.data import noise
from unroll.data.copying import fixed, shared_names
from unroll.data.lengths import length
from unroll.data.noise import Chance
from unroll.data.numbers import read
from unroll.evaluate.scores import Row, answered, mean
from unroll.params.tokenize import Pieces
from unroll.predict.predictor import Predictor
from unroll.predict.repeats import place as repeated
from unroll.training.validation import Score, score_of, sentence_score

SEED = 1
SPELLED_ALIKE = {"lower": str.lower, "capitals": str.lower, "no_end_mark": noise.no_end_mark}
"""{slip: what is done to answers and references before they are compared}: what its sources do not say"""


@dataclass(frozen=True)
class Trial:
    """Test rows with one kind of slip.

    Attributes:
        rows: one for each: its source as typed, references, the hypothesis.
        before: the same rows without the slip, compared in the same way.
    """

    rows: list[Row]
    before: list[Row]


@dataclass(frozen=True)
class Stress:
    """What became of a model's answers under stress.

    Attributes:
        trials: {what was done to sources: the rows}.
        report: the figures: the score of each trial, and how much the same rows lose by it.
    """

    trials: dict[str, Trial] = field(default_factory=dict)
    report: dict[str, float] = field(default_factory=dict)


def stress(predictor: Predictor, rows: Sequence[Row], most: int) -> Stress:
    """Return how a model stands what its users do to its sources; nothing where those are no texts.

    Args:
        rows: its answers to the test rows.
        most: so many of them are tried, spread evenly.
    """
    kind, chosen = predictor.search.kind, rows[:: -(-len(rows) // most)]
    if predictor.recipe.reads_on:
        return _read(predictor, rows[:most])
    if not isinstance(predictor.recipe.tokenize.source, Pieces) or kind not in ("beam", "rank", "estimate"):
        return Stress()
    if kind == "estimate":
        if predictor.recipe.model.head.each_position:  # a slip may make another number of words
            return Stress()
        trials = slipped(predictor, chosen, estimated)
        lost = _report(trials, _worth)
        return Stress(trials, {name: value if name.endswith("_lost") else -value for name, value in lost.items()})
    if kind == "rank":
        trials = slipped(predictor, chosen, classified)
        labels = predictor.recipe.train.select_by in ("macro_f1", "macro_recall")
        return Stress(trials, _report(trials, _of_texts(score_of(predictor.recipe)) if labels else _accuracy))
    if predictor.recipe.train.select_by == "accuracy" and not predictor.normalizer:
        trials = slipped(predictor, chosen, classified)
        return Stress(trials, _report(trials, _accuracy))
    trials = slipped(predictor, chosen, translated)
    report: dict[str, float] = {}
    if predictor.normalizer:
        trials |= {f"joined_{count}": in_line(predictor, chosen, count) for count in (2, 3)}
        trials["read_whole"] = whole(predictor, chosen)
        known = predictor.normalizer.words.__contains__
        report = {f"stress.copied_{kind}": share for kind, share in copied(predictor, rows, known).items()}
        report["stress.odd_inputs_in_loops"] = loops(predictor, odd(rows))
    return Stress(trials, _report(trials, _of_texts(sentence_score(predictor.recipe))) | report)


def by_length(trial: Trial, measure: Score) -> dict[str, tuple[float, int]]:
    """Return {words in the source: (score, rows)} of rows that were read whole."""
    found = {}
    for first, last in LENGTHS:
        inside = [row for row in trial.rows if first <= length(row["source"]) <= last]
        if inside:
            found[f"{first}-{last}, joined"] = _of_texts(measure)(inside), len(inside)
    return found


def _report(trials: Mapping[str, Trial], score: Callable[[Sequence[Row]], float]) -> dict[str, float]:
    found = {}
    for name, trial in trials.items():
        found[f"stress.{name}"] = score(trial.rows)
        found[f"stress.{name}_lost"] = score(trial.before) - found[f"stress.{name}"]
    return found


def _of_texts(measure: Score) -> Callable[[Sequence[Row]], float]:
    return lambda rows: measure([row["hypothesis"] for row in rows], [row["references"] for row in rows])


def _accuracy(rows: Sequence[Row]) -> float:
    return 100 * _worth(rows)


def _worth(rows: Sequence[Row]) -> float:
    return float(sum(row["value"] for row in rows) / sum(row["weight"] for row in rows))


def translated(source: str, references: list[str], said: str) -> Row:
    """Return the row of an answer that is judged as a text."""
    return {"source": source, "references": references, "hypothesis": said}


def classified(source: str, references: list[str], said: str) -> Row:
    """Return the row of an answer that is right or wrong."""
    return translated(source, references, said) | {"value": int(said in references), "weight": 1}


def estimated(source: str, references: list[str], said: str) -> Row:
    """Return the row of numbers that are the better, the nearer they are."""
    error = np.abs(read(said) - read(references[0]))
    return translated(source, references, said) | {"value": -float(error.sum()), "weight": error.size}


# --- slips ------------------------------------------------------------------------------------------------------------


def slipped(predictor: Predictor, rows: Sequence[Row], judge: Callable[[str, list[str], str], Row]) -> dict[str, Trial]:
    """Return {slip: how a model answers the rows of a test with it}, of the slips that change them.

    Args:
        rows: the test rows with a model's answers.
        judge: (source, references, hypothesis) -> the row of an answer.
    """
    found = {}
    for name, slip in noise.SLIPS.items():
        chance = np.random.default_rng(SEED)
        sources = [slip(row["source"], chance) for row in rows]
        if sum(source != row["source"] for source, row in zip(sources, rows, strict=True)) < len(rows) / 20:
            continue
        alike = SPELLED_ALIKE.get(name, str) if judge is translated else str

        def judged(source: str, row: Row, said: str, alike: Callable[[str], str] = alike) -> Row:
            return judge(source, [alike(text) for text in row["references"]], alike(said))

        said = [one.text for one in answered(predictor, sources, f"stress, {name.replace('_', ' ')}")]
        found[name] = Trial(
            [judged(*given) for given in zip(sources, rows, said, strict=True)],
            [judged(row["source"], row, row["hypothesis"]) for row in rows],
        )
    return found


def _read(predictor: Predictor, rows: Sequence[Row]) -> Stress:
    """Return what a running text costs a language model with a slip, in nats a token, and how much more that is."""
    texts = [row["references"][0] for row in rows]
    trials, report = dict[str, Trial](), dict[str, float]()
    plain = mean(predictor.nats([(text, "") for text in texts]))
    for name in ("lower", "typos"):
        chance = np.random.default_rng(SEED)
        typed = [noise.SLIPS[name](text, chance) for text in texts]
        nats = predictor.nats([(text, "") for text in typed])
        trials[name] = Trial(
            [translated(text, [text], "") | {"value": -cost, "weight": count}
             for text, (cost, count) in zip(typed, nats, strict=True)], [],
        )  # fmt: skip
        report |= {f"stress.{name}": mean(nats), f"stress.{name}_lost": mean(nats) - plain}
    return Stress(trials, report)


# --- texts of several sentences -------------------------------------------------------------------------------------

WORDS = (15, 60)
"""of a row that is read whole: the fewest, and the most"""
LENGTHS = ((15, 20), (21, 30), (31, 45), (46, 60))


def in_line(predictor: Predictor, rows: Sequence[Row], count: int) -> Trial:
    """Return how a model answers `count` sentences in one line, beside its answers to them one by one."""
    groups = [rows[place : place + count] for place in range(0, len(rows) - count + 1, count)]
    return _joined(predictor, groups, f"stress, {count} in a line")


def whole(predictor: Predictor, rows: Sequence[Row]) -> Trial:
    """Return how a model answers rows of 15 to 60 words that it reads whole, beside their sentences one by one."""
    return _joined(predictor.unparted(), list(_long(rows)), "stress, read whole")


def _long(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield neighbouring rows that together have so many words, of every length in turn."""
    wanted, group = WORDS[0], list[Row]()
    for row in rows:
        group.append(row)
        words = sum(length(one["source"]) for one in group)
        if words >= wanted:
            if words <= WORDS[1]:
                yield group
                wanted = wanted + 7 if wanted + 7 <= WORDS[1] - 10 else WORDS[0]
            group = []


def _joined(predictor: Predictor, groups: Sequence[Sequence[Row]], what: str) -> Trial:
    sources = [" ".join(row["source"] for row in group) for group in groups]
    references = [
        [" ".join(texts) for texts in zip(*(row["references"] for row in group), strict=False)] for group in groups
    ]
    before = [" ".join(row["hypothesis"] for row in group) for group in groups]
    said = [one.text for one in answered(predictor, sources, what)]

    def rows_of(hypotheses: Sequence[str]) -> list[Row]:
        each = zip(sources, references, hypotheses, strict=True)
        return [{"source": source, "references": wanted, "hypothesis": one} for source, wanted, one in each]

    return Trial(rows_of(said), rows_of(before))


# --- what is to come through as it is ---------------------------------------------------------------------------------

COPIED = 200
"""sources in which something is put that no row has"""
NAMES = (
    "Zbigniew", "Oyelaran", "Xochitl", "Quvenzhané", "Wojciech", "Ngozi", "Siobhán", "Tjaša", "Dmitriy", "Hyeonwoo",
    "Aoife", "Krzysztof", "Nakagawa", "Ruzgar", "Yevhenia", "Bhattacharya", "Ouagadougou", "Szczecin", "Vrindavan",
    "Hjalmar", "Kovačević", "Ximena", "Thandiwe", "Llewellyn", "Përparim",
)  # fmt: skip


def put_in(rows: Sequence[Row], known: Callable[[str], bool]) -> dict[str, list[tuple[str, str]]]:
    """Return {kind: (a source in which something is put, what that is)}: in place of a name, or of a number, or behind.

    Args:
        known: whether the model has seen a name.
    """
    chance = np.random.default_rng(SEED)
    names = [name for name in NAMES if not known(name)]
    draw: dict[str, Callable[[], str]] = {
        "names": lambda: names[chance.integers(len(names))],
        "numbers": lambda: _number(chance),
        "addresses": lambda: _address(chance),
    }
    named = [(row["source"], span) for row in rows for span in [*shared_names(row["source"], row["references"][0])][:1]]
    counted = [(row["source"], span) for row in rows for span in [*fixed(row["source"])][:1] if span.kind == "n"]
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, value in draw.items():
        places = (counted + named if kind == "numbers" else named)[:COPIED]
        found[kind] = []
        for number, (text, (start, end, _)) in enumerate(places):
            new = value()
            behind = kind != "names" and number >= len(counted) and number % 2
            typed = f"{text[:-1]}: {new}" if behind else text[:start] + new + text[end:]
            found[kind].append((typed, new))
    return found


def _number(chance: Chance) -> str:
    forms = ("{}", "{},{:03d}", "{}.{:02d}", "{}:{:02d}", "{},{:03d}.50")
    return forms[chance.integers(len(forms))].format(int(chance.integers(2, 999)), int(chance.integers(10, 59)))


def _address(chance: Chance) -> str:
    word = "".join(chance.choice(list("abcdefghijklmnoprstuvwz"), size=int(chance.integers(4, 9))))
    forms = (
        "https://www.{}.com/{}?id={}", "{}.{}@mail.org", "http://{}.net/{}/{}.html", "{}_{}{}@example.co.uk",
        "www.{}.org/{}",
    )  # fmt: skip
    return forms[chance.integers(len(forms))].format(word, word[::-1], int(chance.integers(1, 999)))


def copied(predictor: Predictor, rows: Sequence[Row], known: Callable[[str], bool]) -> dict[str, float]:
    """Return {kind: of the things put into sources, how many the answer has once and as they were, in percent}."""
    shares = {}
    for kind, given in put_in(rows, known).items():
        if given:
            said = answered(predictor, [source for source, _ in given], f"stress, {kind}")
            kept = [one.text.count(new) == 1 for one, (_, new) in zip(said, given, strict=True)]
            shares[kind] = 100 * sum(kept) / len(kept)
    return shares


# --- odd inputs -------------------------------------------------------------------------------------------------------

ODD = 2_000


def odd(rows: Sequence[Row]) -> list[str]:
    """Return what is no sentence: words, lists, capitals, codes, another language, signs, letters at random."""
    chance = np.random.default_rng(SEED)
    words = sorted({word.strip('.,!?"') for row in rows for word in row["source"].split()} - {""})
    letters = list("abcdefghijklmnopqrstuvwxyz")

    def some(least: int, most: int, of: Sequence[str]) -> list[str]:
        return [of[place] for place in chance.integers(len(of), size=int(chance.integers(least, most + 1)))]

    kinds: list[Callable[[], str]] = [
        lambda: some(1, 1, words)[0],
        lambda: ", ".join(some(2, 8, words)),
        lambda: " ".join(some(2, 12, words)),
        lambda: " ".join(some(1, 6, words)).upper(),
        lambda: str(rows[int(chance.integers(len(rows)))]["references"][0]),
        lambda: "-".join(some(1, 3, [f"{letter.upper()}{number}" for number, letter in enumerate(letters)])),
        lambda: " ".join("".join(some(1, 9, letters)) for _ in range(int(chance.integers(1, 6)))),
        lambda: some(1, 1, words)[0] + "".join(some(1, 3, ["!", "?", "...", " 😀", " ❤️", " :)", ",", ";"])),
        lambda: " ".join(some(1, 1, words) * int(chance.integers(2, 4))),
        lambda: some(1, 1, words)[0] + "".join(some(1, 3, ["1", "a", "'", "-", "/", "\\", "<", "&", '"'])),
    ]
    return [kinds[number % len(kinds)]() for number in range(ODD)]


def loops(predictor: Predictor, sources: Sequence[str]) -> int:
    """Return how many answers say a phrase three times where their source does not."""
    said = answered(predictor, sources, "stress, odd inputs")
    pairs = zip(said, sources, strict=True)
    return sum(repeated(one.text) is not None and repeated(source) is None for one, source in pairs)
