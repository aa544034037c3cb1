"""Reviews of films, and whether they praise or blame: the corpus of pipelines/films.yaml.

The file has 25,000 reviews of IMDB, whole paragraphs, as in the train half of Maas et al. 2011 ("Learning Word Vectors
for Sentiment Analysis"), and 8,530 sentences of Rotten Tomatoes (Pang and Lee 2005, "Seeing Stars"), first all of one
label, then all of the other. Reviews of one film with one label are neighbours: parted by chance, a quarter of the test
would share names with reviews of train, and a label. So the file is cut into stretches. A tenth of the test still has
names in common with train, but the other label: films that some praise and others blame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unroll.data.columns import csv_rows, named
from unroll.data.readers import READERS
from unroll.data.rows import Placed, Row
from unroll.errors import DataError
from unroll.nn.cells import CELLS, GRU, State

NAMES = {"0": "negative", "1": "positive"}


def read(corpus: Any, folder: Path) -> Iterator[Row]:
    """Yield the reviews of some `sources`, of each source and label those from one share to before another: `part`.

    Whose review it is stands as its attribution. Line breaks stay as they are written, "<br />": a third of the reviews
    has none, so that a model learns to do with them and without.

    Raises:
        DataError: a row has other cells than a text, 0 or 1, and its source.
    """
    path = folder / corpus.file
    totals = Counter((row.target, row.attribution) for row in _reviews(path))
    places: Counter[tuple[str, str]] = Counter()
    for row in _reviews(path):
        kind = row.target, row.attribution
        first, end = (round(share * totals[kind]) for share in corpus.part)
        if row.attribution in corpus.sources and first <= places[kind] < end:
            yield row
        places[kind] += 1


def _reviews(path: Path) -> Iterator[Row]:
    rows = csv_rows(path, ",")
    next(rows)  # what its columns are
    for number, cells in rows:
        where = f"{path}:{number}"
        if len(cells) != 3:
            raise DataError(f"{where}: {len(cells)} cells, where a text, its label and its source are needed")
        text, label, source = cells
        yield Placed.at(where, text, named(label, NAMES, where), source)


class PaddedGRU(GRU):
    """The `GRU`, whose kernel reads padding too: of rows that are as long as each other but for a step or two, little.

    Where rows are packed, as `GRU` does it, torch takes a number of steps squared for the gradient: of 220 steps more
    than four times as long.
    """

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
        """As `Cell.unroll`."""
        outputs_BTH, _ = self.kernel(x_BTD, state[0][None])
        last_BH = outputs_BTH[torch.arange(len(lengths_B)), lengths_B - 1]
        real_BT = torch.arange(x_BTD.shape[1]) < lengths_B[:, None]
        return outputs_BTH * real_BT[:, :, None].to(x_BTD.device), (last_BH,)


READERS["films"] = read
CELLS["gru_padded"] = PaddedGRU
