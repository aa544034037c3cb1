"""one-to-one: an item becomes an answer, y = f(W x + b), as a letter becomes the next one.

      m
      |
     [f]
      |
      S

Nothing is recurrent here: each item is read on its own, by as many layers as `model.encoder.layers` says and the head.
"""

ENCODER = "vector"
HEAD = "classifier"
