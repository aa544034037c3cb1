"""n-to-n: a sequence becomes another of equal length, as a text becomes its next words and frames become labels.

    drink  milk    .   <eos>
      |     |      |     |
    [h1]-[ h2 ]-[ h3 ]-[h4]
      |     |      |     |
      I   drink  milk    .

Every step shares one set of weights. A text without a target is its own, a token later.
"""

ENCODER = "sequence"
HEAD = "tagger"
