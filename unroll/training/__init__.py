"""Training: from a recipe and rows of ids to the best weights, bit for bit the same again.

In come a recipe and the folders of the stages before; out comes a model with its best weights, and the points of its
curves on the way. Open `loop.py` first, which reads from top to bottom; then `setup.py`.
"""
