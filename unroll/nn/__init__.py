"""The network: cells, layers over cells, attention, encoders, heads and decoders, and the model that joins them.

In come batches of ids or vectors; out come readouts, of which logits are a linear map, and a loss. Nothing here knows
files, searches or training. Open `cells.py` first, beside the equations of a textbook; then `model.py`.
"""
