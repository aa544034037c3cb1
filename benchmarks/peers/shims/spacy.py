"""OpenNMT-py imports spacy for a transform that is not used here."""
