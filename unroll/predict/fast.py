"""Shortcuts of a beam search: for models that answer people, not for those that are being trained.

`int8` multiplies integers; `shortlist` says only words that a sentence is likely to need.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from safetensors import SafetensorError

from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST, Manifest
from unroll.data.ids import Items
from unroll.data.lexicon import Lexicon
from unroll.errors import DataError, IntegrityError
from unroll.nn.attention import Memory
from unroll.nn.model import EncoderDecoder, Network
from unroll.params.evaluate import Beam
from unroll.predict import shortlist
from unroll.predict.answers import Decoding
from unroll.predict.quantization import quantize
from unroll.predict.shortlist import Shortlist

if TYPE_CHECKING:
    from unroll.predict.predictor import Predictor


class Fast:
    """How a model decodes with the shortcuts that a search wants; call it as `answers.plainly`.

    Args:
        lexicon: what tokens become; None where sides are no texts.
    """

    def __init__(self, model: Network, lexicon: Lexicon | None) -> None:
        self.model, self.lexicon = cast(EncoderDecoder, model), lexicon

    @cached_property
    def quantized(self) -> EncoderDecoder:
        """The model as it was when integers were first asked for, decoding in integers."""
        return quantize(self.model)

    def __call__(
        self, predictor: Predictor, search: Beam, rows: Sequence[Items], memory: Memory, beams: int
    ) -> Decoding:
        """Return how a few rows are decoded.

        Raises:
            DataError: a shortlist is asked of a model without a lexicon.
        """
        model = self.quantized if search.int8 else self.model
        if not search.shortlist:
            return Decoding(model.step, model.initial(memory, beams))
        if self.lexicon is None:
            raise DataError(
                "shortlist: this model has no lexicon, which is learnt where both sides are text; "
                "ask for 0, the whole vocabulary"
            )
        words = self.lexicon.words(cast(Sequence[list[int]], rows), search.shortlist)
        short = Shortlist(model, self.model.head.logits, words)
        return Decoding(short.step, short.initial(memory, beams), shortlist.GO, shortlist.EOS, words)


def lexicon_of(folder: Path, manifest: Manifest, sizes: tuple[int, int]) -> Lexicon | None:
    """Return the lexicon beside a checkpoint folder, or in it, where an earlier version put it; None if there is none.

    Args:
        manifest: of the checkpoint.
        sizes: of its vocabularies, the source's first.
    Raises:
        IntegrityError: it is altered, or another model's.
    """
    beside = folder.parent / "lexicon"
    if (beside / MANIFEST).exists():
        if store.verify(beside, "lexicon")["inputs"].get("tokenized") != manifest["inputs"].get("tokenized"):
            raise IntegrityError(f"{beside}: is not of the tokenizers in {folder}; dvc repro, or move it away")
        folder = beside
    try:
        lexicon = Lexicon.load(folder)
    except (OSError, KeyError, SafetensorError) as error:
        raise IntegrityError(f"{folder}: its lexicon cannot be read: {error}") from None
    if lexicon and not lexicon.fits(*sizes):
        raise IntegrityError(f"{folder}: lexicon and tokenizers do not belong together; dvc repro")
    return lexicon
