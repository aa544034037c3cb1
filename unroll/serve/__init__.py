"""Answers over HTTP and in MLflow, and MLflow's own pages, on this machine alone.

In come requests; out come rows of answers, or one line that says what is wrong. Open `answering.py` first, then
`http.py`. `served.py` is run by MLflow when a registered model is loaded.
"""
