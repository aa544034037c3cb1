"""n-to-one: a sequence becomes one answer, as a question becomes its type.

                     human
                       |
    [h1]-[h2]-[h3]-> [ C ]
      |    |    |
     Who wrote this

C is the last state, or a transform of all states.
"""

ENCODER = "sequence"
HEAD = "classifier"
