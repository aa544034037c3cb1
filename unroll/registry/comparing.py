"""What differs between versions of a registered model, or between revisions and experiments: parameters and scores."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from rich.console import Group
from rich.table import Table
from rich.text import Text

from unroll.errors import ParamsError
from unroll.folders import PIPELINE_FILES, Folders
from unroll.params.reading import leaves
from unroll.registry import card
from unroll.registry.champions import known_versions
from unroll.registry.tracking import asking

WORKSPACE = "workspace"
"""The revision that is not committed yet: the files here."""
NARROWEST = 12
"""Letters of a column that can still be read."""


class Entry(NamedTuple):
    """A model as one compares it: what it is called, its main scores as they are shown, and what made it."""

    name: str
    scores: dict[str, str]
    params: dict[str, str]


def of_versions(name: str) -> list[Entry]:
    """Return the versions of a registered model, the latest first, with the parameters of their runs.

    Raises:
        ParamsError: there is no such model.
        ResourceError: the store cannot be reached.
    """
    with asking() as client:
        found = []
        for version, aliases in known_versions(client, name):
            data, tags = client.get_run(str(version.run_id)).data, version.tags
            search = {key: value for key, value in data.tags.items() if key.startswith("search.")}
            first = dict.fromkeys([tags.get("main", ""), *card.SHOWN])
            scores = {key: tags[key] for key in first if key in tags} | {"verdict": tags.get("verdict", "")}
            found.append(Entry(" ".join([str(version.version), *aliases]), scores, data.params | search))
        return found


def of_revisions(root: Path, pipeline: str, revisions: Sequence[str]) -> list[Entry]:
    """Return a pipeline as commits, branches, tags and DVC experiments have it, or `workspace`: the files as they are.

    Raises:
        ParamsError: there is no such revision, or it has no such pipeline.
    """
    return [_of_revision(root, pipeline, revision) for revision in revisions]


def differing(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with those parameters alone in which they differ, in the same order in each."""
    names = dict.fromkeys(name for entry in entries for name in entry.params)
    apart = [name for name in names if len({entry.params.get(name) for entry in entries}) > 1]
    return [entry._replace(params={name: entry.params.get(name, "") for name in apart}) for entry in entries]


def table(entries: Sequence[Entry], width: int) -> Group:
    """Return a row for each score and each parameter; a column for each entry, as many as the width has room for."""
    names = [*_names(entry.scores for entry in entries), *_names(entry.params for entry in entries)]
    room = max(1, (width - max(map(len, names), default=0)) // (NARROWEST + 2))
    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("", no_wrap=True)
    for entry in entries[:room]:
        drawn.add_column(Text(entry.name), overflow="fold")
    for name in names:
        values = [(entry.scores | entry.params).get(name, "") for entry in entries[:room]]
        drawn.add_row(Text(name), *map(Text, values))
    left = f"{len(entries) - room} more: --csv, --json" if len(entries) > room else ""
    return Group(drawn, *([left] if left else []))


def as_csv(entries: Sequence[Entry]) -> str:
    """Return a line for each entry, below the names of the columns."""
    scores, params = (_names(group) for group in zip(*(entry[1:] for entry in entries), strict=True))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["name", *scores, *params])
    for entry in entries:
        values = [entry.scores.get(name, "") for name in scores] + [entry.params.get(name, "") for name in params]
        rows.writerow([entry.name, *values])
    return text.getvalue()


def _names(groups: Any) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group))


def _of_revision(root: Path, pipeline: str, revision: str) -> Entry:
    if revision == WORKSPACE:
        return _of_files(root, pipeline, revision)
    commit = _commit(root, revision)
    wanted = ["params.yaml", f"{PIPELINE_FILES}/{pipeline}.yaml", f":(glob)reports/{pipeline}/*.json"]
    with tempfile.TemporaryDirectory() as aside:
        for path in wanted:  # one by one: git refuses all where one is not there
            if packed := _git(root, "archive", "--format=zip", commit, "--", path):
                with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                    archive.extractall(aside)
        return _of_files(Path(aside), pipeline, revision if commit.startswith(revision) else f"{revision} {commit[:7]}")


def _commit(root: Path, revision: str) -> str:
    """Return the hash of a commit, which may go by the name of a DVC experiment."""
    experiments = _git(root, "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{revision}").split()
    found = [*_git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").split(), *experiments]
    if not found:
        raise ParamsError(f"{revision}: no commit, branch, tag or DVC experiment here; dvc exp list shows these")
    return found[0].decode()


def _of_files(root: Path, pipeline: str, name: str) -> Entry:
    folders, file = Folders(root, pipeline), root / PIPELINE_FILES / f"{pipeline}.yaml"
    if not file.is_file():
        raise ParamsError(f"{name}: has no {PIPELINE_FILES}/{pipeline}.yaml")
    machine = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8")).get("machine", {})
    written = yaml.safe_load(file.read_text(encoding="utf-8")) | {"machine": machine}
    scores = {key: card.shown(value) for key, value in card.main_scores(card.scores(folders.reports)).items()}
    values = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
              for key, value in leaves(written)}  # fmt: skip
    return Entry(name, scores, values | card.facts(folders.reports))


def _git(root: Path, *arguments: str) -> bytes:
    """Return what git says, or nothing where it refuses."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""
