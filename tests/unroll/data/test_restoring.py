"""Placeholders of an answer become words of the source."""

from __future__ import annotations

import numpy as np

from unroll.data.restoring import put_back, restore
from unroll.data.tokenizers import JOINER


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


def test_without_a_source_a_placeholder_stays() -> None:
    assert restore(["[UNK]", "[NUM]"], [], [], np.empty((2, 0))) == ["[UNK]", "[NUM]"]


def test_a_placeholder_that_was_not_said_stands_behind_where_it_was_looked_at() -> None:
    source, said = ["▁it", "▁costs", "▁⟨n1⟩", "▁here"], ["▁aquí", "▁cuesta", "."]
    weights_TS = np.array([[0.1, 0.1, 0.1, 0.7], [0.0, 0.2, 0.8, 0.0], [0.4, 0.2, 0.2, 0.2]])
    assert put_back(said, source, weights_TS, ["⟨n1⟩"]) == ["▁aquí", "▁cuesta", "▁⟨n1⟩", "."]
    assert put_back([*said, "▁⟨n1⟩"], source, weights_TS, ["⟨n1⟩"]) == [*said, "▁⟨n1⟩"]
    assert put_back([], source, np.zeros((0, 4)), ["⟨n1⟩"]) == ["▁⟨n1⟩"]
    assert put_back(said, source, weights_TS, []) == said
