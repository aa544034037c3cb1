"""Answers: the searches, the checkpoint folder, and the Predictor that joins them with a model.

In comes text, or the folder of a model; out come Predictions. Training computes its validation score with all of it
except `fast`, `quantization` and `shortlist`, which `loading` gives to a Predictor that is to answer people. Open
`predictor.py` first, then `answers.py`.
"""
