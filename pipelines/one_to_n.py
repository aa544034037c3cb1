"""one-to-n: an item becomes a sequence, as a nationality becomes a surname and a picture its caption.

      R      o      s      s      i    <eos>
      |      |      |      |      |      |
    [d1] - [d2] - [d3] - [d4] - [d5] - [d6]
      |      .      .      .      .      .
    Italian

The item is heard at the first step only (attention none), or at every step, along the dots (attention final).
"""

ENCODER = "vector"
HEAD = "decoder"
