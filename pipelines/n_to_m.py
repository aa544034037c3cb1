"""n-to-m: a sequence becomes a sequence of another length, as in translation.

                          Bebo   leche   .    <eos>
                           |       |     |      |
    [e1]-[e2]-[e3]-[e4] > [d1] - [d2] - [d3] - [d4]
      |    |    |    |     |       |     |      |
      I drink milk   .    <go>   Bebo  leche    .

The encoder reads the source whole; the decoder starts from its last state, hears the target so far, and may look back
at every source position.
"""

ENCODER = "sequence"
HEAD = "decoder"
