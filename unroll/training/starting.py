"""The weights that a model begins with, where it goes on from another one.

Rows of embeddings and of the output layer are found by their token: vocabularies may differ. A token that the other
model lacks keeps what it would have begun with otherwise. All else has to have the same name and shape on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unroll.data import tokenizers
from unroll.data.ids import Ids
from unroll.data.tokenizers import ItemReader, Tokenizer
from unroll.errors import ParamsError
from unroll.nn.model import Network, build
from unroll.params.pipeline import Recipe
from unroll.params.reading import dump, leaves
from unroll.predict import checkpoints
from unroll.predict.checkpoints import Checkpoint
from unroll.shapes import SIDES

ROWS = {
    "encoder.embedding.weight": "source",
    "head.embedding.weight": "target",
    "head.logits.weight": "target",
    "head.logits.bias": "target",
}
"""{tensor with a row for each token: the side whose tokens these are}"""
SHAPING_ENCODER = re.compile(r"model\.encoder\..*|embed\.(kind|dimensions)|tokenize\.source\.width")
SHAPING = re.compile(rf"{SHAPING_ENCODER.pattern}|model\.(head\..*|tied)|tokenize\.target\.width")
"""parameters on which the shapes of weights depend, of an encoder and of a head"""
NAMED = 4
"""parameters that a message names"""


@dataclass(frozen=True)
class Taken:
    """What a model took of another one.

    Attributes:
        tensors: that it took.
        of: that it has, shared ones counted once.
        tokens: {side: the shares of its vocabulary, and of its tokens in train, that the other one knows, in percent}.
    """

    folder: Path
    tensors: int
    of: int
    tokens: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        known = "".join(
            f"; of the {side}'s vocabulary {share:g} %, of its tokens {often:g} %"
            for side, (share, often) in self.tokens.items()
        )
        return f"start: {self.tensors} of {self.of} tensors as in {self.folder}{known}"

    @property
    def report(self) -> dict[str, float]:
        """Return it as train.json has it."""
        found: dict[str, float] = {"start_tensors": self.tensors, "tensors": self.of}
        for side, (share, often) in self.tokens.items():
            found |= {f"start_{side}_vocabulary_percent": share, f"start_{side}_tokens_percent": often}
        return found


def begin(network: Network, recipe: Recipe, tokenized: Path, start: Path) -> Taken:
    """Give a model, in place, the weights of another one; torch's random generator stays where it is.

    Args:
        tokenized: the folder of its tokenizers and ids.
        start: of the other model, every hash of which is checked.
    Raises:
        IntegrityError: as `checkpoints.load`.
        ParamsError: as `names`.
    """
    readers = {side: tokenizers.load(tokenized, side) for side in SIDES}
    with torch.random.fork_rng(devices=[]):
        found = checkpoints.load(start)
    taken, theirs = names(network, readers, recipe, found, start), found.model.state_dict()
    ours = network.state_dict(keep_vars=True)
    sides = {side: _rows(readers[side], found.readers[side]) for name in taken if (side := _side(name, readers))}
    with torch.no_grad():
        for name in taken:
            if side := _side(name, readers):
                here, there = sides[side]
                ours[name][here] = theirs[name][there].to(ours[name].device)
            else:
                ours[name].copy_(theirs[name])
    shares = {side: _shares(tokenized, side, readers[side], here) for side, (here, _) in sides.items()}
    return Taken(start, len({id(ours[name]) for name in taken}), len({id(part) for part in ours.values()}), shares)


def fits(recipe: Recipe, start: Path) -> None:
    """Do nothing if a model of a recipe can take the weights of another one, whatever its vocabulary will be.

    Raises:
        IntegrityError, ParamsError: as `begin`.
    """
    found = checkpoints.load(start)
    network = build(recipe, {side: len(reader) or 1 for side, reader in found.readers.items()}, {})
    if recipe.embed.kind != "one_hot":  # of which the vocabularies have to be known
        names(network, found.readers, recipe, found, start)


def names(
    network: Network, readers: Mapping[str, ItemReader], recipe: Recipe, found: Checkpoint, start: Path
) -> list[str]:
    """Return the names of the tensors that a model takes of another one: all, or those of `start_parts`.

    Raises:
        ParamsError: the other one lacks a tensor or has more, one has another shape, or its cells are others.
    """
    ours, theirs = network.state_dict(), found.model.state_dict()
    parts = recipe.train.start_parts
    mine, known = (sorted(name for name in state if _in(name, parts)) for state in (ours, theirs))
    where = f"train.start_from: {start}"
    for part in parts or ():
        if not any(_in(name, (part,)) for name in mine):
            raise ParamsError(f"train.start_parts: this model has no weights in {part}; it has {', '.join(_all(ours))}")
    for name in sorted(set(mine) ^ set(known)):
        raise ParamsError(f"{where}: {name} is {'here' if name in mine else 'there'} alone{_fix(name, recipe, found)}")
    for name in mine:
        shapes = [tuple(state[name].shape) for state in (ours, theirs)]
        if shapes[0] != shapes[1] and (_side(name, readers) is None or shapes[0][1:] != shapes[1][1:]):
            here, there = map(_text, shapes)
            raise ParamsError(f"{where}: {name} is {here} here and {there} there{_fix(name, recipe, found)}")
    for owner, kind in (("encoder", "cell"), ("encoder", "activation"), ("head", "cell")):
        cells = [getattr(getattr(one.model, owner), kind, None) for one in (recipe, found.recipe)]
        if cells[0] != cells[1] and any(name.startswith(f"{owner}.") and name not in ROWS for name in mine):
            raise ParamsError(f"{where}: weights of another {kind}{_fix(f'{owner}.', recipe, found)}")
    if recipe.embed.kind == "one_hot":
        first = {"source": ("encoder.stack.", "encoder.layers."), "target": ("head.stack.",)}
        sides = [side for side in SIDES if any(name.startswith(first[side]) for name in mine)]
        _refuse_other_tokens(sides, readers, found, start)
    return mine


def _refuse_other_tokens(
    sides: Sequence[str], readers: Mapping[str, ItemReader], found: Checkpoint, start: Path
) -> None:
    """Raise if the vocabularies differ of sides whose first layer has a column for each token."""
    for side in sides:
        ours, theirs = (
            reader.vocabulary if isinstance(reader, Tokenizer) else None
            for reader in (readers[side], found.readers[side])
        )
        if ours != theirs:
            raise ParamsError(
                f"train.start_from: {start}: with embed.kind one_hot the {side}'s vocabularies have to be the same: "
                "take its tokenizer (tokenize.from_start), or learn embeddings"
            )


def _in(name: str, parts: tuple[str, ...] | None) -> bool:
    return parts is None or any(name == part or name.startswith(f"{part}.") for part in parts)


def _all(state: Mapping[str, Tensor]) -> list[str]:
    """Return the modules that `start_parts` may name, two levels of them."""
    return sorted({".".join(name.split(".")[:depth]) for depth in (1, 2) for name in state})


def _side(name: str, readers: Mapping[str, ItemReader]) -> str | None:
    side = ROWS.get(name)
    return side if side and isinstance(readers[side], Tokenizer) else None


def _rows(ours: ItemReader, theirs: ItemReader) -> tuple[list[int], list[int]]:
    """Return the ids of the tokens that both know: as the one counts them, and as the other."""
    assert isinstance(ours, Tokenizer)
    assert isinstance(theirs, Tokenizer)
    known = {piece: index for index, piece in enumerate(theirs.vocabulary)}
    both = [(index, known[piece]) for index, piece in enumerate(ours.vocabulary) if piece in known]
    return [here for here, _ in both], [there for _, there in both]


def _shares(tokenized: Path, side: str, reader: ItemReader, here: list[int]) -> tuple[float, float]:
    """Return the shares of a vocabulary, and of its tokens in train, that are among some ids, in percent."""
    assert isinstance(reader, Tokenizer)
    known = np.zeros(len(reader), bool)
    known[here] = True
    split = "source" if not (tokenized / f"train.{side}.offsets").exists() else side  # a language model's rows have one
    counts = np.bincount(Ids(tokenized, "train", split).ids, minlength=len(reader))
    words = known[reader.special :]
    share = words.mean() if len(words) else 0.0
    return round(100 * float(share), 3), round(100 * float(counts[known].sum() / max(counts.sum(), 1)), 3)


def _fix(tensor: str, ours: Recipe, found: Checkpoint) -> str:
    """Return the end of a message about a tensor: the parameters it depends on in which two recipes differ."""
    mine, known = (dict(leaves(dump(one))) for one in (ours, found.recipe))
    shaping = SHAPING if tensor.startswith("head.") else SHAPING_ENCODER
    names = [name for name in mine.keys() | known.keys() if shaping.fullmatch(name)]
    apart = [name for name in sorted(names, reverse=True) if mine.get(name) != known.get(name)]
    told = ", ".join(f"{name} is {mine.get(name)} here and {known.get(name)} there" for name in apart[:NAMED])
    return f": {told or 'they are of another kind'}; make them alike, or name what to take in train.start_parts"


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
