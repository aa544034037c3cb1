"""Placeholders of an answer, filled in from the source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from unroll.data.tokenizers import JOINER, WORD_START, WordTokenizer


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


def put_back(
    target_pieces: Sequence[str], source_surfaces: Sequence[str], weights_TS: np.ndarray, placeholders: Iterable[str]
) -> list[str]:
    """Return an output in which each placeholder stands: one that was not said, behind where its source was looked at.

    Args:
        placeholders: of the source; see `unroll.data.copying`.
    """
    pieces = list(target_pieces)
    for placeholder in placeholders:
        places = [s for s, surface in enumerate(source_surfaces) if surface.endswith(placeholder)]
        if places and not any(placeholder in piece for piece in pieces):
            looked = int(weights_TS[:, places[0]].argmax()) + 1 if len(weights_TS) else 0
            pieces.insert(looked, WORD_START + placeholder)
    return pieces
