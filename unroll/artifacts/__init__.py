"""Folders that name their parts: what every stage hands on, and how one finds out where it came from.

In come files; out goes a folder with a manifest of hashes, written aside and put in place whole, and the ancestry of
any such folder. Open `store.py` first: `writing` and `verify` are what everything else depends on.
"""
