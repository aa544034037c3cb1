"""Data: from raw files to rows, tokens, ids and batches, and the tables that embeddings start from.

In come files as they are fetched; out come batches. Nothing here knows a network. Open `preparing.py` first, then
`tokenizing.py` and `batches.py`.
"""
