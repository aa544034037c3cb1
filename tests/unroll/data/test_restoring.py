"""Placeholders of an answer become words of the source."""

from __future__ import annotations

import numpy as np

from unroll.data.restoring import restore
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
