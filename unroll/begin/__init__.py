"""Files as people have them -> a pipeline of their own: its file, a line in the grid, the files in their place.

In come paths; out go a few lines that say what was seen, and `pipelines/NAME.yaml`. Open `starting.py` first: it looks
at files (`sniffing.py`, `roles.py`), takes stock of their rows (`stock.py`), and chooses settings by their number
(`settings.py`). `checking.py` says all that is wrong with a pipeline at once.
"""
