"""What the run of a model recorded of how it was made: by which code, and when."""

from __future__ import annotations

from datetime import UTC, datetime

from unroll.artifacts.statement import Made
from unroll.registry.tracking import is_there, reaching


def made(model_sha256: str) -> Made | None:
    """Return what the run that trained a model recorded; None if there is none, as where it was brought from elsewhere.

    Args:
        model_sha256: the identity of the model's manifest.
    Raises:
        ResourceError: the store cannot be reached.
    """
    if not is_there():
        return None
    with reaching() as client:
        names = {found.experiment_id: found.name for found in client.search_experiments()}
        wanted = f"tags.`model.sha256` = '{model_sha256}'"
        runs = client.search_runs(list(names), wanted, order_by=["attributes.start_time ASC"])
    # A run that was made again from files knows neither code nor times of the training.
    run = next((run for run in runs if "recreated" not in run.data.tags), None)
    if run is None:
        return None
    tags, info = run.data.tags, run.info
    edited = tags.get("git.dirty") == "true"
    times = _time(info.start_time), _time(info.end_time)
    return Made(str(info.run_id), names[info.experiment_id], tags.get("git.commit"), edited, *times)


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
