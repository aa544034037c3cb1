"""Runs and versions in MLflow, which mirror the files.

In come the folders of a trained and evaluated model; out come a run, a registered version and a verdict on it; or, from
the name of a version, its folder again. Open `runs.py` first, then `versions.py` and `contest.py`.
"""
