"""The five shapes of input and output: which encoder and which heads each has. Every pipeline is of one of them.

    one-to-one    an item becomes an answer            a letter -> the next one
    one-to-n      an item becomes a sequence           a nationality -> a surname
    n-to-n        each item of a sequence has one      text -> its next word; frames -> labels
    n-to-one      a sequence becomes one answer        a question -> its type; a review -> a number
    n-to-m        a sequence becomes another           English -> Spanish; a week's demand -> the next day's

Read `print(SHAPES["n_to_m"].drawing)`.
"""

from __future__ import annotations

from dataclasses import dataclass

SIDES = ("source", "target")
READS_ON = "language_model"
"""The head whose rows are their own targets, and that reads on from its own answers."""


@dataclass(frozen=True)
class Shape:
    """What goes in and what comes out.

    Attributes:
        encoder: the kind of encoder that reads the source.
        heads: the kinds of head that may answer.
        drawing: the shape, unrolled: inputs below, outputs above.
    """

    encoder: str
    heads: tuple[str, ...]
    drawing: str


ONE_TO_ONE = """one-to-one: an item becomes an answer, y = f(W x + b), as a letter becomes the next one.

      m
      |
     [f]
      |
      S

Nothing is recurrent here: each item is read on its own, by as many layers as `model.encoder.layers` says and the head.
"""

ONE_TO_N = """one-to-n: an item becomes a sequence, as a nationality becomes a surname and a picture its caption.

      R      o      s      s      i    <eos>
      |      |      |      |      |      |
    [d1] - [d2] - [d3] - [d4] - [d5] - [d6]
      |      .      .      .      .      .
    Italian

The item is heard at the first step only (attention none), or at every step, along the dots (attention final).
"""

N_TO_N = """n-to-n: a sequence becomes another of equal length, as frames become labels and a text its next words.

    drink  milk    .   <eos>
      |     |      |     |
    [h1]-[ h2 ]-[ h3 ]-[h4]
      |     |      |     |
      I   drink  milk    .

Every step shares one set of weights. A tagger is told the labels, a regressor numbers; the targets of a language model
are its own text, a token later, and it reads on from what it said.
"""

N_TO_ONE = """n-to-one: a sequence becomes one answer, as a question becomes its type.

                     human
                       |
    [h1]-[h2]-[h3]-> [ C ]
      |    |    |
     Who wrote this

C is the last state, or a transform of all states. A classifier answers with one of a few classes, a regressor with real
numbers.
"""

N_TO_M = """n-to-m: a sequence becomes a sequence of another length, as in translation.

                          Bebo   leche   .    <eos>
                           |       |     |      |
    [e1]-[e2]-[e3]-[e4] > [d1] - [d2] - [d3] - [d4]
      |    |    |    |     |       |     |      |
      I drink milk   .    <go>   Bebo  leche    .

The encoder reads the source whole; the decoder starts from its last state, hears the target so far, and may look back
at every source position. A forecaster says real numbers in the same way.
"""

SHAPES = {
    "one_to_one": Shape("vector", ("classifier", "regressor"), ONE_TO_ONE),
    "one_to_n": Shape("vector", ("decoder",), ONE_TO_N),
    "n_to_n": Shape("sequence", ("tagger", READS_ON, "regressor"), N_TO_N),
    "n_to_one": Shape("sequence", ("classifier", "regressor"), N_TO_ONE),
    "n_to_m": Shape("sequence", ("decoder", "forecaster"), N_TO_M),
}
"""the value of `shape` in a pipeline file -> its declaration"""


def sides(head: str) -> tuple[str, ...]:
    """Return the sides of a row on which a head learns: a language model's rows have no other than their own.

    >>> sides("decoder"), sides("language_model")
    (('source', 'target'), ('source',))
    """
    return SIDES[:1] if head == READS_ON else SIDES
