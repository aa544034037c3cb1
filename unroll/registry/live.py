"""The run of a model that is learning."""

from __future__ import annotations

import math
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from unroll.params.pipeline import Recipe
from unroll.registry.tracking import (
    Point,
    client,
    experiment_of,
    find,
    first_line,
    log_params,
    log_points,
    log_tags,
    origin_tags,
    prepare,
    recipe_params,
    run_name,
    where,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

LIVE_TIMEOUT = 3
"""Seconds that a call may wait for a tracking server while a model learns."""
FLUSH_SECONDS, MOST_SECONDS, CLOSING_SECONDS = 2.0, 60.0, 60.0
"""Between two sendings of points; at most, while the store does not answer; for the last ones, when all is done."""


WATCH_SECONDS = 10.0
"""Between two looks at processor, memory, disk, network and accelerator."""


class LiveRun:
    """The run of a model that is learning. A thread mirrors it, so that a slow or dead store does not hold up training.

    Points wait until the store has them. After a call that failed, and where a run is continued, the store is asked how
    far it got: no point is lost, none is there twice. What still waits at the end is in the files, from which
    `runs.record` logs it. What the machine did meanwhile stands beside the points, as MLflow measures and names it:
    that is in no file.
    """

    def __init__(self, pipeline: str, recipe: Recipe, fingerprint: str) -> None:
        self.pipeline, self.recipe, self.fingerprint = pipeline, recipe, fingerprint
        self._client: MlflowClient | None = None
        self._experiment = self._run = self._model = ""
        self._waiting: list[Point] = []
        self._reached: dict[str, int] = {}
        self._unsure = self._told = False
        self._machine: SystemMetricsMonitor | None = None
        self._update, self._watched = 0, 0.0
        self._closing = threading.Event()
        self.thread = threading.Thread(target=self._mirror, name="mlflow", daemon=True)
        self.thread.start()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Note metrics of an update, to be sent together every few seconds; values that are not finite are left out."""
        self._update = step
        self._note(metrics, step)

    def _note(self, metrics: Mapping[str, float], step: int) -> None:
        now = round(time.time() * 1000)
        self._waiting += [(name, float(value), now, step) for name, value in metrics.items() if math.isfinite(value)]

    def adopt(self, model_sha256: str) -> None:
        """Say which model came out: the tag by which the run is found from then on."""
        self._model = model_sha256

    def close(self, status: str) -> None:
        """End the run. If the model has one already, versions may depend on it: it stays, and this one is deleted."""
        self._status = status
        self._closing.set()
        self.thread.join(CLOSING_SECONDS)

    def _mirror(self) -> None:
        pause = FLUSH_SECONDS
        while True:
            pause = FLUSH_SECONDS if self._send() else min(2 * pause, MOST_SECONDS)
            with self._forgiving():
                self._watch()
            if self._closing.wait(pause):
                break
        self._send()
        with self._forgiving():
            self._finish()

    def _watch(self) -> None:
        """Note what the machine does, at the update that training has come to."""
        if self._client is None or time.monotonic() < self._watched + WATCH_SECONDS:
            return
        begun, self._watched = self._machine is None, time.monotonic()
        if self._machine is None:
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            self._machine = SystemMetricsMonitor(self._run)
        self._machine.collect_metrics()
        found = self._machine.aggregate_metrics()
        for monitor in self._machine.monitors:
            monitor.clear_metrics()
        if not begun:  # what is counted from one look to the next begins with the first one
            self._note({f"system/{name}": value for name, value in found.items()}, self._update)

    def _send(self) -> bool:
        """Send what waits; return whether the store has all of it."""
        with self._forgiving():
            self._client = self._client or self._open()
            if self._unsure:
                self._reached, self._unsure = reached(self._client, self._run), False
            points = self._waiting[:]
            log_points(self._client, self._run, [p for p in points if p[3] > self._reached.get(p[0], -1)])
            del self._waiting[: len(points)]  # others may have been added behind them meanwhile
            return True
        self._unsure = True
        return False

    def _open(self) -> MlflowClient:
        """Open a run, or go on with the one that was cut off; end those whose process was killed."""
        prepare(LIVE_TIMEOUT)
        store = client()
        self._experiment = experiment_of(store, self.pipeline)
        _end_orphans(store, self._experiment)
        found = find(store, self._experiment, "fingerprint", self.fingerprint)
        cut_off = [run for run in found if run.info.status != "FINISHED"]
        process = {"process": f"{socket.gethostname()} {os.getpid()}"}
        if cut_off:
            self._run, self._unsure = cut_off[0].info.run_id, True
            store.update_run(self._run, status="RUNNING")
            log_tags(store, self._run, process)
        else:
            tags = {"fingerprint": self.fingerprint} | process | origin_tags()
            run = store.create_run(self._experiment, tags=tags, run_name=run_name(self.recipe))
            self._run = run.info.run_id
            log_params(store, run, recipe_params(self.recipe))
        return store

    def _finish(self) -> None:
        if not self._client:
            return
        if self._model and find(self._client, self._experiment, "model.sha256", self._model):
            self._client.delete_run(self._run)
            return
        if self._model:
            self._client.set_tag(self._run, "model.sha256", self._model)
            self._client.update_run(self._run, name=run_name(self.recipe, self._model))
        self._client.set_terminated(self._run, self._status)

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever a store can raise: none of it is a reason to lose a model
            if not self._told:
                print(f"unroll: {where()}: {first_line(error)}; training goes on without it", file=sys.stderr)
            self._told = True


def reached(client: MlflowClient, run: str) -> dict[str, int]:
    """Return the last step of each metric that a run has."""
    names = client.get_run(run).data.metrics
    return {name: max(point.step for point in client.get_metric_history(run, name)) for name in names}


def _end_orphans(client: MlflowClient, experiment: str) -> None:
    """End the runs that say they are running, and whose process on this machine is gone."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        host, _, process = run.data.tags.get("process", "").partition(" ")
        if host == socket.gethostname() and not psutil.pid_exists(int(process)):
            client.set_terminated(run.info.run_id, "KILLED")


@contextmanager
def live(pipeline: str, recipe: Recipe, fingerprint: str) -> Iterator[LiveRun]:
    """Open the run of a model that is about to learn, or go on with the one that was cut off.

    Args:
        fingerprint: of all that training depends on; an unfinished run with the same one is continued.
    """
    run = LiveRun(pipeline, recipe, fingerprint)
    try:
        yield run
    except BaseException as error:
        run.close("KILLED" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "FAILED")
        raise
    run.close("FINISHED")
