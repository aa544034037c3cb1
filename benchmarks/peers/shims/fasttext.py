"""OpenNMT-py imports fasttext for a filter that is not used here."""
