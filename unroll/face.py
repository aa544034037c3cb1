"""What `import unroll` offers: a trained model by its place, and a trained model from rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.errors import ParamsError
from unroll.extras import needing
from unroll.folders import is_folder

if TYPE_CHECKING:
    from unroll.params.evaluate import Search
    from unroll.params.pipeline import Pipeline
    from unroll.predict.predictor import Predictor

try:
    __version__ = metadata.version("unroll")
except metadata.PackageNotFoundError:  # the code alone, beside a registered model
    __version__ = "unknown"


def load(
    place: str | Path, search: Search | None = None, threads: int | None = None, public_key: str | Path | None = None
) -> Predictor:
    """Return a model that answers, every hash checked.

    Args:
        place: a model's folder, or a registered version: models:/NAME@champion, models:/NAME/VERSION.
        search: how it answers unless asked otherwise. None: a registered version, or one that was packaged, as it was
            scored; another folder as is usual for its head.
        threads: torch's; None leaves them.
        public_key: a file; only what its owner has signed is loaded. None: what is not signed too.
    Raises:
        ParamsError: there is no such folder or version.
        IntegrityError: a file is not the one that the manifest names, or is not signed.
    """
    folder = Path(place)
    if registered := str(place).startswith("models:"):
        with needing("track", "a registered model"):
            from unroll.registry.names import resolve

            folder = resolve(str(place))
    elif not is_folder(folder):
        raise ParamsError(
            f"{place}: no such folder; make one with make repro, or name a registered version: models:/NAME@champion"
        )
    if public_key is not None:
        from unroll.artifacts import signing

        signing.check(folder, signatures(place), Path(public_key))
    from unroll.params.reading import load_search
    from unroll.predict import loading

    beside = folder.parent / "search.json"
    if search is None and (registered or beside.is_file()):
        search = load_search(beside)
    return loading.load(folder, search, threads)


def signatures(place: str | Path) -> Mapping[str, str]:
    """Return the signatures of a model, by what is signed: those beside its folder, or of a registered version.

    Raises:
        ParamsError: there is no such version.
    """
    if str(place).startswith("models:"):
        with needing("track", "a registered model"):
            from unroll.registry import signatures as registered

            return registered.read(str(place))
    from unroll.artifacts import signing

    return signing.read(Path(place))


def train(
    pipeline: str | Path | Pipeline,
    rows: Iterable[tuple[str, str]] | Iterable[str],
    folder: str | Path,
    changes: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> Predictor:
    """Train a model of one's own rows as a pipeline says: cleaned, split, tokenized, embedded and learnt; return it.

    What `dvc repro` does to files, without DVC, scores and MLflow. The same rows, parameters and threads give the same
    bytes.

    Args:
        pipeline: a pipeline file, or one that was read; its `fetch` and the files in `prepare.corpus` are not asked.
        rows: pairs of source and target; texts for a language model.
        folder: where the model goes.
        changes: other values of some parameters, by their dotted names: {"train.updates": 500}.
        threads: of the processor.
    Raises:
        ParamsError: a parameter is wrong.
        DataError: too few rows are left for train, valid and test.
    """
    with needing("train", "training"):
        from unroll.training import whole
    from unroll.params.reading import changed, load_file
    from unroll.predict import loading

    machine = {"accelerator": "cpu", "processes": 1, "threads": threads}
    if isinstance(pipeline, str | Path):
        pipeline = load_file(Path(pipeline), machine)
    with tempfile.TemporaryDirectory() as aside:
        whole.train(changed(pipeline, changes or {}), rows, Path(aside), Path(folder))
    return loading.load(Path(folder))
