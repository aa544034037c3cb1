"""What a model is worth: scores of its answers, closed-form models to compare them with, tables and pictures.

In come a Predictor and prepared test rows; out come `Scores`, and reports made of them. Open `scoring.py` first.
"""
