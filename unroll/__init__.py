"""Recurrent sequence models, from raw text to a registered model.

Tensors are batch first and carry their shape as a suffix wherever they are named:

    B batch    S source positions    T target positions    K beam
    D embedding    H hidden    V vocabulary    N real (unpadded) positions

so `states_BSH` is a batch of encoder states and `mask_BS` is True at its real positions.
"""
